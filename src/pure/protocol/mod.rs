//! What peers, clients and operators say to each other: the vocabulary that the registry, the node, the shells and the
//! command line share. Data only; what follows from a message is decided in `registry` and `node`.

pub mod allocation;
pub mod content;
pub mod hello;
pub mod history;
pub mod locate;
pub mod message;
pub mod node;
pub mod promotion;
pub mod quick;
pub mod report;
pub mod request;
pub mod shell;
pub mod surplus;
pub mod update;

pub use hello::{Envelope, Hello, Who};
pub use message::{Message, Status};
pub use request::{ErrorCode, Failure, Request, Response};
pub use shell::{ReplyTo, Target};
pub use surplus::{SurplusFile, SurplusKind, SurplusUpdate};
