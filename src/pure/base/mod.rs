//! The smallest values: identities, addresses, times, limits.

pub mod endpoint;
pub mod hex;
pub mod id;
pub mod limits;
mod nearest;
pub mod shared_map;
pub mod signal;
pub mod time;

pub use endpoint::Address;
pub use id::{
    AdapterId, ApplicationName, DatabaseId, EpochId, GridName, GroupId, InstanceId, ObjectId, PeerName, RegistrantId,
    RequestId, RunId, Secret, ServerId,
};
pub use nearest::nearest;
pub use shared_map::{SharedMap, SharedSet};
pub use signal::Signal;
pub use time::{Moment, Time, WallTime};
