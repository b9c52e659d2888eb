//! What a peer keeps on disk: its data folder with the lock, the identity file, the remembered peers and the database.
//!
//! Decides nothing: the core says what is to be written and in which order; here it becomes durable or an error. Every
//! function blocks; the app calls them on a thread of its own.

pub mod aside;
pub mod database;
pub mod file;
pub mod folder;
mod full;
mod header;
pub mod identity;
pub mod offline;
pub mod remembered;
mod slot;
mod tables;

pub use aside::{AsideError, Keeper};
pub use database::{Database, DatabaseError};
pub use file::FileError;
pub use folder::{Folder, FolderError};
pub use full::is_full;
pub use identity::{IdentityError, IdentityFile, Owner};
pub use offline::{OfflineError, Opened};
