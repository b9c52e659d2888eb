//! The safety rules by name, so that a test build can switch one off and see that the simulation notices.
//!
//! Without the feature `mutants` every rule holds and the check costs nothing.

/// One safety rule each (design, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Two epochs of one number are told apart by their id.
    EpochIdDecides,
    /// Every start as master begins a new epoch.
    NewEpochAtStart,
    /// A replica newer than or diverged from the master takes none of its data.
    RefuseOverwrite,
    /// A peer that promised an epoch obeys no lower one.
    HonourPromise,
    /// A promise is on disk before it is said.
    PromiseIsDurable,
    /// A promotion is refused while somebody who answered is newer.
    CompleteOrRefuse,
    /// The master syncs an entry before it counts itself as a copy.
    MasterSyncsFirst,
    /// A replica syncs an entry before it acknowledges it.
    ReplicaSyncsFirst,
    /// A master that hears of a higher promise stops.
    DeposedStops,
    /// An update waits for `min_copies` before it is acknowledged.
    WaitForCopies,
    /// A node obeys no epoch lower than one that it obeyed.
    NodeObeysHighest,
    /// Proof of completeness wants answers from N-k+1 registries.
    Coverage,
    /// Whether a candidate's log is complete is judged once more by what came with the promises: until then, whoever was
    /// asked before may have taken more. (A candidate that a master hands over to also judges between the two, before it
    /// asks for promises. That costs nobody an update if it is left out; it keeps a healthy master from being deposed for
    /// a candidate that cannot lead.)
    PromisesDecideAgain,
    /// A master that hands over writes no more, before it says what its log ends in.
    HandOverStopsWriting,
    /// An operator's order is on disk with its first promise, and a restart goes on with it: its reign may stand in a log.
    OrderIsDurable,
    /// A registry that was initialised from anybody but the leading master is no proof until it has caught up.
    UnprovenDoesNotCount,
    /// A master that sees too few of the others does not write.
    SightBeforeWriting,
    /// A registry under review promises nothing.
    ReviewPromisesNothing,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 18] = [
        Self::EpochIdDecides,
        Self::NewEpochAtStart,
        Self::RefuseOverwrite,
        Self::HonourPromise,
        Self::PromiseIsDurable,
        Self::CompleteOrRefuse,
        Self::MasterSyncsFirst,
        Self::ReplicaSyncsFirst,
        Self::DeposedStops,
        Self::WaitForCopies,
        Self::NodeObeysHighest,
        Self::Coverage,
        Self::PromisesDecideAgain,
        Self::HandOverStopsWriting,
        Self::OrderIsDurable,
        Self::UnprovenDoesNotCount,
        Self::SightBeforeWriting,
        Self::ReviewPromisesNothing,
    ];
}

/// Which rules hold: all of them, or in a test build all but one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    #[cfg(feature = "mutants")]
    off: Option<Rule>,
}

impl Rules {
    /// All rules but `rule`.
    #[cfg(feature = "mutants")]
    pub fn without(rule: Rule) -> Self {
        Self { off: Some(rule) }
    }
    /// Does the rule hold?
    #[cfg(feature = "mutants")]
    pub fn hold(self, rule: Rule) -> bool {
        self.off != Some(rule)
    }
    /// Does the rule hold? Without the feature `mutants`, always.
    #[cfg(not(feature = "mutants"))]
    pub fn hold(self, _rule: Rule) -> bool {
        true
    }
}
