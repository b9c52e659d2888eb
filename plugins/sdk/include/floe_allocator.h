// The C side of floe's allocators: what a plugin exports, what it gets, what it answers.
//
// Written by a test of plugins/sdk from its src/abi.rs; do not edit. plugins/README.md is the contract in words, and
// plugins/example-c a whole plugin.
#ifndef FLOE_ALLOCATOR_H
#define FLOE_ALLOCATOR_H

#include <stddef.h>
#include <stdint.h>

// Makes the descriptor visible also where everything else is hidden.
#define FLOE_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
#define FLOE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define FLOE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif


// Another major is another symbol: hosts load only files of their own.
#define FLOE_ABI_MAJOR 1

// The newest minor that this file describes. A descriptor names the lowest one that it needs.
#define FLOE_ABI_MINOR 0

// Longest text that a plugin hands back, in bytes. Host and plugin both cut there.
#define FLOE_TEXT_BYTES_MAX 512

// Longest configuration, in bytes.
#define FLOE_CONFIG_BYTES_MAX 1048576

// Outcome: done, the out-parameters are filled.
#define FLOE_OK 0

// Outcome: no opinion; the next in line or the built-in decides. Not a fault.
#define FLOE_ABSTAIN 1

// Outcome: nothing suitable now; the request waits.
#define FLOE_DEFER 2

// Outcome: the request is refused; the text goes to the client.
#define FLOE_DENY 3

// Fault: a panic or an exception was caught inside. The instance answers nothing else until it is created again.
#define FLOE_PANIC -1

// Fault: the configuration is wrong; the text says where.
#define FLOE_CONFIG -2

// Fault: the plugin is at a loss.
#define FLOE_INTERNAL -3

// Fault: the plugin does not do this.
#define FLOE_UNSUPPORTED -4

// Fault: not now; the same call may work later.
#define FLOE_BUSY -5

// Descriptor flag: panics unwind, so the guards in the plugin hold.
#define FLOE_FLAG_UNWIND 1

// Descriptor flag: a panic ends the process. Never loaded into the daemon itself.
#define FLOE_FLAG_ABORT 2

// Descriptor flag: answers depend on nothing but the arguments.
#define FLOE_FLAG_STATELESS 4

// Descriptor flag: learns from `observe`; wants a `resync` after each `create` and after each gap.
#define FLOE_FLAG_NEEDS_RESYNC 8

// Descriptor flag: may only run in a child process (brings a runtime, threads or signal handlers).
#define FLOE_FLAG_PROCESS_ONLY 16

// Operation: give the session `want` of the candidates.
#define FLOE_OP_ALLOCATE 1

// Operation: put the members of a group into the order in which they are offered.
#define FLOE_OP_LOCATE 2

// Operation: as `FLOE_OP_ALLOCATE`, but nothing will be given. Nothing may be learned from it.
#define FLOE_OP_PROBE 3

// Candidate state: nothing is known.
#define FLOE_STATE_UNKNOWN 0

// Candidate state: its server runs and is ready.
#define FLOE_STATE_ACTIVE 1

// Candidate state: its server does not run and will be started on demand.
#define FLOE_STATE_INACTIVE 2

// Candidate state: its server is starting.
#define FLOE_STATE_STARTING 3

// Candidate state: its server is stopping.
#define FLOE_STATE_STOPPING 4

// Candidate flag: being emptied; give it only when nothing else is left.
#define FLOE_CANDIDATE_DRAINING 1

// Candidate flag: takes nothing new.
#define FLOE_CANDIDATE_CORDONED 2

// Candidate flag: the request names it as preferred.
#define FLOE_CANDIDATE_PREFERRED 4

// Candidate flag: the asking session holds it or its server already.
#define FLOE_CANDIDATE_HELD 8

// Load that was never measured: `load_age_ms` of such a candidate.
#define FLOE_AGE_UNKNOWN 4294967295

// Attribute kind: present, without a value.
#define FLOE_ATTR_NONE 0

// Attribute kind: a whole number in `num`.
#define FLOE_ATTR_INTEGER 1

// Attribute kind: the bits of a double in `num`.
#define FLOE_ATTR_FLOAT 2

// Attribute kind: `num` is 0 or 1.
#define FLOE_ATTR_BOOLEAN 3

// Attribute kind: a text.
#define FLOE_ATTR_TEXT 4

// Attribute kind: one member of a set; several follow each other under one key, ordered by text.
#define FLOE_ATTR_MEMBER 5

// Verdict code: may be given.
#define FLOE_CODE_ELIGIBLE 0

