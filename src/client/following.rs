//! A request whose answers go on for ever, over reconnections.

use super::search::Search;
use super::{Answers, CallError, Client, Error};
use crate::pure::base::limits::REQUEST_DEADLINE_MAX;
use crate::pure::protocol::{Request, Response};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two tries to find a registry.
const PAUSE: Duration = Duration::from_millis(100);

/// The answers to a request that is asked again wherever a registry can be found.
#[derive(Debug)]
pub(super) struct Following {
    client: Client,
    answers: Option<Answers>,
    connections: u64,
}

impl Following {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            answers: None,
            connections: 0,
        }
    }
    /// How many connections it took until now.
    pub(super) fn connections(&self) -> u64 {
        self.connections
    }
    /// Ends the present connection's answers: the next one is asked anew.
    pub(super) fn begin_again(&mut self) {
        self.answers = None;
    }
    /// The next answer, never `Response::Failed`; `None` when the connection was lost, so that the caller can say where to
    /// go on before it calls again. May be dropped at any time without losing one.
    ///
    /// # Errors
    /// [`Error`] when no registry could be reached for the client's timeout, or one refused; calling again tries again.
    pub(super) async fn next(&mut self, request: impl FnOnce() -> Request) -> Result<Option<Response>, Error> {
        let answers = match &mut self.answers {
            Some(answers) => answers,
            none => {
                let answers = connect(&self.client, request()).await?;
                self.connections += 1;
                none.insert(answers)
            }
        };
        match answers.next().await {
            Some(Response::Failed(failure)) => {
                self.answers = None;
                Err(failure.into())
            }
            Some(response) => Ok(Some(response)),
            None => {
                self.answers = None;
                // A registry that ends every stream at once must not be asked in a circle.
                sleep(PAUSE / 10).await;
                Ok(None)
            }
        }
    }
}

async fn connect(client: &Client, request: Request) -> Result<Answers, Error> {
    let after = client.options().timeout;
    let deadline = Instant::now() + after;
    let mut search = Search::new(client, deadline);
    loop {
        if let Some(connection) = search.connection(false).await {
            match connection.ask(request.clone(), REQUEST_DEADLINE_MAX).await {
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
