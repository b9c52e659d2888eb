//! The C side of an allocator: plain records, no behaviour. `include/floe_allocator.h` is generated from this file.
//!
//! Append-only from the first release: a record only grows at its end, nothing is reordered, resized, given another type
//! or another meaning, and reserved fields are zero. `layout.lock` and a test hold us to it. `Str`, `Attr`, `Verdict` and
//! `TextBuffer` never grow at all, because they lie in arrays or in other records without a size of their own.
//!
//! One file although it is long: cbindgen and people read it as one, and its order is that of the header.
//!
//! Whoever gets a number that it does not know (a kind, an operation, a flag, a code) treats it as "other" and goes on.

use std::ffi::c_void;

/// Starts the descriptor, so that a file can be recognised before it is loaded.
///
/// cbindgen:ignore
pub const MAGIC: [u8; 8] = *b"FLOEALOC";
/// What the exported symbol is called; the major version is part of it.
///
/// cbindgen:ignore
pub const SYMBOL: &str = "FLOE_ALLOCATOR_V1";
/// Another major is another symbol: hosts load only files of their own.
pub const ABI_MAJOR: u16 = 1;
/// The newest minor that this file describes. A descriptor names the lowest one that it needs.
pub const ABI_MINOR: u16 = 0;
/// Longest text that a plugin hands back, in bytes. Host and plugin both cut there.
pub const TEXT_BYTES_MAX: u32 = 512;
/// Longest configuration, in bytes.
pub const CONFIG_BYTES_MAX: u32 = 1_048_576;

/// Outcome: done, the out-parameters are filled.
pub const OK: i32 = 0;
/// Outcome: no opinion; the next in line or the built-in decides. Not a fault.
pub const ABSTAIN: i32 = 1;
/// Outcome: nothing suitable now; the request waits.
pub const DEFER: i32 = 2;
/// Outcome: the request is refused; the text goes to the client.
pub const DENY: i32 = 3;
/// Fault: a panic or an exception was caught inside. The instance answers nothing else until it is created again.
pub const PANIC: i32 = -1;
/// Fault: the configuration is wrong; the text says where.
pub const CONFIG: i32 = -2;
/// Fault: the plugin is at a loss.
pub const INTERNAL: i32 = -3;
/// Fault: the plugin does not do this.
pub const UNSUPPORTED: i32 = -4;
/// Fault: not now; the same call may work later.
pub const BUSY: i32 = -5;

/// Descriptor flag: panics unwind, so the guards in the plugin hold.
pub const FLAG_UNWIND: u32 = 1;
/// Descriptor flag: a panic ends the process. Never loaded into the daemon itself.
pub const FLAG_ABORT: u32 = 2;
/// Descriptor flag: answers depend on nothing but the arguments.
pub const FLAG_STATELESS: u32 = 4;
/// Descriptor flag: learns from `observe`; wants a `resync` after each `create` and after each gap.
pub const FLAG_NEEDS_RESYNC: u32 = 8;
/// Descriptor flag: may only run in a child process (brings a runtime, threads or signal handlers).
pub const FLAG_PROCESS_ONLY: u32 = 16;

/// Operation: give the session `want` of the candidates.
pub const OP_ALLOCATE: u32 = 1;
/// Operation: put the members of a group into the order in which they are offered.
pub const OP_LOCATE: u32 = 2;
/// Operation: as `OP_ALLOCATE`, but nothing will be given. Nothing may be learned from it.
pub const OP_PROBE: u32 = 3;

/// Candidate state: nothing is known.
pub const STATE_UNKNOWN: u32 = 0;
/// Candidate state: its server runs and is ready.
pub const STATE_ACTIVE: u32 = 1;
/// Candidate state: its server does not run and will be started on demand.
pub const STATE_INACTIVE: u32 = 2;
/// Candidate state: its server is starting.
pub const STATE_STARTING: u32 = 3;
/// Candidate state: its server is stopping.
pub const STATE_STOPPING: u32 = 4;

