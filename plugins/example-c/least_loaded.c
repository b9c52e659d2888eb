// An allocator of floe in C: free slots and load per processor, half and half. Needs nothing but floe_allocator.h.
//
// It keeps no state, so one instance is as good as another; a real policy would allocate its own in `create`.

#include "floe_allocator.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SCALE 1000000.0

// What a node that was never measured is taken to carry: half of its processors.
#define UNKNOWN_LOAD 0.5

static int only_instance;

// Writes as much of a text as there is room for.
static void say(floe_text_buffer *room, const char *text) {
  if (room == NULL || room->buf == NULL) {
    return;
  }
  size_t length = strlen(text);
  if (length > room->cap) {
    length = room->cap;
  }
  memcpy(room->buf, text, length);
  room->len = (uint32_t)length;
}

// SplitMix64's last step: neighbouring numbers give unrelated ones.
static uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

// Nothing to configure: takes the empty table only, and says so.
static int32_t create(const floe_host *host, floe_str config, void **instance, floe_text_buffer *error) {
  if (host == NULL || host->major != FLOE_ABI_MAJOR || instance == NULL) {
    say(error, "least-loaded-c wants a host of ABI 1");
    return FLOE_UNSUPPORTED;
  }
  for (size_t at = 0; at < config.len; at++) {
    if (strchr("{} \t\r\n", config.ptr[at]) == NULL) {
      say(error, "least-loaded-c has no settings; wants an empty table");
      return FLOE_CONFIG;
    }
  }
  *instance = &only_instance;
  return FLOE_OK;
}

static void destroy(void *instance) { (void)instance; }

// 1 for an empty candidate on an idle node, towards 0 for a full one on a busy node.
static double fitness(const floe_candidate *candidate) {
  double free = candidate->capacity == 0
                    ? 1.0 / (1.0 + candidate->in_use)
                    : 1.0 - (double)candidate->in_use / (double)candidate->capacity;
  double cpus = candidate->cpus == 0 ? 1.0 : (double)candidate->cpus;
  bool known = candidate->load_age_ms != FLOE_AGE_UNKNOWN && isfinite(candidate->load1) && candidate->load1 >= 0.0f;
  double load = known ? (double)candidate->load1 / cpus : UNKNOWN_LOAD;
  // Grants that the load does not show yet count as one busy processor each.
  load += (double)candidate->pending / cpus;
  return 0.5 * free + 0.5 / (1.0 + load);
}

static int32_t evaluate(void *instance, const floe_request *request, const floe_batch *batch, floe_verdict *verdicts,
                        floe_text_buffer *error) {
  (void)instance;
  (void)request;
  (void)error;
  for (uint32_t i = 0; i < batch->count; i++) {
    const floe_candidate *candidate = FLOE_AT(batch, i);
    if (candidate->capacity != 0 && candidate->in_use >= candidate->capacity) {
      verdicts[i].code = FLOE_CODE_FULL;
    } else if (candidate->flags & (FLOE_CANDIDATE_DRAINING | FLOE_CANDIDATE_CORDONED)) {
      verdicts[i].code = FLOE_CODE_DRAINING;
    } else {
      verdicts[i].score = llround(SCALE * fitness(candidate));
    }
  }
  return FLOE_OK;
}

// Whether candidate `i` goes before candidate `best`: by score, then by a lot that the seed draws.
static bool goes_before(const floe_verdict *verdicts, uint64_t seed, uint32_t i, uint32_t best) {
  if (verdicts[i].score != verdicts[best].score) {
    return verdicts[i].score > verdicts[best].score;
  }
  return mixed(seed ^ mixed(i)) < mixed(seed ^ mixed(best));
}

// Hosts do the same when there is no `select`; here it shows how one looks.
static int32_t select_best(void *instance, const floe_request *request, const floe_batch *batch,
                           const floe_verdict *verdicts, uint32_t *indices, uint32_t cap, floe_decision *decision,
                           floe_text_buffer *error) {
  (void)instance;
  (void)error;
  for (decision->chosen = 0; decision->chosen < cap; decision->chosen++) {
    uint32_t best = batch->count;
    for (uint32_t i = 0; i < batch->count; i++) {
      bool taken = verdicts[i].code != FLOE_CODE_ELIGIBLE;
      for (uint32_t earlier = 0; earlier < decision->chosen; earlier++) {
        taken = taken || indices[earlier] == i;
      }
      if (!taken && (best == batch->count || goes_before(verdicts, request->seed, i, best))) {
        best = i;
      }
    }
    if (best == batch->count) {
      break;
    }
    indices[decision->chosen] = best;
  }
  if (decision->chosen == 0) {
    say(&decision->reason, "all candidates are full or being emptied");
    return FLOE_DEFER;
  }
  return FLOE_OK;
}

const floe_descriptor FLOE_ALLOCATOR_V1 = {
    FLOE_HEAD("least-loaded-c", "0.1.0", FLOE_FLAG_UNWIND | FLOE_FLAG_STATELESS),
    create,
    destroy,
    evaluate,
    select_best,
    NULL, // order
    NULL, // observe
    NULL, // resync
};