// Verdict code: has no free slot.
#define FLOE_CODE_FULL 1

// Verdict code: is being emptied.
#define FLOE_CODE_DRAINING 2

// Verdict code: takes nothing new.
#define FLOE_CODE_CORDONED 3

// Verdict code: lies in the wrong zone or would unbalance the zones.
#define FLOE_CODE_ZONE 4

// Verdict code: is loaded too much.
#define FLOE_CODE_LOAD 5

// Verdict code: would exceed a quota.
#define FLOE_CODE_QUOTA 6

// Verdict code: misses an attribute.
#define FLOE_CODE_ATTRIBUTE 7

// Verdict code: what is known of it is too old.
#define FLOE_CODE_STALE 8

// Verdict codes from here on belong to the plugin.
#define FLOE_CODE_PLUGIN 4096

// Event: a lease was granted.
#define FLOE_EVENT_ALLOCATED 1

// Event: a lease was given back.
#define FLOE_EVENT_RELEASED 2

// Event: a lease ended with its session.
#define FLOE_EVENT_EXPIRED 3

// Event: a lease was taken away.
#define FLOE_EVENT_REVOKED 4

// Event: a request was refused.
#define FLOE_EVENT_DENIED 5

// Event: a request began to wait.
#define FLOE_EVENT_QUEUED 6

// Event: a request waits no more, for whatever reason.
#define FLOE_EVENT_DEQUEUED 7

// Event: a node came.
#define FLOE_EVENT_NODE_UP 8

// Event: a node went.
#define FLOE_EVENT_NODE_DOWN 9

// Event: a candidate exists from now on.
#define FLOE_EVENT_CANDIDATE_ADDED 10

// Event: a candidate exists no more.
#define FLOE_EVENT_CANDIDATE_REMOVED 11

// Event: a candidate that was being emptied is empty.
#define FLOE_EVENT_DRAINED 12

// Resync phase, a bit: the first part; what was learned before is void.
#define FLOE_RESYNC_FIRST 1

// Resync phase, a bit: the last part; what came since the first is now the truth.
#define FLOE_RESYNC_LAST 2

// Log level: an operator must act.
#define FLOE_LOG_ERROR 1

// Log level: degraded, heals itself.
#define FLOE_LOG_WARN 2

// Log level: life cycle.
#define FLOE_LOG_INFO 3

// Log level: single requests.
#define FLOE_LOG_DEBUG 4

// A text: UTF-8, not ended by a zero byte. Owned by who gives it, valid during the call unless said otherwise.
typedef struct floe_str {
  // First byte; may be null if `len` is 0.
  const uint8_t *ptr;
  // Length in bytes.
  size_t len;
} floe_str;

// Room for a text, owned by the caller; the callee writes. May be null wherever a pointer to it is passed.
typedef struct floe_text_buffer {
  // First byte of the room; may be null if `cap` is 0.
  uint8_t *buf;
  // Size of the room in bytes, at most `FLOE_TEXT_BYTES_MAX`.
  uint32_t cap;
  // Bytes written, at most `cap`; the caller sets it to 0. Should be UTF-8; what is not is replaced.
  uint32_t len;
} floe_text_buffer;

// An attribute of a candidate or a request.
typedef struct floe_attr {
  // Interned name.
  uint32_t key;
  // One of `FLOE_ATTR_*`.
  uint32_t kind;
  // The value of a number or a truth value; else 0.
  int64_t num;
  // The value of a text or a member; else empty. Host's, valid during the call.
  struct floe_str text;
} floe_attr;

// Something that can be given. Host's, read-only, valid during the call.
typedef struct floe_candidate {
  // Unique in the grid and stable: the same on each registry and after a restart. Never 0.
  uint64_t id;
  // Name of the object or the adapter. Never empty.
  struct floe_str name;
  // Interned name of its node; 0 if no node runs it.
  uint32_t node;
  // Interned name of its zone; 0 if it has none.
  uint32_t zone;
  // Interned name of its type; 0 if it has none.
  uint32_t type_id;
  // One of `FLOE_STATE_*`.
  uint32_t state;
  // Bits of `FLOE_CANDIDATE_*`.
  uint32_t flags;
  // Load average of its node over one minute; not a number if unknown.
  float load1;
  // Load average over five minutes; not a number if unknown.
  float load5;
  // Load average over fifteen minutes; not a number if unknown.
  float load15;
  // Age of the three loads in milliseconds; `FLOE_AGE_UNKNOWN` if never measured.
  uint32_t load_age_ms;
  // Processors of its node; 0 if unknown.
  uint32_t cpus;
  // Free memory of its node in MiB; 0 if unknown.
  uint32_t mem_free_mib;
  // Leases that it can carry at once; 0: no bound.
  uint32_t capacity;
  // Leases that it carries, exact.
  uint32_t in_use;
  // Those of `in_use` granted after the loads were measured, so that the loads do not show them yet.
  uint32_t pending;
  // Requests that wait for it by name.
  uint32_t queued;
  // Relative weight as deployed; 0: not given.
  uint32_t weight;
  // Priority as deployed, smaller first.
  int32_t priority;
  // Length of `attrs`.
  uint32_t attr_count;
  // Attributes, ordered by key; may be null if there are none.
  const struct floe_attr *attrs;
} floe_candidate;

