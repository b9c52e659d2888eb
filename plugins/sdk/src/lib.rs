//! What an allocator of floe is built with: a policy that says who gets what, and in which order those who wait are served.
//!
//! Write a type, implement [`Allocator`] for it, and name it in [`export_allocator!`]; the crate's type is `cdylib`. The
//! macro does the rest: it exports the descriptor, turns the host's records into views, and catches panics. No unsafe code
//! is needed, and no other crate. `plugins/README.md` tells what a host guarantees and what it checks.
//!
//! ```
//! use floe_plugin_sdk::{Allocator, Candidates, Error, Host, Outcome, Request, Slots, Verdict};
//!
//! /// Prefers what has the most free slots.
//! struct Roomy;
//!
//! impl Allocator for Roomy {
//!     const NAME: &'static str = "roomy";
//!     const VERSION: &'static str = "1.0";
//!     const SLOTS: Slots = Slots::EVALUATE;
//!
//!     fn create(_config: &str, _host: Host) -> Result<Self, Error> {
//!         Ok(Self)
//!     }
//!
//!     fn evaluate(
//!         &mut self,
//!         _request: Request<'_>,
//!         candidates: Candidates<'_>,
//!         verdicts: &mut [Verdict],
//!     ) -> Result<Outcome, Error> {
//!         for (candidate, verdict) in candidates.iter().zip(verdicts) {
//!             *verdict = Verdict::eligible(i64::from(candidate.free()));
//!         }
//!         Ok(Outcome::Done)
//!     }
//! }
//!
//! floe_plugin_sdk::export_allocator!(Roomy);
//!
//! // The harness asks as a daemon does: through the table of C functions.
//! # fn main() {
//! use floe_plugin_sdk::harness::{CandidateSpec, Harness, RequestSpec};
//! let mut harness = Harness::create::<Roomy>("{}").expect("it takes any configuration");
//! let candidates = [
//!     CandidateSpec { capacity: 4, in_use: 3, ..CandidateSpec::named("a") },
//!     CandidateSpec { capacity: 4, in_use: 1, ..CandidateSpec::named("b") },
//! ];
//! let decision = harness.decide(&RequestSpec::default(), &candidates).expect("a valid answer");
//! assert_eq!(decision.chosen, [1]);
//! # }
//! ```

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the layout of the ABI is that of 64-bit machines");

pub mod abi;
pub mod allocator;
pub mod error;
mod guard;
pub mod harness;
pub mod host;
pub mod ledger;
mod message;
pub mod random;
pub mod rank;
mod text;
pub mod view;

pub use abi::Verdict;
pub use allocator::{Allocator, Choice, Nature, Outcome, Slots};
pub use error::Error;
pub use guard::descriptor;
pub use host::{Host, Level};
pub use ledger::Ledger;
pub use random::Random;
pub use view::{Candidate, Candidates, Event, Lease, Operation, Request, State, Value, Waiting, WaitingList};

/// Exports an [`Allocator`] as the symbol that hosts look for. Once a crate, and the crate's type is `cdylib`.
///
/// A binary can use the code of at most one such crate, because the symbol is one and linkers refuse it twice. It may depend
/// on any number of them that it only loads; loaded libraries do not see each other's.
#[macro_export]
macro_rules! export_allocator {
    ($allocator:ty) => {
        /// The descriptor that hosts look for.
        #[expect(
            unsafe_code,
            reason = "the symbol of the plugin ABI has a fixed name; nothing else in this crate has it"
        )]
        #[unsafe(no_mangle)]
        pub static FLOE_ALLOCATOR_V1: $crate::abi::Descriptor = $crate::descriptor::<$allocator>();
    };
}