/// Candidate flag: being emptied; give it only when nothing else is left.
pub const CANDIDATE_DRAINING: u32 = 1;
/// Candidate flag: takes nothing new.
pub const CANDIDATE_CORDONED: u32 = 2;
/// Candidate flag: the request names it as preferred.
pub const CANDIDATE_PREFERRED: u32 = 4;
/// Candidate flag: the asking session holds it or its server already.
pub const CANDIDATE_HELD: u32 = 8;

/// Load that was never measured: `load_age_ms` of such a candidate.
pub const AGE_UNKNOWN: u32 = 0xffff_ffff;

/// Attribute kind: present, without a value.
pub const ATTR_NONE: u32 = 0;
/// Attribute kind: a whole number in `num`.
pub const ATTR_INTEGER: u32 = 1;
/// Attribute kind: the bits of a double in `num`.
pub const ATTR_FLOAT: u32 = 2;
/// Attribute kind: `num` is 0 or 1.
pub const ATTR_BOOLEAN: u32 = 3;
/// Attribute kind: a text.
pub const ATTR_TEXT: u32 = 4;
/// Attribute kind: one member of a set; several follow each other under one key, ordered by text.
pub const ATTR_MEMBER: u32 = 5;

/// Verdict code: may be given.
pub const CODE_ELIGIBLE: u32 = 0;
/// Verdict code: has no free slot.
pub const CODE_FULL: u32 = 1;
/// Verdict code: is being emptied.
pub const CODE_DRAINING: u32 = 2;
/// Verdict code: takes nothing new.
pub const CODE_CORDONED: u32 = 3;
/// Verdict code: lies in the wrong zone or would unbalance the zones.
pub const CODE_ZONE: u32 = 4;
/// Verdict code: is loaded too much.
pub const CODE_LOAD: u32 = 5;
/// Verdict code: would exceed a quota.
pub const CODE_QUOTA: u32 = 6;
/// Verdict code: misses an attribute.
pub const CODE_ATTRIBUTE: u32 = 7;
/// Verdict code: what is known of it is too old.
pub const CODE_STALE: u32 = 8;
/// Verdict codes from here on belong to the plugin.
pub const CODE_PLUGIN: u32 = 0x1000;

/// Event: a lease was granted.
pub const EVENT_ALLOCATED: u32 = 1;
/// Event: a lease was given back.
pub const EVENT_RELEASED: u32 = 2;
/// Event: a lease ended with its session.
pub const EVENT_EXPIRED: u32 = 3;
/// Event: a lease was taken away.
pub const EVENT_REVOKED: u32 = 4;
/// Event: a request was refused.
pub const EVENT_DENIED: u32 = 5;
/// Event: a request began to wait.
pub const EVENT_QUEUED: u32 = 6;
/// Event: a request waits no more, for whatever reason.
pub const EVENT_DEQUEUED: u32 = 7;
/// Event: a node came.
pub const EVENT_NODE_UP: u32 = 8;
/// Event: a node went.
pub const EVENT_NODE_DOWN: u32 = 9;
/// Event: a candidate exists from now on.
pub const EVENT_CANDIDATE_ADDED: u32 = 10;
/// Event: a candidate exists no more.
pub const EVENT_CANDIDATE_REMOVED: u32 = 11;
/// Event: a candidate that was being emptied is empty.
pub const EVENT_DRAINED: u32 = 12;

/// Resync phase, a bit: the first part; what was learned before is void.
pub const RESYNC_FIRST: u32 = 1;
/// Resync phase, a bit: the last part; what came since the first is now the truth.
pub const RESYNC_LAST: u32 = 2;

/// Log level: an operator must act.
pub const LOG_ERROR: u32 = 1;
/// Log level: degraded, heals itself.
pub const LOG_WARN: u32 = 2;
/// Log level: life cycle.
pub const LOG_INFO: u32 = 3;
/// Log level: single requests.
pub const LOG_DEBUG: u32 = 4;

/// A text: UTF-8, not ended by a zero byte. Owned by who gives it, valid during the call unless said otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Str {
    /// First byte; may be null if `len` is 0.
    pub ptr: *const u8,
    /// Length in bytes.
    pub len: usize,
}

