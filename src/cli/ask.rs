//! What a verb needs of the grid: ask, ask one peer, watch. The client library stands behind it; tests put answers there.

use super::failing::Failing;
use crate::client::RegisterOptions;
use crate::pure::base::Address;
use crate::pure::protocol::locate::{Observed, Registration, Subject};
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Request, Response};
use std::time::Duration;

/// A way to the grid.
pub trait Ask {
    /// Asks whoever can answer: any registry for a read, the master for an update.
    ///
    /// # Errors
    /// When nobody could be reached or answered in time.
    fn ask(&mut self, request: Request) -> Result<Response, Failing>;
    /// Asks the peer at this address and no other.
    ///
    /// # Errors
    /// As [`Ask::ask`].
    fn ask_at(&mut self, address: &Address, request: Request) -> Result<Response, Failing>;
    /// Asks the peer at this address, and hands on each answer that more follow. The timeout bounds the wait for each.
    ///
    /// # Errors
    /// As [`Ask::ask`].
    fn follow_at(
        &mut self,
        address: &Address,
        request: Request,
        _progress: &mut (dyn FnMut(Response) + Send),
    ) -> Result<Response, Failing> {
        self.ask_at(address, request)
    }
    /// Lets time pass before the next question.
    fn pause(&mut self, time: Duration);
    /// What a reader of the latest answer must know beside it; a word for stderr.
    fn caution(&self) -> Option<String> {
        None
    }
    /// The next change in the grid; the first call starts the watch.
    ///
    /// # Errors
    /// When no registry could be reached for the whole timeout; calling again tries again.
    fn happening(&mut self) -> Result<Happening, Failing>;
    /// The next part of how these subjects stand; the first call starts with everything.
    ///
    /// # Errors
    /// As [`Ask::happening`].
    fn observed(&mut self, _subjects: &[Subject]) -> Result<Observed, Failing> {
        Err(Failing::other_answer())
    }
    /// Registers an adapter and renews it until the process is interrupted; `said` is told what happens.
    ///
    /// # Errors
    /// When it could not be registered, or was lost to somebody else.
    fn register(
        &mut self,
        _registration: Registration,
        _options: RegisterOptions,
        _said: &mut dyn FnMut(&str),
    ) -> Result<(), Failing> {
        Err(Failing::other_answer())
    }
}

impl dyn Ask + '_ {
    /// As [`Ask::ask`], with a refusal as an error.
    pub(super) fn get(&mut self, request: Request) -> Result<Response, Failing> {
        refused(self.ask(request)?)
    }
    /// As [`Ask::ask_at`], with a refusal as an error.
    pub(super) fn get_at(&mut self, address: &Address, request: Request) -> Result<Response, Failing> {
        refused(self.ask_at(address, request)?)
    }
}

fn refused(response: Response) -> Result<Response, Failing> {
    match response {
        Response::Failed(failure) => Err(failure.into()),
        response => Ok(response),
    }
}
