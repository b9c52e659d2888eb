//! The client: a locator list, the connection in use, and what was learned on the way.

use super::call::Call;
use super::{Connection, Error, Options, Repeated, Watch};
use crate::pure::base::{Address, PeerName};
use crate::pure::protocol::{Request, Response};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most addresses that are learned from peers, beyond the locator list. The oldest go first.
const LEARNED_MAX: usize = 32;

/// Asks a grid. Clones share one connection; calls may run beside each other.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    locator: Vec<Address>,
    options: Options,
    state: Mutex<State>,
    /// Held while a connection is searched: callers beside wait for it instead of opening their own.
    searching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Connection>,
    learned: Vec<Address>,
    alone: Option<PeerName>,
    repeated: Option<Repeated>,
}

impl Client {
    /// A client that finds the grid through any of these addresses. Connects at the first call.
    pub fn new(locator: Vec<Address>, options: Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                locator,
                options,
                state: Mutex::default(),
                searching: tokio::sync::Mutex::new(()),
            }),
        }
    }

    /// Asks and waits for the answer, which is never `Response::Failed`. Reads go on with another peer when one is lost;
    /// updates find the master, and are sent again with the same request id while their outcome is not known.
    ///
    /// # Errors
    /// [`Error`]; only `InDoubt` leaves open whether something was changed.
    pub async fn call(&self, request: Request) -> Result<Response, Error> {
        Call::new(self, request).run().await
    }

    /// Asks the peer at this address and no other, and hands on each answer that more follow, until the last one comes.
    /// `Options::timeout` bounds the wait for each answer; `limit` is what the peer is told.
    ///
    /// # Errors
    /// [`Error`]; after `TimedOut` and a lost connection the peer may still carry it out.
    pub async fn follow(
        &self,
        address: &Address,
        request: Request,
        limit: Duration,
        progress: &mut (dyn FnMut(Response) + Send),
    ) -> Result<Response, Error> {
        let after = self.options().timeout;
        let nobody = |reason: String| Error::NobodyReachable {
            tried: vec![(address.clone(), reason)],
        };
        let connection = Connection::open(address, self.options()).await.map_err(nobody)?;
        let mut answers = connection
            .ask(request, limit)
            .await
            .map_err(|error| nobody(error.to_string()))?;
        loop {
            let Ok(answer) = tokio::time::timeout(after, answers.next()).await else {
                return Err(Error::TimedOut { after });
            };
            match answer {
                Some(Response::Failed(failure)) => return Err(failure.into()),
                Some(response) if answers.is_over() => return Ok(response),
                Some(response) => progress(response),
                None => return Err(nobody(answers.reason())),
            }
        }
    }

    /// Changes as they happen, from any registry.
    pub fn watch(&self) -> Watch {
        Watch::new(self.clone())
    }

    /// The node that gave the latest answer, for its own servers alone, because no registry could be found.
    pub fn answered_alone(&self) -> Option<PeerName> {
        self.state().alone.clone()
    }

    /// What became of the latest update, when it had to be sent more than once because its outcome was not known.
    pub fn repeated(&self) -> Option<Repeated> {
        self.state().repeated.clone()
    }

    /// How this client presents itself, and how long it waits.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(super) fn searching(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.searching
    }
    pub(super) fn note_repeated(&self, repeated: Repeated) {
        self.state().repeated = repeated.is_worth_telling().then_some(repeated);
    }
    /// The connection in use, if it stands.
    pub(super) fn current(&self) -> Option<Connection> {
        let state = self.state();
        state
            .current
            .as_ref()
            .filter(|connection| connection.closed().is_none())
            .cloned()
    }
    pub(super) fn use_connection(&self, connection: &Connection) {
        self.state().current = Some(connection.clone());
    }
    /// Not this connection any more.
    pub(super) fn leave(&self, connection: &Connection) {
        let mut state = self.state();
        if (state.current.as_ref()).is_some_and(|current| current.address() == connection.address()) {
            state.current = None;
        }
    }
    pub(super) fn note_alone(&self, node: Option<PeerName>) {
        self.state().alone = node;
    }
    pub(super) fn learn(&self, addresses: impl IntoIterator<Item = Address>) {
        let mut state = self.state();
        for address in addresses {
            if self.inner.locator.contains(&address) {
                continue;
            }
            state.learned.retain(|known| *known != address);
            state.learned.push(address);
        }
        let surplus = state.learned.len().saturating_sub(LEARNED_MAX);
        state.learned.drain(..surplus);
    }
    /// Every address to try, the locator list first.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let learned = self.state().learned.clone();
        self.inner.locator.iter().cloned().chain(learned).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "handle_test.rs"]
mod tests;