/// Room for a text, owned by the caller; the callee writes. May be null wherever a pointer to it is passed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TextBuffer {
    /// First byte of the room; may be null if `cap` is 0.
    pub buf: *mut u8,
    /// Size of the room in bytes, at most `TEXT_BYTES_MAX`.
    pub cap: u32,
    /// Bytes written, at most `cap`; the caller sets it to 0. Should be UTF-8; what is not is replaced.
    pub len: u32,
}

/// An attribute of a candidate or a request.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Attr {
    /// Interned name.
    pub key: u32,
    /// One of `ATTR_*`.
    pub kind: u32,
    /// The value of a number or a truth value; else 0.
    pub num: i64,
    /// The value of a text or a member; else empty. Host's, valid during the call.
    pub text: Str,
}

/// Something that can be given. Host's, read-only, valid during the call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidate {
    /// Unique in the grid and stable: the same on each registry and after a restart. Never 0.
    pub id: u64,
    /// Name of the object or the adapter. Never empty.
    pub name: Str,
    /// Interned name of its node; 0 if no node runs it.
    pub node: u32,
    /// Interned name of its zone; 0 if it has none.
    pub zone: u32,
    /// Interned name of its type; 0 if it has none.
    pub type_id: u32,
    /// One of `STATE_*`.
    pub state: u32,
    /// Bits of `CANDIDATE_*`.
    pub flags: u32,
    /// Load average of its node over one minute; not a number if unknown.
    pub load1: f32,
    /// Load average over five minutes; not a number if unknown.
    pub load5: f32,
    /// Load average over fifteen minutes; not a number if unknown.
    pub load15: f32,
    /// Age of the three loads in milliseconds; `AGE_UNKNOWN` if never measured.
    pub load_age_ms: u32,
    /// Processors of its node; 0 if unknown.
    pub cpus: u32,
    /// Free memory of its node in MiB; 0 if unknown.
    pub mem_free_mib: u32,
    /// Leases that it can carry at once; 0: no bound.
    pub capacity: u32,
    /// Leases that it carries, exact.
    pub in_use: u32,
    /// Those of `in_use` granted after the loads were measured, so that the loads do not show them yet.
    pub pending: u32,
    /// Requests that wait for it by name.
    pub queued: u32,
    /// Relative weight as deployed; 0: not given.
    pub weight: u32,
    /// Priority as deployed, smaller first.
    pub priority: i32,
    /// Length of `attrs`.
    pub attr_count: u32,
    /// Attributes, ordered by key; may be null if there are none.
    pub attrs: *const Attr,
}

/// The candidates of one decision. Host's, read-only, valid during the call. Their memory is a multiple of `stride` long.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch {
    /// Size of this record as the host knows it.
    pub struct_size: u32,
    /// Bytes from one candidate to the next, a multiple of 8. Newer hosts have longer candidates: always step by this.
    pub stride: u32,
    /// Number of candidates; may be 0.
    pub count: u32,
    /// Zero.
    pub reserved: u32,
    /// Number of the snapshot that the candidates were taken from.
    pub generation: u64,
    /// The first candidate, aligned to 8; may be null if `count` is 0.
    pub base: *const Candidate,
}

/// What is asked for. Host's, read-only, valid during the call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// Size of this record as the host knows it.
    pub struct_size: u32,
    /// One of `OP_*`.
    pub op: u32,
    /// Counts the decisions of this host.
    pub seq: u64,
    /// The time of the decision in milliseconds: monotonic, from an origin that never changes while the process lives.
    pub now_ms: u64,
    /// The only source of chance: same arguments, same state and same seed give the same answer.
    pub seed: u64,
    /// The asking session, stable over promotions; 0 if nobody's.
    pub session: u64,
    /// Interned name of who asks; 0 if unknown.
    pub principal: u32,
    /// Interned name of the group that who asks belongs to; 0 if none.
    pub group: u32,
    /// Interned name of the type or the replica group asked for; 0 if asked by name.
    pub type_id: u32,
    /// Interned name of the zone that who asks is in or prefers; 0 if unknown.
    pub zone: u32,
    /// Interned name of the node that who asks runs on; 0 if unknown.
    pub node: u32,
    /// Class of the request, smaller first.
    pub priority: i32,
    /// How many are wanted, at least 1.
    pub want: u32,
    /// Time left to answer when the call began, in microseconds; 0: not bounded.
    pub deadline_us: u32,
    /// How long the client waits for a grant, in milliseconds; negative: for ever.
    pub wait_ms: i64,
    /// Length of `attrs`.
    pub attr_count: u32,
    /// Length of `held`.
    pub held_count: u32,
    /// Attributes of the request, ordered by key; may be null if there are none.
    pub attrs: *const Attr,
    /// Ids of what the session holds, ascending; may be null if it holds nothing.
    pub held: *const u64,
}