// The candidates of one decision. Host's, read-only, valid during the call. Their memory is a multiple of `stride` long.
typedef struct floe_batch {
  // Size of this record as the host knows it.
  uint32_t struct_size;
  // Bytes from one candidate to the next, a multiple of 8. Newer hosts have longer candidates: always step by this.
  uint32_t stride;
  // Number of candidates; may be 0.
  uint32_t count;
  // Zero.
  uint32_t reserved;
  // Number of the snapshot that the candidates were taken from.
  uint64_t generation;
  // The first candidate, aligned to 8; may be null if `count` is 0.
  const struct floe_candidate *base;
} floe_batch;

// What is asked for. Host's, read-only, valid during the call.
typedef struct floe_request {
  // Size of this record as the host knows it.
  uint32_t struct_size;
  // One of `FLOE_OP_*`.
  uint32_t op;
  // Counts the decisions of this host.
  uint64_t seq;
  // The time of the decision in milliseconds: monotonic, from an origin that never changes while the process lives.
  uint64_t now_ms;
  // The only source of chance: same arguments, same state and same seed give the same answer.
  uint64_t seed;
  // The asking session, stable over promotions; 0 if nobody's.
  uint64_t session;
  // Interned name of who asks; 0 if unknown.
  uint32_t principal;
  // Interned name of the group that who asks belongs to; 0 if none.
  uint32_t group;
  // Interned name of the type or the replica group asked for; 0 if asked by name.
  uint32_t type_id;
  // Interned name of the zone that who asks is in or prefers; 0 if unknown.
  uint32_t zone;
  // Interned name of the node that who asks runs on; 0 if unknown.
  uint32_t node;
  // Class of the request, smaller first.
  int32_t priority;
  // How many are wanted, at least 1.
  uint32_t want;
  // Time left to answer when the call began, in microseconds; 0: not bounded.
  uint32_t deadline_us;
  // How long the client waits for a grant, in milliseconds; negative: for ever.
  int64_t wait_ms;
  // Length of `attrs`.
  uint32_t attr_count;
  // Length of `held`.
  uint32_t held_count;
  // Attributes of the request, ordered by key; may be null if there are none.
  const struct floe_attr *attrs;
  // Ids of what the session holds, ascending; may be null if it holds nothing.
  const uint64_t *held;
} floe_request;

// One request in a queue. Host's, read-only, valid during the call. Step by `struct_size`.
typedef struct floe_waiting {
  // Size of this record as the host knows it, a multiple of 8, and the step to the next one.
  uint32_t struct_size;
  // How often it was passed over by somebody who came later.
  uint32_t passed;
  // When it began to wait, on the clock of `now_ms`.
  uint64_t since_ms;
  // The request itself, with the `now_ms` of this call. Never null.
  const struct floe_request *request;
} floe_waiting;

// What a plugin says about one candidate. Host's array, zeroed, one a candidate, in the order of the batch.
typedef struct floe_verdict {
  // Higher is better; hosts cut it to plus and minus 1,000,000,000. Means nothing if the code is not 0.
  int64_t score;
  // `FLOE_CODE_ELIGIBLE`, or why not.
  uint32_t code;
  // Zero.
  uint32_t reserved;
} floe_verdict;

// The answer of `select` beside the indices. Host's, the plugin writes.
typedef struct floe_decision {
  // Size of this record as the host knows it; the plugin leaves it alone.
  uint32_t struct_size;
  // Number of indices written. 0 with `FLOE_OK` means: none of them.
  uint32_t chosen;
  // With `FLOE_DEFER`: when to ask again, in milliseconds; 0: when something changes.
  uint64_t retry_after_ms;
  // With `FLOE_DEFER` and `FLOE_DENY`: why, for the client. With `FLOE_OK`: an explanation for the operator, or nothing.
  struct floe_text_buffer reason;
} floe_decision;

