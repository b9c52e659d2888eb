//! How things stand, and how that changes, over reconnections.

use super::following::Following;
use super::{Client, Error};
use crate::pure::protocol::locate::{Observed, Position, Subject};
use crate::pure::protocol::{Request, Response};

/// Rows of some subjects: first all of them, then what changes, in order. After a reconnection it goes on where it was, if
/// the registry that is found then still knows that place; else a new snapshot comes.
///
/// Each part says what it is: with `first` a snapshot begins, and what was held before is void; a part of a snapshot with a
/// `position` is its last one; every other part is a change.
#[derive(Debug)]
pub struct Observing {
    following: Following,
    subjects: Vec<Subject>,
    position: Option<Position>,
}

impl Observing {
    pub(super) fn new(client: Client, subjects: Vec<Subject>, after: Option<Position>) -> Self {
        Self {
            following: Following::new(client),
            subjects,
            position: after,
        }
    }
    /// Where to go on after what was given until now; `None` before the first snapshot is complete.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }
    /// The next part. May be dropped at any time without losing one.
    ///
    /// # Errors
    /// [`Error`] when no registry could be reached for the client's timeout, or one refused; calling again tries again.
    pub async fn next(&mut self) -> Result<Observed, Error> {
        loop {
            let (subjects, after) = (self.subjects.clone(), self.position.clone());
            match self.following.next(|| Request::Observe { subjects, after }).await? {
                Some(Response::Observed(part)) => {
                    // Half a snapshot is no place to go on from.
                    if part.snapshot || part.position.is_some() {
                        self.position.clone_from(&part.position);
                    }
                    return Ok(part);
                }
                Some(_) => self.following.begin_again(),
                None => {}
            }
        }
    }
}
