//! An adapter that this process registers for as long as it lives.

use super::locate::other_answer;
use super::{Client, Error};
use crate::io::clock;
use crate::pure::base::RegistrantId;
use crate::pure::protocol::locate::{Register, Registration, TTL_MIN};
use crate::pure::protocol::request::ErrorCode;
use crate::pure::protocol::{Request, Response};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How an adapter is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterOptions {
    /// How long it is found after this process has died, 1 s to 1 h. Default 15 s. It is renewed three times as often.
    pub ttl: Duration,
    /// Take the adapter over from another process that has it. Default false; one that listened at the same endpoints is
    /// taken over in any case, because it must have ended.
    pub take_over: bool,
}

impl Default for RegisterOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(15),
            take_over: false,
        }
    }
}

/// A registration that is renewed in the background, through whichever registry can be reached, with or without a master.
/// Dropped, it is renewed no more and taken back where that is possible; it ends within its time to live in any case.
#[derive(Debug)]
pub struct Registering {
    client: Client,
    first: Register,
    lost: watch::Receiver<Option<Error>>,
    renewing: JoinHandle<()>,
}

impl Registering {
    pub(super) async fn begin(
        client: Client,
        registration: Registration,
        options: RegisterOptions,
    ) -> Result<Self, Error> {
        let first = Register {
            registration,
            registrant: RegistrantId::from_bits(clock::dice()),
            renewal: 1,
            ttl_ms: u64::try_from(options.ttl.as_millis()).unwrap_or(u64::MAX),
            take_over: options.take_over,
        };
        register(&client, first.clone()).await?;
        let (tell, lost) = watch::channel(None);
        let renewing = tokio::spawn(renew(client.clone(), first.clone(), options.ttl, tell));
        Ok(Self {
            client,
            first,
            lost,
            renewing,
        })
    }
    /// Waits until the adapter is another's: taken over, or deployed by an application. It is not renewed any more then.
    pub async fn lost(&self) -> Error {
        let mut lost = self.lost.clone();
        let reason = lost
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|reason| reason.clone());
        reason.unwrap_or_else(other_answer)
    }
    /// Takes it back at once.
    ///
    /// # Errors
    /// [`Error`]; then it ends within its time to live.
    pub async fn close(self) -> Result<(), Error> {
        self.renewing.abort();
        self.client.call(self.end()).await.map(|_| ())
    }

    fn end(&self) -> Request {
        Request::Unregister {
            adapter: self.first.registration.adapter.clone(),
            registrant: Some(self.first.registrant),
        }
    }
}

impl Drop for Registering {
    fn drop(&mut self) {
        // Not after `close`, which has ended it.
        if self.renewing.is_finished() {
            return;
        }
        self.renewing.abort();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (client, end) = (self.client.clone(), self.end());
            runtime.spawn(async move { drop(client.call(end).await) });
        }
    }
}

async fn register(client: &Client, register: Register) -> Result<(), Error> {
    match client.call(Request::Register(Box::new(register))).await? {
        Response::Registered(_) => Ok(()),
        _ => Err(other_answer()),
    }
}

async fn renew(client: Client, mut latest: Register, ttl: Duration, lost: watch::Sender<Option<Error>>) {
    let pause = ttl.max(TTL_MIN) / 3;
    latest.take_over = false;
    loop {
        sleep(pause).await;
        latest.renewal += 1;
        // A registry that hangs must not cost the next renewal its time.
        match timeout(pause, register(&client, latest.clone())).await {
            Ok(Err(Error::Failed(failure))) if failure.code == ErrorCode::Precondition => {
                tracing::warn!(adapter = %latest.registration.adapter, reason = failure.message, "registration lost");
                lost.send_replace(Some(failure.into()));
                return;
            }
            Ok(Err(error)) => {
                tracing::debug!(adapter = %latest.registration.adapter, %error, "not renewed, trying again");
            }
            Ok(Ok(())) | Err(_) => {}
        }
    }
}