// Something that happened, told after the fact and in sequence. Host's, valid during the call. Step by `struct_size`.
typedef struct floe_event {
  // Size of this record as the host knows it, a multiple of 8, and the step to the next one.
  uint32_t struct_size;
  // One of `FLOE_EVENT_*`; ignore those that you do not know.
  uint32_t kind;
  // Counts events. After a gap the host sends a `resync` first.
  uint64_t seq;
  // When it happened.
  uint64_t now_ms;
  // The lease; 0 if about none.
  uint64_t lease;
  // Id of the candidate; 0 if about none.
  uint64_t candidate;
  // The session; 0 if about none.
  uint64_t session;
  // Interned name of the session's owner; 0 if unknown.
  uint32_t principal;
  // Interned name of the owner's group; 0 if none.
  uint32_t group;
  // Interned name of the type that was asked for, else of the candidate's type; 0 if none.
  uint32_t type_id;
  // Interned name of the candidate's zone; 0 if none.
  uint32_t zone;
  // Interned name of the candidate's node, or of the node that came or went; 0 if none.
  uint32_t node;
  // Class of the request, smaller first.
  int32_t priority;
} floe_event;

// A lease that is held, for `resync`. Host's, valid during the call. Step by `struct_size`.
typedef struct floe_lease {
  // Size of this record as the host knows it, a multiple of 8, and the step to the next one.
  uint32_t struct_size;
  // Zero.
  uint32_t reserved;
  // The lease; unique.
  uint64_t lease;
  // Id of the candidate.
  uint64_t candidate;
  // The session.
  uint64_t session;
  // When it was granted, on the clock of `now_ms`; the host's start if before that.
  uint64_t since_ms;
  // The time of this call.
  uint64_t now_ms;
  // Interned name of the session's owner; 0 if unknown.
  uint32_t principal;
  // Interned name of the owner's group; 0 if none.
  uint32_t group;
  // Interned name of the type that was asked for, else of the candidate's type; 0 if none.
  uint32_t type_id;
  // Interned name of the candidate's zone; 0 if none.
  uint32_t zone;
  // Interned name of the candidate's node; 0 if none.
  uint32_t node;
  // Class of the request, smaller first.
  int32_t priority;
} floe_lease;

// What the host offers. It and `ctx` stay valid until the process ends; a plugin may copy the table.
//
// Call `log` from any thread, the others only from inside a slot; nothing once `destroy` has been called.
typedef struct floe_host {
  // Size of this record as the host knows it.
  uint32_t struct_size;
  // Major version of the host.
  uint16_t major;
  // Minor version of the host.
  uint16_t minor;
  // Goes back as the first argument of each function; may be null.
  void *ctx;
  // Writes a line to the host's log: one of `FLOE_LOG_*`, and at most 512 bytes of text. Limited in rate. Never null.
  void (*log)(void *ctx, uint32_t level, struct floe_str text);
  // The number of a name, the same for the process's life; 0 if the name is empty or the host has no room. Never null.
  uint32_t (*intern)(void *ctx, struct floe_str text);
  // The name of a number, valid until the process ends; empty if unknown. Never null.
  struct floe_str (*resolve)(void *ctx, uint32_t id);
  // The clock of `now_ms`, for measuring. A decision takes its time from the request. Never null.
  uint64_t (*now_ms)(void *ctx);
} floe_host;

