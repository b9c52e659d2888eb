//! Every bound, with its reason. What comes from outside is checked against these before anything is allocated.

use std::time::Duration;

/// The protocol version that this build speaks. A peer talks to another when their ranges meet.
pub const PROTOCOL: u16 = 1;
/// The oldest protocol version that this build still speaks.
pub const PROTOCOL_MIN: u16 = 1;
/// Longest name of an application, server, adapter, group or object, in bytes (a file name on every system).
pub const NAME_BYTES_MAX: usize = 255;
/// Longest peer name, in bytes: each gossip digest carries the name of every peer.
pub const PEER_NAME_BYTES_MAX: usize = 32;
/// Largest frame before the other side has said a valid hello, in bytes.
pub const HELLO_FRAME_BYTES_MAX: usize = 16 * 1024;
/// Largest frame after the hello, in bytes: bounds what one connection can make us hold.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// How full one part of a transfer that is split (entries, snapshot, slice) may be: leaves room for the envelope.
pub const PART_BYTES_MAX: usize = FRAME_BYTES_MAX / 2;
/// Largest application as written, in bytes, after encoding: one log entry must fit into one frame.
pub const APPLICATION_BYTES_MAX: usize = FRAME_BYTES_MAX * 3 / 4;
/// Largest snapshot, in bytes: bounds what a replica assembles in memory.
pub const SNAPSHOT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Deepest nesting of a CBOR value: our own messages need fewer than 16 levels.
pub const CBOR_DEPTH_MAX: usize = 64;
/// Most peers that one peer remembers (the gossip pool's design limit).
pub const PEERS_MAX: usize = 500;
/// Most servers on one node: a bound on what a slice can hold.
pub const SERVERS_PER_NODE_MAX: usize = 10_000;
/// How far an epoch number may jump past the highest known: a liar must not use up the numbers for ever.
pub const EPOCH_JUMP_MAX: u64 = 1 << 20;
/// The highest epoch number that a peer believes which has promised none yet: a start every second takes 136 years to get
/// there, and whoever was lied to at its first start can still be overruled.
pub const EPOCH_FIRST_MAX: u64 = 1 << 32;
/// Most log entries in flight to one follower before it has confirmed any.
pub const FOLLOW_WINDOW: u64 = 1024;
/// Most updates waiting for copies: beyond, clients are told to come again.
pub const PENDING_UPDATES_MAX: usize = 1024;
/// Most resolves waiting for a server's start, over all clients of a registry.
pub const PENDING_RESOLVES_MAX: usize = 4096;
/// How long a resolve may wait for an activation when the caller names no deadline.
pub const RESOLVE_DEADLINE: Duration = Duration::from_secs(20);
/// How long the longest wait of a request may be, whatever the caller names.
pub const REQUEST_DEADLINE_MAX: Duration = Duration::from_mins(10);

const _: () = assert!(HELLO_FRAME_BYTES_MAX < FRAME_BYTES_MAX, "a hello is a small frame");
const _: () = assert!(
    PART_BYTES_MAX <= APPLICATION_BYTES_MAX,
    "the largest entry fits into a part of its own"
);
const _: () = assert!(
    APPLICATION_BYTES_MAX + 64 * 1024 < FRAME_BYTES_MAX,
    "an entry and its envelope fit into a frame"
);
