//! What the HTTP shell needs from the daemon behind it.

use crate::pure::protocol::request::Failure;
use crate::pure::protocol::{Request, Response};
use async_trait::async_trait;
use std::time::Duration;
use tokio::sync::mpsc;

/// The daemon, as HTTP sees it.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Answers one request within `limit`; what it changes is recorded as the actor's. HTTP waits a little longer and then
    /// drops the future.
    async fn ask(&self, actor: &str, request: Request, limit: Duration) -> Response;
    /// Answers for ever, `Observe` and `Locate`. Dropping the receiver ends it.
    ///
    /// # Errors
    /// Why not.
    fn follow(&self, request: Request) -> Result<mpsc::Receiver<(Response, bool)>, Failure>;
    /// Is the daemon of use to others? Otherwise the reasons, each one line.
    fn ready(&self) -> Result<(), Vec<String>>;
    /// Does the daemon's loop still turn?
    fn live(&self) -> bool;
}
