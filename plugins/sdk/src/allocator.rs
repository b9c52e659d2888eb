//! What a policy implements.

use crate::abi::{self, Verdict};
use crate::error::Error;
use crate::host::Host;
use crate::text;
use crate::view::{Candidates, Event, Lease, Request, WaitingList};
use std::fmt;

/// Which of the optional slots an allocator fills; the host does not call the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots(u32);

impl Slots {
    /// [`Allocator::evaluate`].
    pub const EVALUATE: Self = Self(1);
    /// [`Allocator::select`].
    pub const SELECT: Self = Self(2);
    /// [`Allocator::order`].
    pub const ORDER: Self = Self(4);
    /// [`Allocator::observe`] and [`Allocator::resync`]: who learns from events wants the whole as well.
    pub const LEARN: Self = Self(8);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// Whether all of `other` are in here.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a host should know about an allocator before it loads it. Learning follows from [`Slots::LEARN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nature(u32);

impl Nature {
    /// Nothing special.
    pub const PLAIN: Self = Self(0);
    /// Answers depend on nothing but the arguments.
    pub const STATELESS: Self = Self(abi::FLAG_STATELESS);
    /// May only run in a process of its own.
    pub const PROCESS_ONLY: Self = Self(abi::FLAG_PROCESS_ONLY);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// The bits of the descriptor.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// How a question was answered. None of these is a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The verdicts, indices or keys are there.
    Done,
    /// No opinion: the next in line or the built-in decides.
    Abstain,
    /// Nothing suitable now: the request waits.
    Defer {
        /// When to ask again; 0: when something changes. Only `select` can tell it.
        retry_after_ms: u64,
        /// Why, for the client.
        reason: String,
    },
    /// The request is refused.
    Deny {
        /// Why, for the client.
        reason: String,
    },
}

/// A policy. One instance lives on one thread and is never called twice at a time.
///
/// Slots that [`SLOTS`](Self::SLOTS) names are to be implemented. Answers come within the request's deadline, 10 ms by
/// default. All chance comes from [`Request::seed`], all time from [`Request::now_ms`]. State is a cache: the host sends the
/// truth by [`resync`](Self::resync) after each `create`. After a panic the host drops the instance and creates another.
pub trait Allocator: Sized + 'static {
    /// Name of the policy in configuration: at most 31 bytes, lower-case letters, digits and `-`.
    const NAME: &'static str;
    /// Version of the plugin, at most 15 bytes.
    const VERSION: &'static str;
    /// What it implements: at least one of `EVALUATE`, `SELECT` and `ORDER`.
    const SLOTS: Slots;
    /// What the host should know before it loads it.
    const NATURE: Nature = Nature::PLAIN;

    /// An instance for this configuration: JSON text, exactly the plugin's own table.
    ///
    /// # Errors
    /// [`Error::config`] tells what is wrong with it; on a reload the old instance then stays.
    fn create(config: &str, host: Host) -> Result<Self, Error>;

    /// Says of each candidate whether it may be given and how good it is. The verdicts come as eligible with score 0.
    fn evaluate(
        &mut self,
        request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &mut [Verdict],
    ) -> Result<Outcome, Error> {
        Err(missing("evaluate", request.seq(), candidates.len(), verdicts.len()))
    }

    /// Chooses among the candidates whose verdicts are eligible, the best first.
    fn select(
        &mut self,
        request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &[Verdict],
        choice: &mut Choice<'_>,
    ) -> Result<Outcome, Error> {
        Err(missing(
            "select",
            request.seq(),
            candidates.len(),
            verdicts.len() + choice.room(),
        ))
    }

    /// Gives each waiting request a key, lower first. Equal keys are served in the order in which they came.
    fn order(&mut self, waiting: WaitingList<'_>, keys: &mut [u64]) -> Result<Outcome, Error> {
        Err(missing("order", 0, waiting.len(), keys.len()))
    }

    /// Learns what happened, in sequence and after the fact. An event may come twice.
    ///
    /// # Errors
    /// Makes the host resync.
    fn observe(&mut self, events: &mut dyn Iterator<Item = Event>) -> Result<(), Error> {
        Err(missing("observe", 0, events.count(), 0))
    }

    /// Learns all that is held. `first`: forget what was learned. `last`: that was all.
    fn resync(&mut self, leases: &mut dyn Iterator<Item = Lease>, first: bool, last: bool) -> Result<(), Error> {
        Err(missing("resync", u64::from(first) + u64::from(last), leases.count(), 0))
    }
}

/// The answer of a slot that was named and not implemented.
fn missing(slot: &str, seq: u64, given: usize, room: usize) -> Error {
    Error::unsupported(format!(
        "the allocator names the slot {slot} and does not implement it (decision {seq}, {given} given, room for {room})"
    ))
}

/// Where `select` puts its answer.
pub struct Choice<'a> {
    indices: &'a mut [u32],
    count: usize,
    reason: Vec<u8>,
}

impl<'a> Choice<'a> {
    pub(crate) fn new(indices: &'a mut [u32]) -> Self {
        Self {
            indices,
            count: 0,
            reason: Vec::new(),
        }
    }
    /// Adds an index, after those that are better. False, and nothing is added, when there is no room.
    pub fn push(&mut self, index: u32) -> bool {
        match self.indices.get_mut(self.count) {
            Some(place) => {
                *place = index;
                self.count += 1;
                true
            }
            None => false,
        }
    }
    /// Adds as many as there is room for.
    pub fn extend(&mut self, indices: impl IntoIterator<Item = u32>) {
        for index in indices {
            if !self.push(index) {
                return;
            }
        }
    }
    /// How many more can be added.
    pub fn room(&self) -> usize {
        self.indices.len() - self.count
    }
    /// How many were added.
    pub fn len(&self) -> usize {
        self.count
    }
    /// Whether none was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// Explains the choice to the operator; text, at most 512 bytes.
    pub fn explain(&mut self, reason: impl AsRef<[u8]>) {
        self.reason = reason.as_ref().to_vec();
    }
    /// Hands the answer over: count, time to ask again, and the reason of the outcome or else the explanation.
    ///
    /// # Safety
    /// The room for the reason inside `decision` is null or as long as it says.
    #[expect(unsafe_code, reason = "writes the reason into the host's room")]
    pub(crate) unsafe fn write(self, outcome: &Outcome, decision: &mut abi::Decision) {
        decision.chosen = u32::try_from(self.count).unwrap_or(u32::MAX);
        decision.retry_after_ms = 0;
        let reason = match outcome {
            Outcome::Done | Outcome::Abstain => self.reason.as_slice(),
            Outcome::Defer { retry_after_ms, reason } => {
                decision.retry_after_ms = *retry_after_ms;
                reason.as_bytes()
            }
            Outcome::Deny { reason } => reason.as_bytes(),
        };
        // SAFETY: by the contract of this function.
        unsafe { text::write(&raw mut decision.reason, reason) };
    }
}

impl fmt::Debug for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice")
            .field("indices", &self.indices.get(..self.count))
            .field("room", &self.room())
            .finish_non_exhaustive()
    }
}