/// One request in a queue. Host's, read-only, valid during the call. Step by `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting {
    /// Size of this record as the host knows it, a multiple of 8, and the step to the next one.
    pub struct_size: u32,
    /// How often it was passed over by somebody who came later.
    pub passed: u32,
    /// When it began to wait, on the clock of `now_ms`.
    pub since_ms: u64,
    /// The request itself, with the `now_ms` of this call. Never null.
    pub request: *const Request,
}

/// What a plugin says about one candidate. Host's array, zeroed, one a candidate, in the order of the batch.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Higher is better; hosts cut it to plus and minus 1,000,000,000. Means nothing if the code is not 0.
    pub score: i64,
    /// `CODE_ELIGIBLE`, or why not.
    pub code: u32,
    /// Zero.
    pub reserved: u32,
}

/// The answer of `select` beside the indices. Host's, the plugin writes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Decision {
    /// Size of this record as the host knows it; the plugin leaves it alone.
    pub struct_size: u32,
    /// Number of indices written. 0 with `OK` means: none of them.
    pub chosen: u32,
    /// With `DEFER`: when to ask again, in milliseconds; 0: when something changes.
    pub retry_after_ms: u64,
    /// With `DEFER` and `DENY`: why, for the client. With `OK`: an explanation for the operator, or nothing.
    pub reason: TextBuffer,
}

/// Something that happened, told after the fact and in sequence. Host's, valid during the call. Step by `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Event {
    /// Size of this record as the host knows it, a multiple of 8, and the step to the next one.
    pub struct_size: u32,
    /// One of `EVENT_*`; ignore those that you do not know.
    pub kind: u32,
    /// Counts events. After a gap the host sends a `resync` first.
    pub seq: u64,
    /// When it happened.
    pub now_ms: u64,
    /// The lease; 0 if about none.
    pub lease: u64,
    /// Id of the candidate; 0 if about none.
    pub candidate: u64,
    /// The session; 0 if about none.
    pub session: u64,
    /// Interned name of the session's owner; 0 if unknown.
    pub principal: u32,
    /// Interned name of the owner's group; 0 if none.
    pub group: u32,
    /// Interned name of the type that was asked for, else of the candidate's type; 0 if none.
    pub type_id: u32,
    /// Interned name of the candidate's zone; 0 if none.
    pub zone: u32,
    /// Interned name of the candidate's node, or of the node that came or went; 0 if none.
    pub node: u32,
    /// Class of the request, smaller first.
    pub priority: i32,
}

/// A lease that is held, for `resync`. Host's, valid during the call. Step by `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Lease {
    /// Size of this record as the host knows it, a multiple of 8, and the step to the next one.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// The lease; unique.
    pub lease: u64,
    /// Id of the candidate.
    pub candidate: u64,
    /// The session.
    pub session: u64,
    /// When it was granted, on the clock of `now_ms`; the host's start if before that.
    pub since_ms: u64,
    /// The time of this call.
    pub now_ms: u64,
    /// Interned name of the session's owner; 0 if unknown.
    pub principal: u32,
    /// Interned name of the owner's group; 0 if none.
    pub group: u32,
    /// Interned name of the type that was asked for, else of the candidate's type; 0 if none.
    pub type_id: u32,
    /// Interned name of the candidate's zone; 0 if none.
    pub zone: u32,
    /// Interned name of the candidate's node; 0 if none.
    pub node: u32,
    /// Class of the request, smaller first.
    pub priority: i32,
}

