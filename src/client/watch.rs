//! Changes as they happen, over reconnections.

use super::search::Search;
use super::{Answers, CallError, Client, Error};
use crate::pure::base::limits::REQUEST_DEADLINE_MAX;
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Request, Response};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two tries to find a registry.
const PAUSE: Duration = Duration::from_millis(100);

/// Changes as they happen, over reconnections. What happens between two connections is missed.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    answers: Option<Answers>,
    connections: u64,
}

impl Watch {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            answers: None,
            connections: 0,
        }
    }
    /// How many connections it took until now: when this grows, changes may have been missed.
    pub fn connections(&self) -> u64 {
        self.connections
    }
    /// The next change. May be dropped at any time without losing one.
    ///
    /// # Errors
    /// [`Error`] when no registry could be reached for the client's timeout, or one refused; calling again tries again.
    pub async fn next(&mut self) -> Result<Happening, Error> {
        loop {
            let Some(answers) = &mut self.answers else {
                self.answers = Some(self.connect().await?);
                self.connections += 1;
                continue;
            };
            match answers.next().await {
                Some(Response::Happened(happening)) => return Ok(*happening),
                Some(Response::Failed(failure)) => {
                    self.answers = None;
                    return Err(failure.into());
                }
                // The end, or something that is no change.
                Some(_) | None => {
                    self.answers = None;
                    // A registry that ends every watch at once must not be asked in a circle.
                    sleep(PAUSE / 10).await;
                }
            }
        }
    }

    async fn connect(&self) -> Result<Answers, Error> {
        let after = self.client.options().timeout;
        let deadline = Instant::now() + after;
        let mut search = Search::new(&self.client, deadline);
        loop {
            if let Some(connection) = search.connection(false).await {
                match connection.ask(Request::Watch, REQUEST_DEADLINE_MAX).await {
                    Ok(answers) => return Ok(answers),
                    Err(CallError::Lost { reason, .. }) => search.lost(&connection, &reason),
                    Err(CallError::TimedOut { .. } | CallError::TooLarge) => return Err(Error::TimedOut { after }),
                }
            } else if deadline.saturating_duration_since(Instant::now()) <= PAUSE {
                let tried = search.tried();
                return Err(Error::NobodyReachable { tried });
            } else {
                search.begin_again();
                sleep(PAUSE).await;
            }
        }
    }
}
