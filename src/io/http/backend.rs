//! What the HTTP shell needs from the daemon behind it.

use crate::pure::protocol::{Request, Response};
use async_trait::async_trait;

/// The daemon, as HTTP sees it.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Answers one read. HTTP waits for a bounded time and then drops the future.
    async fn ask(&self, request: Request) -> Response;
    /// Is the daemon of use to others? Otherwise the reasons, each one line.
    fn ready(&self) -> Result<(), Vec<String>>;
    /// Does the daemon's loop still turn?
    fn live(&self) -> bool;
}
