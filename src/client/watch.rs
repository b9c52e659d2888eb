//! Events as they happen, with their reasons, over reconnections.

use super::following::Following;
use super::{Client, Error};
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Request, Response};

/// Events as they happen, over reconnections. What happens between two connections is missed; [`Client::observe`] misses no
/// state.
#[derive(Debug)]
pub struct Watch(Following);

impl Watch {
    pub(super) fn new(client: Client) -> Self {
        Self(Following::new(client))
    }
    /// How many connections it took until now: when this grows, events may have been missed.
    pub fn connections(&self) -> u64 {
        self.0.connections()
    }
    /// The next event. May be dropped at any time without losing one.
    ///
    /// # Errors
    /// [`Error`] when no registry could be reached for the client's timeout, or one refused; calling again tries again.
    pub async fn next(&mut self) -> Result<Happening, Error> {
        loop {
            match self.0.next(|| Request::Watch).await? {
                Some(Response::Happened(happening)) => return Ok(*happening),
                Some(_) => self.0.begin_again(),
                None => {}
            }
        }
    }
}