// What a file exports as `FLOE_ALLOCATOR_V1`: a constant. Up to `built_with` it needs no relocation, so that hosts read
// it out of the file before any code of it runs.
//
// Slots may be null, but `create`, `destroy` and at least one of `evaluate`, `select` and `order` are there. No slot is
// called while another one of the same instance runs, and all calls of an instance come from one thread. No slot may let a
// panic or an exception out. `error` may be null.
typedef struct floe_descriptor {
  // `FLOEALOC`.
  uint8_t magic[8];
  // Major version that it is written for.
  uint16_t abi_major;
  // Lowest minor version of a host that it can live with.
  uint16_t abi_minor;
  // Size of this record as the plugin knows it.
  uint32_t struct_size;
  // Size of a candidate as the plugin knows it.
  uint32_t candidate_size;
  // Size of a request as the plugin knows it.
  uint32_t request_size;
  // Bits of `FLOE_FLAG_*`.
  uint32_t flags;
  // Zero.
  uint32_t reserved;
  // Name of the policy, as in configuration; UTF-8, filled up with zeros, the last byte is zero.
  uint8_t name[32];
  // Version of the plugin; likewise.
  uint8_t version[16];
  // Compiler or SDK, for people; likewise.
  uint8_t built_with[48];
  // Makes an instance. `config` is JSON: exactly the plugin's own table, `{}` if there is none, valid during the call.
  // Writes to `instance` only when it answers `FLOE_OK`.
  int32_t (*create)(const struct floe_host *host,
                    struct floe_str config,
                    void **instance,
                    struct floe_text_buffer *error);
  // Ends an instance: its threads are joined, its memory is freed. Called once, also after a panic.
  void (*destroy)(void *instance);
  // Fills one verdict a candidate. With `FLOE_DENY` and `FLOE_DEFER` the text in `error` is the reason for the client.
  int32_t (*evaluate)(void *instance,
                      const struct floe_request *request,
                      const struct floe_batch *batch,
                      struct floe_verdict *verdicts,
                      struct floe_text_buffer *error);
  // Writes at most `cap` distinct indices into the batch, best first, none of them rejected by its verdict; `cap` is at
  // least 1. For `FLOE_OP_LOCATE` all that are fit are put into order. Without this slot the host takes the highest scores.
  int32_t (*select)(void *instance,
                    const struct floe_request *request,
                    const struct floe_batch *batch,
                    const struct floe_verdict *verdicts,
                    uint32_t *indices,
                    uint32_t cap,
                    struct floe_decision *decision,
                    struct floe_text_buffer *error);
  // Writes one key a waiting request, lower first. Of equal keys the host serves the one that waits longer, and it puts
  // a request first that was passed over too often.
  int32_t (*order)(void *instance,
                   const struct floe_waiting *waiting,
                   uint32_t count,
                   uint64_t *keys,
                   struct floe_text_buffer *error);
  // Tells what happened. A fault here makes the host resync.
  int32_t (*observe)(void *instance, const struct floe_event *events, uint32_t count, struct floe_text_buffer *error);
  // Tells all leases that are held, in parts; `phase` has bits of `FLOE_RESYNC_*`. Replaces all that was learned.
  int32_t (*resync)(void *instance,
                    const struct floe_lease *leases,
                    uint32_t count,
                    uint32_t phase,
                    struct floe_text_buffer *error);
} floe_descriptor;


// Starts the descriptor.
#define FLOE_MAGIC { 'F', 'L', 'O', 'E', 'A', 'L', 'O', 'C' }

// The lowest minor version of a host that the plugin can live with; define it before the include if it needs more.
#ifndef FLOE_NEEDS_MINOR
#define FLOE_NEEDS_MINOR 0
#endif

#define FLOE_TEXT_OF_(token) #token
#define FLOE_TEXT_OF(token) FLOE_TEXT_OF_(token)
#if defined(__clang__)
#define FLOE_BUILT_WITH "clang " FLOE_TEXT_OF(__clang_major__)
#elif defined(__GNUC__)
#define FLOE_BUILT_WITH "gcc " FLOE_TEXT_OF(__GNUC__)
#else
#define FLOE_BUILT_WITH "C"
#endif

// The fields of a descriptor before its slots; `name` and `version` are string literals, `flags` bits of `FLOE_FLAG_*`.
// C code has no panics, so `FLOE_FLAG_UNWIND` is right; in C++ it promises that each slot catches all exceptions.
#define FLOE_HEAD(name, version, flags)                                                                \
  FLOE_MAGIC, FLOE_ABI_MAJOR, FLOE_NEEDS_MINOR, (uint32_t)sizeof(floe_descriptor),                     \
      (uint32_t)sizeof(floe_candidate), (uint32_t)sizeof(floe_request), (flags), 0, name, version,     \
      FLOE_BUILT_WITH

// Item `index` of records whose host may know more fields than this header: never index them as an array.
#define FLOE_STEP_(type, base, index, step) \
  ((const type *)(const void *)((const unsigned char *)(const void *)(base) + (size_t)(index) * (size_t)(step)))
// Candidate `index` of a batch.
#define FLOE_AT(batch, index) FLOE_STEP_(floe_candidate, (batch)->base, index, (batch)->stride)
// Number `index` of waiting requests, events or leases; there must be at least one.
#define FLOE_WAITING_AT(first, index) FLOE_STEP_(floe_waiting, first, index, (first)->struct_size)
#define FLOE_EVENT_AT(first, index) FLOE_STEP_(floe_event, first, index, (first)->struct_size)
#define FLOE_LEASE_AT(first, index) FLOE_STEP_(floe_lease, first, index, (first)->struct_size)

