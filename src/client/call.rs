//! One call, from the first try to the answer: where to ask, when to ask again, and what may have happened meanwhile.

use super::repeated::Repeated;
use super::search::Search;
use super::{CallError, Client, Connection, Error};
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// First and longest pause before the same place is asked again.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// One call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    client: &'a Client,
    request: Request,
    deadline: Instant,
    search: Search<'a>,
    /// The update was sent and may have been stored; why that is not known.
    doubt: Option<String>,
    /// How often an update was sent, and what became of it, for [`Client::repeated`].
    repeated: Repeated,
    /// What is answered when nobody says anything better.
    refusal: Option<Failure>,
    pause: Duration,
}

/// What one try came to.
enum Step {
    Done(Result<Response, Error>),
    /// Somebody else is to be asked.
    Next,
    /// The same may be asked again, after a pause.
    Later,
}

impl<'a> Call<'a> {
    pub(super) fn new(client: &'a Client, request: Request) -> Self {
        let deadline = Instant::now() + client.options().timeout;
        Self {
            client,
            request,
            deadline,
            search: Search::new(client, deadline),
            doubt: None,
            repeated: Repeated::default(),
            refusal: None,
            pause: PAUSE_MIN,
        }
    }

    pub(super) async fn run(mut self) -> Result<Response, Error> {
        while self.remaining() > Duration::ZERO {
            match self.attempt().await {
                Step::Done(result) => return self.done(result),
                Step::Next => {}
                Step::Later => {
                    sleep(self.pause.min(self.remaining())).await;
                    self.pause = (self.pause * 2).min(PAUSE_MAX);
                }
            }
        }
        let result = Err(self.give_up());
        self.done(result)
    }

    fn done(self, result: Result<Response, Error>) -> Result<Response, Error> {
        self.client.note_repeated(self.repeated);
        result
    }

    async fn attempt(&mut self) -> Step {
        let any_peer = matches!(self.request, Request::Peers);
        let found = self.search.connection(any_peer).await;
        let node = if found.is_none() { self.node_instead() } else { None };
        self.client
            .note_alone(node.as_ref().map(|node| node.peer().name.clone()));
        let Some(connection) = found.or(node) else {
            if self.doubt.is_some() {
                // Somebody may come back and know.
                self.search.begin_again();
                return Step::Later;
            }
            return Step::Done(Err(self.give_up()));
        };
        if self.request.is_update() {
            self.repeated.sent(&connection.peer().name);
        }
        match connection.call(self.request.clone(), self.remaining()).await {
            Ok(Response::Failed(failure)) => self.failed(&connection, failure).await,
            Ok(response) => Step::Done(Ok(response)),
            Err(CallError::TooLarge) => Step::Done(Err(too_large().into())),
            Err(CallError::TimedOut { .. }) => {
                if self.request.is_update() {
                    self.is_in_doubt(format!("{} did not answer in time", connection.peer().name));
                }
                Step::Done(Err(self.give_up()))
            }
            Err(CallError::Lost { reason, sent }) => self.lost(&connection, reason, sent),
        }
    }

    async fn failed(&mut self, connection: &Connection, failure: Failure) -> Step {
        match failure.code {
            ErrorCode::NotMaster => self.redirected(connection, failure).await,
            ErrorCode::InDoubt if self.request.is_update() => {
                self.is_in_doubt(failure.message.clone());
                self.refusal = Some(failure);
                Step::Later
            }
            // Refused now says nothing of the earlier try: this registry may lack what another has stored.
            ErrorCode::Precondition if self.doubt.is_some() => Step::Later,
            ErrorCode::Overloaded => {
                self.refusal = Some(failure);
                Step::Later
            }
            ErrorCode::InDoubt
            | ErrorCode::Invalid
            | ErrorCode::NotFound
            | ErrorCode::Reviewing
            | ErrorCode::Precondition
            | ErrorCode::Unavailable
            | ErrorCode::TimedOut
            | ErrorCode::StaleEpoch
            | ErrorCode::Internal => Step::Done(Err(failure.into())),
        }
    }

    /// It is not the master: go to the one that it names, else ask the others.
    async fn redirected(&mut self, connection: &Connection, failure: Failure) -> Step {
        let named = failure.master.as_ref().map(|(_, address)| address.clone());
        let name = &connection.peer().name;
        let reason = format!("{name} is not the master");
        self.refusal = Some(failure);
        match named {
            Some(address) if address != *connection.address() && address != connection.peer().address => {
                if self.search.go_to(&address).await.is_some() {
                    // Two registries that name each other must not be asked in a circle without a pause.
                    return if self.hops() { Step::Next } else { Step::Later };
                }
                // It names one that does not answer: it will notice.
                self.search.begin_again();
                Step::Later
            }
            _ => {
                self.client.leave(connection);
                self.search.exclude(connection.address(), &reason);
                Step::Next
            }
        }
    }

    fn lost(&mut self, connection: &Connection, reason: String, sent: bool) -> Step {
        let name = &connection.peer().name;
        self.search
            .lost(connection, &format!("the connection was lost: {reason}"));
        if !sent || self.is_read() {
            return Step::Next;
        }
        let text = format!("the connection to {name} was lost before it answered: {reason}");
        if self.request.is_update() {
            self.is_in_doubt(text);
            return Step::Next;
        }
        // Carried out twice, a command may do harm.
        Step::Done(Err(Failure::new(
            ErrorCode::InDoubt,
            text,
            "look how the server stands before trying again",
        )
        .into()))
    }

    /// A node that can answer for its own servers, when no registry was found and none has said anything.
    fn node_instead(&mut self) -> Option<Connection> {
        let of_a_server = matches!(
            self.request,
            Request::Servers { .. }
                | Request::Server { .. }
                | Request::Logs { .. }
                | Request::Explain { .. }
                | Request::Node { .. }
                | Request::Usage { .. }
        ) || self.request.is_command();
        let wanted = self.client.options().ask_nodes && of_a_server && self.refusal.is_none();
        if wanted { self.search.take_node() } else { None }
    }

    /// Why there is no answer.
    fn give_up(&mut self) -> Error {
        let after = self.client.options().timeout;
        if let Some(doubt) = self.doubt.take() {
            let failure = self.refusal.take().filter(|failure| failure.code == ErrorCode::InDoubt);
            return failure.unwrap_or_else(|| in_doubt(&doubt)).into();
        }
        if let Some(refusal) = self.refusal.take() {
            return refusal.into();
        }
        let tried = self.search.tried();
        if tried.is_empty() && self.remaining() == Duration::ZERO {
            Error::TimedOut { after }
        } else {
            Error::NobodyReachable { tried }
        }
    }

    fn is_in_doubt(&mut self, why: String) {
        self.repeated.doubt(&why);
        self.doubt = Some(why);
    }
    fn hops(&mut self) -> bool {
        let few = self.pause == PAUSE_MIN;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        few
    }
    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
    fn is_read(&self) -> bool {
        // An order to a registry is safe to send twice: what is done already is done.
        let once =
            matches!(self.request, Request::Activate { .. } | Request::Initialise { .. }) || self.request.is_command();
        !self.request.is_update() && !once
    }
}

fn in_doubt(doubt: &str) -> Failure {
    Failure::new(
        ErrorCode::InDoubt,
        format!("whether the update was stored is not known: {doubt}"),
        "look at the application's revision, or send the same update again with the same request id",
    )
}

fn too_large() -> Failure {
    Failure::new(
        ErrorCode::Invalid,
        CallError::TooLarge.to_string(),
        "split the application",
    )
}
