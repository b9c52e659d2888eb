//! A session: what this program holds, for as long as it lives and renews.

use super::locate::other_answer;
use super::{Client, Error};
use crate::io::clock;
use crate::pure::allocation::session::{TTL_DEFAULT, TTL_MIN};
use crate::pure::allocation::{SessionId, Wish};
use crate::pure::base::{ObjectId, RequestId, Secret};
use crate::pure::protocol::allocation::{Allocate, LeaseReport, QueueReport};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Request, Response};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How long a request rests whose outcome nobody could tell, before it is sent again.
const PAUSE: Duration = Duration::from_millis(100);

/// How a session is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// For people: who looks at `floe session list` sees it. 1 to 64 bytes.
    pub name: String,
    /// How long the others wait for what it holds after this program has died, 1 s to 24 h. Default 10 s. It is renewed
    /// four times as often. As long without a registry, and the session counts as over here as well.
    pub ttl: Duration,
}

impl SessionOptions {
    /// The defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ttl: TTL_DEFAULT,
        }
    }
}

/// A session that is renewed in the background, with whichever registry leads. Dropped, it is renewed no more and closed where
/// that is possible; it ends within its time to live in any case, and what it holds is free again.
#[derive(Debug)]
pub struct Session {
    client: Client,
    secret: Secret,
    held: Arc<Held>,
    over: watch::Receiver<Option<Error>>,
    renewing: JoinHandle<()>,
}

impl Session {
    pub(super) async fn open(client: Client, options: SessionOptions) -> Result<Self, Error> {
        let secret = Secret::from_bits(clock::dice());
        let ttl_ms = u64::try_from(options.ttl.as_millis()).unwrap_or(u64::MAX);
        let name = options.name;
        match client.call(Request::OpenSession { secret, name, ttl_ms }).await? {
            Response::Session(_) => {}
            _ => return Err(other_answer()),
        }
        let (tell, over) = watch::channel(None);
        let held = Arc::new(Held::default());
        let renewing = tokio::spawn(renew(client.clone(), secret, options.ttl, held.clone(), tell));
        Ok(Self {
            client,
            secret,
            held,
            over,
            renewing,
        })
    }

    /// Its id, which everybody may know.
    pub fn id(&self) -> SessionId {
        SessionId::of(self.secret)
    }
    /// Its secret: whoever knows it speaks for this session.
    pub fn secret(&self) -> Secret {
        self.secret
    }

    /// Waits until the session is over although nobody here closed it: it was not renewed in time, an operator ended it, or no
    /// registry could be reached for its time to live. What it held may be another's by now.
    pub async fn over(&self) -> Error {
        let mut over = self.over.clone();
        let reason = over.wait_for(Option::is_some).await;
        let reason = reason.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(other_answer)
    }

