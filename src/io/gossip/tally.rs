//! Why packets are dropped, and how many were: the same numbers for metrics, status lines and tests.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why something that came in by gossip was dropped. The label values of `floe_gossip_rejected_total`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }
        impl Reason {
            /// All reasons, for metrics and tests.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];
            /// As in metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// No frame of ours, another version of it, or cut short.
    Frame = "frame",
    /// A datagram longer than any that we send.
    Size = "size",
    /// Another grid's.
    Grid = "grid",
    /// Sent to somebody else and replayed to us.
    Destination = "destination",
    /// Our own packet came back.
    Own = "own",
    /// Not sealed, and we have keys.
    Plain = "plain",
    /// Sealed with a key that we do not hold, or we hold none.
    Key = "key",
    /// The seal does not open: foreign key bytes, damage or forgery.
    Seal = "seal",
    /// Seen before, or from a generation before the newest.
    Replay = "replay",
    /// One source sends more than its share.
    Rate = "rate",
    /// More sources than we keep account of.
    Sources = "sources",
    /// A chunk that does not fit to its message.
    Chunk = "chunk",
    /// No room for another half-received message.
    Reassembly = "reassembly",
    /// A message that was not completed in time.
    Incomplete = "incomplete",
    /// Does not inflate, or to more than its bound.
    Inflate = "inflate",
    /// No message of chitchat's, or one that it would choke on.
    Malformed = "malformed",
    /// A peer name or address that nobody can have.
    Identity = "identity",
    /// A gossip key or value that is not ASCII or too long.
    Value = "value",
    /// Versions that contradict each other or leave no room to count on.
    Version = "version",
    /// Tells us what we ourselves say.
    Forged = "forged",
    /// A newcomer while the pool is nearly full.
    Full = "full",
    /// A member whose keys make no record.
    Record = "record",
    /// One of our own keys was changed by somebody else; it was set again.
    Tampered = "tampered",
    /// Our own message could not be sent: too large, or the socket's queue was full.
    Unsent = "unsent",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How often each reason occurred; shared by the transport, the task and the handle.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: [AtomicU64; Reason::ALL.len()],
    restarts: AtomicU64,
}

impl Tally {
    /// Counts one rejection.
    pub(super) fn reject(&self, reason: Reason) {
        metrics::counter!("floe_gossip_rejected_total", "reason" => reason.as_str()).increment(1);
        if let Some(count) = self.counts.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    /// How often a reason occurred.
    pub(super) fn rejected(&self, reason: Reason) -> u64 {
        let count = self.counts.get(reason as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }
    /// Counts one respawn of the gossip task.
    pub(super) fn restarted(&self) {
        metrics::counter!("floe_gossip_restarts_total").increment(1);
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }
    /// How often the gossip task was respawned.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }
}