/// What the host offers. It and `ctx` stay valid until the process ends; a plugin may copy the table.
///
/// Call `log` from any thread, the others only from inside a slot; nothing once `destroy` has been called.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Host {
    /// Size of this record as the host knows it.
    pub struct_size: u32,
    /// Major version of the host.
    pub major: u16,
    /// Minor version of the host.
    pub minor: u16,
    /// Goes back as the first argument of each function; may be null.
    pub ctx: *mut c_void,
    /// Writes a line to the host's log: one of `LOG_*`, and at most 512 bytes of text. Limited in rate. Never null.
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: u32, text: Str)>,
    /// The number of a name, the same for the process's life; 0 if the name is empty or the host has no room. Never null.
    pub intern: Option<unsafe extern "C" fn(ctx: *mut c_void, text: Str) -> u32>,
    /// The name of a number, valid until the process ends; empty if unknown. Never null.
    pub resolve: Option<unsafe extern "C" fn(ctx: *mut c_void, id: u32) -> Str>,
    /// The clock of `now_ms`, for measuring. A decision takes its time from the request. Never null.
    pub now_ms: Option<unsafe extern "C" fn(ctx: *mut c_void) -> u64>,
}

/// What a file exports as `FLOE_ALLOCATOR_V1`: a constant. Up to `built_with` it needs no relocation, so that hosts read
/// it out of the file before any code of it runs.
///
/// Slots may be null, but `create`, `destroy` and at least one of `evaluate`, `select` and `order` are there. No slot is
/// called while another one of the same instance runs, and all calls of an instance come from one thread. No slot may let a
/// panic or an exception out. `error` may be null.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// `FLOEALOC`.
    pub magic: [u8; 8],
    /// Major version that it is written for.
    pub abi_major: u16,
    /// Lowest minor version of a host that it can live with.
    pub abi_minor: u16,
    /// Size of this record as the plugin knows it.
    pub struct_size: u32,
    /// Size of a candidate as the plugin knows it.
    pub candidate_size: u32,
    /// Size of a request as the plugin knows it.
    pub request_size: u32,
    /// Bits of `FLAG_*`.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
    /// Name of the policy, as in configuration; UTF-8, filled up with zeros, the last byte is zero.
    pub name: [u8; 32],
    /// Version of the plugin; likewise.
    pub version: [u8; 16],
    /// Compiler or SDK, for people; likewise.
    pub built_with: [u8; 48],
    /// Makes an instance. `config` is JSON: exactly the plugin's own table, `{}` if there is none, valid during the call.
    /// Writes to `instance` only when it answers `OK`.
    pub create: Option<
        unsafe extern "C" fn(host: *const Host, config: Str, instance: *mut *mut c_void, error: *mut TextBuffer) -> i32,
    >,
    /// Ends an instance: its threads are joined, its memory is freed. Called once, also after a panic.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// Fills one verdict a candidate. With `DENY` and `DEFER` the text in `error` is the reason for the client.
    pub evaluate: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            request: *const Request,
            batch: *const Batch,
            verdicts: *mut Verdict,
            error: *mut TextBuffer,
        ) -> i32,
    >,
    /// Writes at most `cap` distinct indices into the batch, best first, none of them rejected by its verdict; `cap` is at
    /// least 1. For `OP_LOCATE` all that are fit are put into order. Without this slot the host takes the highest scores.
    pub select: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            request: *const Request,
            batch: *const Batch,
            verdicts: *const Verdict,
            indices: *mut u32,
            cap: u32,
            decision: *mut Decision,
            error: *mut TextBuffer,
        ) -> i32,
    >,
    /// Writes one key a waiting request, lower first. Of equal keys the host serves the one that waits longer, and it puts
    /// a request first that was passed over too often.
    pub order: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            waiting: *const Waiting,
            count: u32,
            keys: *mut u64,
            error: *mut TextBuffer,
        ) -> i32,
    >,
    /// Tells what happened. A fault here makes the host resync.
    pub observe: Option<
        unsafe extern "C" fn(instance: *mut c_void, events: *const Event, count: u32, error: *mut TextBuffer) -> i32,
    >,
    /// Tells all leases that are held, in parts; `phase` has bits of `RESYNC_*`. Replaces all that was learned.
    pub resync: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            leases: *const Lease,
            count: u32,
            phase: u32,
            error: *mut TextBuffer,
        ) -> i32,
    >,
}
