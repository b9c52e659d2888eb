//! Sessions, and what they hold: who has which resource, who waits, and in which order.
//!
//! The master decides, here and nowhere else; what it decided is a list of [`Change`]s, which every registry applies to the
//! same [`Allocations`]. Nothing here knows time: when a session or a wait ends is the registry's business.
//!
//! The rules are IceGrid's (its allocation queues): first come, first served; an exclusive server belongs to one session at
//! a time; two requests of one session for one resource give it once.

pub mod allocator;
pub mod change;
pub mod decide;
pub mod lease;
pub mod market;
pub mod news;
pub mod plugin;
pub mod queue;
pub mod session;
pub mod state;
pub mod tenure;

pub use allocator::{Allocator, Answer, Choice, FirstFit, Judged, Purpose, Question, Random, Scene, Waiter, built_in};
pub use change::Change;
pub use decide::{Asking, Decided, How, Outcome, Refusal};
pub use lease::{Lease, Token};
pub use market::{Activity, Load, Market, Offer};
pub use news::{Held, News, NewsKind};
pub use plugin::PluginReport;
pub use queue::{Waiting, Wish};
pub use session::{Session, SessionId};
pub use state::{Allocations, Mark};
pub use tenure::{Known, Tenure, TenureWord, Tenures};