#ifdef __cplusplus
extern "C" {
#endif
// What the plugin defines. In C++ it must be `constexpr` or `constinit const`: hosts read it out of the file.
extern FLOE_EXPORT const floe_descriptor FLOE_ALLOCATOR_V1;
#ifdef __cplusplus
}
#endif

// The layout, as the host has it.
FLOE_STATIC_ASSERT(sizeof(floe_str) == 16, "size of floe_str");
FLOE_STATIC_ASSERT(offsetof(floe_str, ptr) == 0, "offset of floe_str.ptr");
FLOE_STATIC_ASSERT(offsetof(floe_str, len) == 8, "offset of floe_str.len");
FLOE_STATIC_ASSERT(sizeof(floe_text_buffer) == 16, "size of floe_text_buffer");
FLOE_STATIC_ASSERT(offsetof(floe_text_buffer, buf) == 0, "offset of floe_text_buffer.buf");
FLOE_STATIC_ASSERT(offsetof(floe_text_buffer, cap) == 8, "offset of floe_text_buffer.cap");
FLOE_STATIC_ASSERT(offsetof(floe_text_buffer, len) == 12, "offset of floe_text_buffer.len");
FLOE_STATIC_ASSERT(sizeof(floe_attr) == 32, "size of floe_attr");
FLOE_STATIC_ASSERT(offsetof(floe_attr, key) == 0, "offset of floe_attr.key");
FLOE_STATIC_ASSERT(offsetof(floe_attr, kind) == 4, "offset of floe_attr.kind");
FLOE_STATIC_ASSERT(offsetof(floe_attr, num) == 8, "offset of floe_attr.num");
FLOE_STATIC_ASSERT(offsetof(floe_attr, text) == 16, "offset of floe_attr.text");
FLOE_STATIC_ASSERT(sizeof(floe_candidate) == 104, "size of floe_candidate");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, id) == 0, "offset of floe_candidate.id");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, name) == 8, "offset of floe_candidate.name");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, node) == 24, "offset of floe_candidate.node");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, zone) == 28, "offset of floe_candidate.zone");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, type_id) == 32, "offset of floe_candidate.type_id");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, state) == 36, "offset of floe_candidate.state");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, flags) == 40, "offset of floe_candidate.flags");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, load1) == 44, "offset of floe_candidate.load1");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, load5) == 48, "offset of floe_candidate.load5");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, load15) == 52, "offset of floe_candidate.load15");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, load_age_ms) == 56, "offset of floe_candidate.load_age_ms");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, cpus) == 60, "offset of floe_candidate.cpus");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, mem_free_mib) == 64, "offset of floe_candidate.mem_free_mib");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, capacity) == 68, "offset of floe_candidate.capacity");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, in_use) == 72, "offset of floe_candidate.in_use");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, pending) == 76, "offset of floe_candidate.pending");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, queued) == 80, "offset of floe_candidate.queued");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, weight) == 84, "offset of floe_candidate.weight");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, priority) == 88, "offset of floe_candidate.priority");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, attr_count) == 92, "offset of floe_candidate.attr_count");
FLOE_STATIC_ASSERT(offsetof(floe_candidate, attrs) == 96, "offset of floe_candidate.attrs");
FLOE_STATIC_ASSERT(sizeof(floe_batch) == 32, "size of floe_batch");
FLOE_STATIC_ASSERT(offsetof(floe_batch, struct_size) == 0, "offset of floe_batch.struct_size");
FLOE_STATIC_ASSERT(offsetof(floe_batch, stride) == 4, "offset of floe_batch.stride");
FLOE_STATIC_ASSERT(offsetof(floe_batch, count) == 8, "offset of floe_batch.count");
FLOE_STATIC_ASSERT(offsetof(floe_batch, reserved) == 12, "offset of floe_batch.reserved");
FLOE_STATIC_ASSERT(offsetof(floe_batch, generation) == 16, "offset of floe_batch.generation");
FLOE_STATIC_ASSERT(offsetof(floe_batch, base) == 24, "offset of floe_batch.base");
FLOE_STATIC_ASSERT(sizeof(floe_request) == 104, "size of floe_request");
FLOE_STATIC_ASSERT(offsetof(floe_request, struct_size) == 0, "offset of floe_request.struct_size");
FLOE_STATIC_ASSERT(offsetof(floe_request, op) == 4, "offset of floe_request.op");
FLOE_STATIC_ASSERT(offsetof(floe_request, seq) == 8, "offset of floe_request.seq");
FLOE_STATIC_ASSERT(offsetof(floe_request, now_ms) == 16, "offset of floe_request.now_ms");
FLOE_STATIC_ASSERT(offsetof(floe_request, seed) == 24, "offset of floe_request.seed");
FLOE_STATIC_ASSERT(offsetof(floe_request, session) == 32, "offset of floe_request.session");
FLOE_STATIC_ASSERT(offsetof(floe_request, principal) == 40, "offset of floe_request.principal");
FLOE_STATIC_ASSERT(offsetof(floe_request, group) == 44, "offset of floe_request.group");
FLOE_STATIC_ASSERT(offsetof(floe_request, type_id) == 48, "offset of floe_request.type_id");
FLOE_STATIC_ASSERT(offsetof(floe_request, zone) == 52, "offset of floe_request.zone");
FLOE_STATIC_ASSERT(offsetof(floe_request, node) == 56, "offset of floe_request.node");
FLOE_STATIC_ASSERT(offsetof(floe_request, priority) == 60, "offset of floe_request.priority");
FLOE_STATIC_ASSERT(offsetof(floe_request, want) == 64, "offset of floe_request.want");
FLOE_STATIC_ASSERT(offsetof(floe_request, deadline_us) == 68, "offset of floe_request.deadline_us");
FLOE_STATIC_ASSERT(offsetof(floe_request, wait_ms) == 72, "offset of floe_request.wait_ms");
FLOE_STATIC_ASSERT(offsetof(floe_request, attr_count) == 80, "offset of floe_request.attr_count");
FLOE_STATIC_ASSERT(offsetof(floe_request, held_count) == 84, "offset of floe_request.held_count");
FLOE_STATIC_ASSERT(offsetof(floe_request, attrs) == 88, "offset of floe_request.attrs");
FLOE_STATIC_ASSERT(offsetof(floe_request, held) == 96, "offset of floe_request.held");
FLOE_STATIC_ASSERT(sizeof(floe_waiting) == 24, "size of floe_waiting");
FLOE_STATIC_ASSERT(offsetof(floe_waiting, struct_size) == 0, "offset of floe_waiting.struct_size");
FLOE_STATIC_ASSERT(offsetof(floe_waiting, passed) == 4, "offset of floe_waiting.passed");
FLOE_STATIC_ASSERT(offsetof(floe_waiting, since_ms) == 8, "offset of floe_waiting.since_ms");
FLOE_STATIC_ASSERT(offsetof(floe_waiting, request) == 16, "offset of floe_waiting.request");
FLOE_STATIC_ASSERT(sizeof(floe_verdict) == 16, "size of floe_verdict");
FLOE_STATIC_ASSERT(offsetof(floe_verdict, score) == 0, "offset of floe_verdict.score");
FLOE_STATIC_ASSERT(offsetof(floe_verdict, code) == 8, "offset of floe_verdict.code");
FLOE_STATIC_ASSERT(offsetof(floe_verdict, reserved) == 12, "offset of floe_verdict.reserved");
FLOE_STATIC_ASSERT(sizeof(floe_decision) == 32, "size of floe_decision");
FLOE_STATIC_ASSERT(offsetof(floe_decision, struct_size) == 0, "offset of floe_decision.struct_size");
FLOE_STATIC_ASSERT(offsetof(floe_decision, chosen) == 4, "offset of floe_decision.chosen");
FLOE_STATIC_ASSERT(offsetof(floe_decision, retry_after_ms) == 8, "offset of floe_decision.retry_after_ms");
FLOE_STATIC_ASSERT(offsetof(floe_decision, reason) == 16, "offset of floe_decision.reason");
FLOE_STATIC_ASSERT(sizeof(floe_event) == 72, "size of floe_event");
FLOE_STATIC_ASSERT(offsetof(floe_event, struct_size) == 0, "offset of floe_event.struct_size");
FLOE_STATIC_ASSERT(offsetof(floe_event, kind) == 4, "offset of floe_event.kind");
FLOE_STATIC_ASSERT(offsetof(floe_event, seq) == 8, "offset of floe_event.seq");
FLOE_STATIC_ASSERT(offsetof(floe_event, now_ms) == 16, "offset of floe_event.now_ms");
FLOE_STATIC_ASSERT(offsetof(floe_event, lease) == 24, "offset of floe_event.lease");
FLOE_STATIC_ASSERT(offsetof(floe_event, candidate) == 32, "offset of floe_event.candidate");
FLOE_STATIC_ASSERT(offsetof(floe_event, session) == 40, "offset of floe_event.session");
FLOE_STATIC_ASSERT(offsetof(floe_event, principal) == 48, "offset of floe_event.principal");
FLOE_STATIC_ASSERT(offsetof(floe_event, group) == 52, "offset of floe_event.group");
FLOE_STATIC_ASSERT(offsetof(floe_event, type_id) == 56, "offset of floe_event.type_id");
FLOE_STATIC_ASSERT(offsetof(floe_event, zone) == 60, "offset of floe_event.zone");
FLOE_STATIC_ASSERT(offsetof(floe_event, node) == 64, "offset of floe_event.node");
FLOE_STATIC_ASSERT(offsetof(floe_event, priority) == 68, "offset of floe_event.priority");
FLOE_STATIC_ASSERT(sizeof(floe_lease) == 72, "size of floe_lease");
FLOE_STATIC_ASSERT(offsetof(floe_lease, struct_size) == 0, "offset of floe_lease.struct_size");
FLOE_STATIC_ASSERT(offsetof(floe_lease, reserved) == 4, "offset of floe_lease.reserved");
FLOE_STATIC_ASSERT(offsetof(floe_lease, lease) == 8, "offset of floe_lease.lease");
FLOE_STATIC_ASSERT(offsetof(floe_lease, candidate) == 16, "offset of floe_lease.candidate");
FLOE_STATIC_ASSERT(offsetof(floe_lease, session) == 24, "offset of floe_lease.session");
FLOE_STATIC_ASSERT(offsetof(floe_lease, since_ms) == 32, "offset of floe_lease.since_ms");
FLOE_STATIC_ASSERT(offsetof(floe_lease, now_ms) == 40, "offset of floe_lease.now_ms");
FLOE_STATIC_ASSERT(offsetof(floe_lease, principal) == 48, "offset of floe_lease.principal");
FLOE_STATIC_ASSERT(offsetof(floe_lease, group) == 52, "offset of floe_lease.group");
FLOE_STATIC_ASSERT(offsetof(floe_lease, type_id) == 56, "offset of floe_lease.type_id");
FLOE_STATIC_ASSERT(offsetof(floe_lease, zone) == 60, "offset of floe_lease.zone");
FLOE_STATIC_ASSERT(offsetof(floe_lease, node) == 64, "offset of floe_lease.node");
FLOE_STATIC_ASSERT(offsetof(floe_lease, priority) == 68, "offset of floe_lease.priority");
FLOE_STATIC_ASSERT(sizeof(floe_host) == 48, "size of floe_host");
FLOE_STATIC_ASSERT(offsetof(floe_host, struct_size) == 0, "offset of floe_host.struct_size");
FLOE_STATIC_ASSERT(offsetof(floe_host, major) == 4, "offset of floe_host.major");
FLOE_STATIC_ASSERT(offsetof(floe_host, minor) == 6, "offset of floe_host.minor");
FLOE_STATIC_ASSERT(offsetof(floe_host, ctx) == 8, "offset of floe_host.ctx");
FLOE_STATIC_ASSERT(offsetof(floe_host, log) == 16, "offset of floe_host.log");
FLOE_STATIC_ASSERT(offsetof(floe_host, intern) == 24, "offset of floe_host.intern");
FLOE_STATIC_ASSERT(offsetof(floe_host, resolve) == 32, "offset of floe_host.resolve");
FLOE_STATIC_ASSERT(offsetof(floe_host, now_ms) == 40, "offset of floe_host.now_ms");
FLOE_STATIC_ASSERT(sizeof(floe_descriptor) == 184, "size of floe_descriptor");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, magic) == 0, "offset of floe_descriptor.magic");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, abi_major) == 8, "offset of floe_descriptor.abi_major");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, abi_minor) == 10, "offset of floe_descriptor.abi_minor");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, struct_size) == 12, "offset of floe_descriptor.struct_size");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, candidate_size) == 16, "offset of floe_descriptor.candidate_size");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, request_size) == 20, "offset of floe_descriptor.request_size");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, flags) == 24, "offset of floe_descriptor.flags");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, reserved) == 28, "offset of floe_descriptor.reserved");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, name) == 32, "offset of floe_descriptor.name");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, version) == 64, "offset of floe_descriptor.version");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, built_with) == 80, "offset of floe_descriptor.built_with");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, create) == 128, "offset of floe_descriptor.create");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, destroy) == 136, "offset of floe_descriptor.destroy");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, evaluate) == 144, "offset of floe_descriptor.evaluate");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, select) == 152, "offset of floe_descriptor.select");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, order) == 160, "offset of floe_descriptor.order");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, observe) == 168, "offset of floe_descriptor.observe");
FLOE_STATIC_ASSERT(offsetof(floe_descriptor, resync) == 176, "offset of floe_descriptor.resync");
#endif
