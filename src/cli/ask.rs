//! What a verb needs of the grid: ask, ask one peer, watch. The client library stands behind it; tests put answers there.

use super::{Exit, Failing};
use crate::client::{RegisterOptions, SessionOptions};
use crate::pure::allocation::Wish;
use crate::pure::base::Address;
use crate::pure::protocol::locate::{Observed, Registration, Subject};
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Request, Response};
use std::ffi::OsString;
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
    /// Runs a command while a session holds what it is to have.
    ///
    /// # Errors
    /// When it could not be had, or the command could not be started.
    fn hold(&mut self, _holding: Holding<'_>, _said: &mut dyn FnMut(&str)) -> Result<Exit, Failing> {
        Err(Failing::other_answer())
    }
}

/// What a session is to hold, and what is run meanwhile.
#[derive(Debug)]
pub struct Holding<'a> {
    /// How the session is opened.
    pub session: SessionOptions,
    /// What it is to have.
    pub wish: Wish,
    /// How many of it.
    pub count: usize,
    /// How long it may wait for each; `None`: for ever.
    pub limit: Option<Duration>,
    /// The program and its arguments.
    pub command: &'a [OsString],
}

impl dyn Ask + '_ {
    /// As [`Ask::ask`], with a refusal as an error.
    pub(super) fn get(&mut self, request: Request) -> Result<Response, Failing> {
        refused(self.ask(request)?)
    }
    /// All rows of a list that comes in parts: `request` asks for those after the last one so far, `part` is what an answer
    /// holds, and whether there are more.
    pub(super) fn all<T>(
        &mut self,
        request: impl Fn(Option<&T>) -> Request,
        part: impl Fn(Response) -> Option<(Vec<T>, bool)>,
    ) -> Result<Vec<T>, Failing> {
        let mut rows = Vec::new();
        loop {
            let answer = self.get(request(rows.last()))?;
            let (more_rows, more) = part(answer).ok_or_else(Failing::other_answer)?;
            let empty = more_rows.is_empty();
            rows.extend(more_rows);
            if !more || empty {
                return Ok(rows);
            }
        }
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
