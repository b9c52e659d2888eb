//! What can be given.
#![expect(unsafe_code, reason = "reads the records of the ABI behind their pointers")]

use super::attribute::{Attributes, Value};
use crate::abi::{self, Verdict};
use crate::error::Error;
use crate::text::{read, slice};

/// What the server of a candidate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Runs and is ready.
    Active,
    /// Will be started on demand.
    Inactive,
    /// Is starting.
    Starting,
    /// Is stopping.
    Stopping,
    /// Unknown, or newer than this SDK.
    Unknown,
}

/// Something that can be given.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a>(&'a abi::Candidate);

impl<'a> Candidate<'a> {
    /// Unique in the grid and stable: the same on each registry and after a restart.
    pub fn id(self) -> u64 {
        self.0.id
    }
    /// Name of the object or the adapter.
    pub fn name(self) -> &'a str {
        // SAFETY: the name lives as long as the candidate.
        unsafe { read(self.0.name) }
    }
    /// Interned name of its node; 0 if no node runs it.
    pub fn node(self) -> u32 {
        self.0.node
    }
    /// Interned name of its zone; 0 if it has none.
    pub fn zone(self) -> u32 {
        self.0.zone
    }
    /// Interned name of its type; 0 if it has none.
    pub fn type_id(self) -> u32 {
        self.0.type_id
    }
    /// What its server does.
    pub fn state(self) -> State {
        match self.0.state {
            abi::STATE_ACTIVE => State::Active,
            abi::STATE_INACTIVE => State::Inactive,
            abi::STATE_STARTING => State::Starting,
            abi::STATE_STOPPING => State::Stopping,
            _ => State::Unknown,
        }
    }
    /// Whether it is being emptied.
    pub fn is_draining(self) -> bool {
        self.0.flags & abi::CANDIDATE_DRAINING != 0
    }
    /// Whether it takes nothing new.
    pub fn is_cordoned(self) -> bool {
        self.0.flags & abi::CANDIDATE_CORDONED != 0
    }
    /// Whether the request names it as preferred.
    pub fn is_preferred(self) -> bool {
        self.0.flags & abi::CANDIDATE_PREFERRED != 0
    }
    /// Whether the asking session holds it or its server already.
    pub fn is_held(self) -> bool {
        self.0.flags & abi::CANDIDATE_HELD != 0
    }
    /// Load averages of its node over 1, 5 and 15 minutes; `None` where unknown. Never negative or infinite.
    pub fn loads(self) -> [Option<f32>; 3] {
        let known = self.load_age_ms().is_some();
        [self.0.load1, self.0.load5, self.0.load15]
            .map(|load| (known && load.is_finite() && load >= 0.0).then_some(load))
    }
    /// Age of the loads in milliseconds; `None` if never measured.
    pub fn load_age_ms(self) -> Option<u32> {
        (self.0.load_age_ms != abi::AGE_UNKNOWN).then_some(self.0.load_age_ms)
    }
    /// Processors of its node; `None` if unknown.
    pub fn cpus(self) -> Option<u32> {
        (self.0.cpus != 0).then_some(self.0.cpus)
    }
    /// Free memory of its node in MiB; `None` if unknown.
    pub fn mem_free_mib(self) -> Option<u32> {
        (self.0.mem_free_mib != 0).then_some(self.0.mem_free_mib)
    }
    /// Leases that it can carry at once; `None`: no bound.
    pub fn capacity(self) -> Option<u32> {
        (self.0.capacity != 0).then_some(self.0.capacity)
    }
    /// Leases that it carries.
    pub fn in_use(self) -> u32 {
        self.0.in_use
    }
    /// Leases that it can still take; the largest number if there is no bound.
    pub fn free(self) -> u32 {
        self.capacity()
            .map_or(u32::MAX, |capacity| capacity.saturating_sub(self.0.in_use))
    }
    /// How much of it is free, from 0 to 1; without a bound the less the more it carries.
    pub fn free_share(self) -> f64 {
        let in_use = f64::from(self.in_use());
        match self.capacity() {
            Some(capacity) => 1.0 - in_use / f64::from(capacity),
            None => 1.0 / (1.0 + in_use),
        }
    }
    /// Why it can take nothing now, whatever the policy: it is full, cordoned or draining.
    pub fn refusal(self) -> Option<Verdict> {
        let code = if self.free() == 0 {
            abi::CODE_FULL
        } else if self.is_cordoned() {
            abi::CODE_CORDONED
        } else if self.is_draining() {
            abi::CODE_DRAINING
        } else {
            return None;
        };
        Some(Verdict::rejected(code))
    }
    /// Those in use that its loads do not show yet.
    pub fn pending(self) -> u32 {
        self.0.pending
    }
    /// Requests that wait for it by name.
    pub fn queued(self) -> u32 {
        self.0.queued
    }
    /// Relative weight as deployed; 0: not given.
    pub fn weight(self) -> u32 {
        self.0.weight
    }
    /// Priority as deployed, smaller first.
    pub fn priority(self) -> i32 {
        self.0.priority
    }
    /// The attribute under an interned name; of a set the first member.
    pub fn attribute(self, key: u32) -> Option<Value<'a>> {
        self.attributes(key).next()
    }
    /// All members of the set under an interned name, or the one value.
    pub fn attributes(self, key: u32) -> impl Iterator<Item = Value<'a>> {
        // SAFETY: the attributes live as long as the candidate.
        Attributes(unsafe { slice(self.0.attrs, self.0.attr_count) }).all(key)
    }
}

/// The candidates of one decision.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    batch: &'a abi::Batch,
}

impl<'a> Candidates<'a> {
    /// The batch behind the pointer.
    ///
    /// # Errors
    /// It is null, or the candidates are shorter than those of this SDK or do not lie as they must.
    ///
    /// # Safety
    /// The pointer is null or shows a batch as [`abi::Batch`] demands, unchanged during `'a`.
    pub(crate) unsafe fn from_batch(batch: *const abi::Batch) -> Result<Self, Error> {
        // SAFETY: by the contract of this function.
        let batch = unsafe { batch.as_ref() }.ok_or_else(|| Error::internal("the host gave no candidates"))?;
        let stride = batch.stride as usize;
        let lies_well = batch.base.is_aligned() && !batch.base.is_null();
        let steps_well = stride >= size_of::<abi::Candidate>() && stride.is_multiple_of(align_of::<abi::Candidate>());
        if batch.count != 0 && !(lies_well && steps_well) {
            return Err(Error::internal(format!(
                "the host's candidates start at {:p} in steps of {stride} bytes; this plugin wants at least {}",
                batch.base,
                size_of::<abi::Candidate>()
            )));
        }
        Ok(Self { batch })
    }
    /// How many there are.
    pub fn len(self) -> usize {
        self.batch.count as usize
    }
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.batch.count == 0
    }
    /// Number of the snapshot that they were taken from.
    pub fn generation(self) -> u64 {
        self.batch.generation
    }
    /// The candidate at an index.
    pub fn get(self, index: usize) -> Option<Candidate<'a>> {
        if index >= self.len() {
            return None;
        }
        // SAFETY: the index is in range, so that the step stays within the host's array.
        let place = unsafe { self.batch.base.byte_add(index * self.batch.stride as usize) };
        // SAFETY: the place is within the array, aligned because base and stride are, and holds at least our size.
        Some(Candidate(unsafe { &*place }))
    }
    /// All of them in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Candidate<'a>> {
        (0..self.len()).map(move |index| self.get(index).expect("the index comes from the length"))
    }
}