    /// Waits for a resource, at most so long; `Duration::ZERO` takes only what is free now, `None` waits for ever. It goes on
    /// with the next master when mastership moves. `queued` hears from time to time how many are ahead. Dropped, the request
    /// is withdrawn.
    ///
    /// # Errors
    /// [`Error`]: `NotFound` when there is no such resource or the session is over, `TimedOut` when it was not free in time,
    /// `Precondition` when the session holds it already, `Unavailable` when all that would do is out of service.
    pub async fn allocate(
        &self,
        wish: Wish,
        limit: Option<Duration>,
        mut queued: impl FnMut(&QueueReport),
    ) -> Result<LeaseReport, Error> {
        let request = RequestId::from_bits(clock::dice());
        let mut withdrawal = Withdrawal {
            client: &self.client,
            secret: self.secret,
            request: Some(request),
        };
        let begun = Instant::now();
        loop {
            let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
            let allocate = Allocate {
                secret: self.secret,
                wish: wish.clone(),
                timeout_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
                request,
            };
            let in_time = left.is_none_or(|left| !left.is_zero());
            match self.client.call(Request::Allocate(Box::new(allocate))).await {
                Ok(Response::Allocated(lease)) => {
                    withdrawal.request = None;
                    self.held.add(&lease);
                    return Ok(*lease);
                }
                Ok(Response::Queued(report)) => queued(&report),
                Ok(_) => return Err(other_answer()),
                Err(error) if may_pass(&error) && self.over.borrow().is_some() => {
                    return Err(self.over.borrow().clone().unwrap_or(error));
                }
                Err(error) if in_time && may_pass(&error) => sleep(PAUSE).await,
                Err(error) => {
                    // What was refused does not wait.
                    if !may_pass(&error) {
                        withdrawal.request = None;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Gives a resource back.
    ///
    /// # Errors
    /// [`Error`]: `Precondition` when this session does not hold it, also after a release whose answer was lost.
    pub async fn release(&self, resource: ObjectId) -> Result<LeaseReport, Error> {
        self.held.remove(resource.as_str());
        let request = Request::Release {
            secret: self.secret,
            resource,
            token: None,
        };
        match self.client.call(request).await? {
            Response::Released(lease) => Ok(*lease),
            _ => Err(other_answer()),
        }
    }

    /// Ends it at once: what it holds is free.
    ///
    /// # Errors
    /// [`Error`]; then it ends within its time to live.
    pub async fn close(self) -> Result<(), Error> {
        self.renewing.abort();
        self.client
            .call(Request::CloseSession { secret: self.secret })
            .await
            .map(|_| ())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Not after `close`, and not when it is over.
        if self.renewing.is_finished() {
            return;
        }
        self.renewing.abort();
        let close = Request::CloseSession { secret: self.secret };
        send_and_forget(&self.client, close);
    }
}

/// What the program believes to hold: by resource, the token, and since when.
#[derive(Debug, Default)]
struct Held(Mutex<BTreeMap<String, (String, Instant)>>);

impl Held {
    fn add(&self, lease: &LeaseReport) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(lease.resource.clone(), (lease.token.clone(), Instant::now()));
    }
    fn remove(&self, resource: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(resource);
    }
    /// Something that was held when a renewal was sent and is unknown to who answered it.
    fn lost(&self, known: &[(String, String)], sent: Instant) -> Option<String> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = held.iter().filter(|(_, (_, since))| *since < sent);
        let is_known = |resource: &str, token: &str| {
            known
                .iter()
                .any(|one| (one.0.as_str(), one.1.as_str()) == (resource, token))
        };
        before
            .find(|(resource, (token, _))| !is_known(resource, token))
            .map(|(resource, _)| resource.clone())
    }
}

/// Withdraws a request that nobody waits for any more.
struct Withdrawal<'a> {
    client: &'a Client,
    secret: Secret,
    request: Option<RequestId>,
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            let secret = self.secret;
            send_and_forget(self.client, Request::Withdraw { secret, request });
        }
    }
}

fn send_and_forget(client: &Client, request: Request) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let client = client.clone();
        runtime.spawn(async move { drop(client.call(request).await) });
    }
}

/// Another try may have another outcome.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Failed(failure) => matches!(
            failure.code,
            ErrorCode::InDoubt | ErrorCode::NotMaster | ErrorCode::Overloaded | ErrorCode::Internal
        ),
        Error::NobodyReachable { .. } | Error::TimedOut { .. } => true,
    }
}

async fn renew(client: Client, secret: Secret, ttl: Duration, held: Arc<Held>, over: watch::Sender<Option<Error>>) {
    let is_over = |failure: Failure| {
        tracing::warn!(session = %SessionId::of(secret), reason = failure.message, "session over");
        over.send_replace(Some(failure.into()));
    };
    let ttl = ttl.max(TTL_MIN);
    // The last try of a time to live ends before it.
    let pause = ttl / 4;
    let mut renewed = Instant::now();
    loop {
        sleep(pause).await;
        if renewed.elapsed() + pause > ttl {
            let message = format!(
                "no registry renewed the session for its time to live of {ttl:?}: what it holds may be another's by now"
            );
            let hint = "open a new session, with a longer time to live if need be";
            return is_over(Failure::new(ErrorCode::TimedOut, message, hint));
        }
        let sent = Instant::now();
        // A registry that hangs must not cost the next renewal its time.
        match timeout(pause, client.call(Request::RenewSession { secret })).await {
            Ok(Ok(Response::Session(report))) => {
                if let Some(resource) = held.lost(&report.held, sent) {
                    let message =
                        format!("the master does not know that the session holds {resource}: a promotion lost it");
                    return is_over(Failure::new(
                        ErrorCode::NotFound,
                        message,
                        "open a new session and ask again",
                    ));
                }
                renewed = sent;
            }
            Ok(Ok(_)) => {}
            Ok(Err(Error::Failed(failure))) if failure.code == ErrorCode::NotFound => return is_over(failure),
            Ok(Err(error)) => {
                let elapsed_ms = u64::try_from(renewed.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::debug!(session = %SessionId::of(secret), %error, elapsed_ms, "not renewed, trying again");
            }
            Err(_) => {}
        }
    }
}
