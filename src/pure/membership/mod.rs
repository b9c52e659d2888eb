//! What gossip tells about each peer: small facts, each one key. A hint, never an authority: before anything changes
//! because of it, the peer reads the claim and the version over its control connection.

pub mod card;
pub mod diff;
pub mod initialised;
pub mod record;
pub mod view;

pub use card::{Identity, PeerCard, PeerKind, Remembered, Target};
pub use diff::{Change, changes};
pub use initialised::{Initialised, Taken, Unproven};
pub use record::{Member, Record, Role, RoleSource, Standing};
pub use view::{Sighting, View};
