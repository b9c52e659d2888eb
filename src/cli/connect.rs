//! Opens the way to the grid with the client library.

use super::Exit;
use super::actor::actor;
use super::args::Global;
use super::ask::{Ask, Holding};
use super::failing::Failing;
use crate::client::{Client, Error, Observing, Options, RegisterOptions, Watch};
use crate::pure::base::Address;
use crate::pure::base::limits::REQUEST_DEADLINE_MAX;
use crate::pure::protocol::locate::{Observed, Registration, Subject};
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Request, Response};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// A client of the peers that `--peer` or `FLOE_PEERS` name.
pub(super) fn connect(global: &Global) -> Result<Box<dyn Ask>, Failing> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failing::internal(format!("failed to start the runtime: {error}")))?;
    let way = Way {
        runtime,
        client: None,
        watch: None,
        observing: None,
        locator: global.peers().to_vec(),
        timeout: global.timeout(),
    };
    Ok(Box::new(way))
}

/// The client library behind the verbs' small interface.
struct Way {
    client: Option<Client>,
    watch: Option<Watch>,
    observing: Option<Observing>,
    locator: Vec<Address>,
    timeout: Duration,
    /// Last, so that it outlives what runs on it.
    runtime: Runtime,
}

impl Way {
    fn open(&self, locator: Vec<Address>) -> Client {
        let _guard = self.runtime.enter();
        Client::new(
            locator,
            Options {
                timeout: self.timeout,
                ask_nodes: true,
                ..Options::new(actor())
            },
        )
    }
    fn call(&self, client: &Client, request: Request) -> Result<Response, Failing> {
        match self.runtime.block_on(client.call(request)) {
            Ok(response) => Ok(response),
            Err(error) => Err(failing(&error)),
        }
    }
}

impl Ask for Way {
    fn ask(&mut self, request: Request) -> Result<Response, Failing> {
        let client = self.client.take().unwrap_or_else(|| self.open(self.locator.clone()));
        let answer = self.call(&client, request);
        self.client = Some(client);
        answer
    }
    fn ask_at(&mut self, address: &Address, request: Request) -> Result<Response, Failing> {
        let client = self.open(vec![address.clone()]);
        self.call(&client, request)
    }
    fn follow_at(
        &mut self,
        address: &Address,
        request: Request,
        progress: &mut (dyn FnMut(Response) + Send),
    ) -> Result<Response, Failing> {
        let client = self.open(vec![address.clone()]);
        let followed = client.follow(address, request, REQUEST_DEADLINE_MAX, progress);
        self.runtime.block_on(followed).map_err(|error| failing(&error))
    }
    fn pause(&mut self, time: Duration) {
        // Inside the runtime: a timer needs its clock already when it is made.
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }
    fn caution(&self) -> Option<String> {
        let client = self.client.as_ref()?;
        if let Some(repeated) = client.repeated() {
            return Some(repeated.to_string());
        }
        let node = client.answered_alone()?;
        Some(format!(
            "no registry could be reached: node {node} answers, and for its own servers only"
        ))
    }
    fn happening(&mut self) -> Result<Happening, Failing> {
        let mut watch = self.watch.take().unwrap_or_else(|| {
            let _guard = self.runtime.enter();
            self.open(self.locator.clone()).watch()
        });
        let next = self.runtime.block_on(watch.next());
        self.watch = Some(watch);
        next.map_err(|error| failing(&error))
    }
    fn observed(&mut self, subjects: &[Subject]) -> Result<Observed, Failing> {
        let mut observing = self.observing.take().unwrap_or_else(|| {
            let _guard = self.runtime.enter();
            self.open(self.locator.clone()).observe(subjects.to_vec(), None)
        });
        let next = self.runtime.block_on(observing.next());
        self.observing = Some(observing);
        next.map_err(|error| failing(&error))
    }
    fn register(
        &mut self,
        registration: Registration,
        options: RegisterOptions,
        said: &mut dyn FnMut(&str),
    ) -> Result<(), Failing> {
        let client = self.open(self.locator.clone());
        let id = registration.adapter.clone();
        self.runtime.block_on(async {
            let mut interrupted = signal(SignalKind::interrupt())
                .map_err(|error| Failing::internal(format!("failed to listen for signals: {error}")))?;
            let mut ended = signal(SignalKind::terminate())
                .map_err(|error| Failing::internal(format!("failed to listen for signals: {error}")))?;
            let registered = client.register(registration, options).await;
            let registered = registered.map_err(|error| failing(&error))?;
            said(&format!("registered {id}; interrupt to take it back"));
            tokio::select! {
                error = registered.lost() => return Err(failing(&error)),
                _ = interrupted.recv() => {}
                _ = ended.recv() => {}
            }
            registered.close().await.map_err(|error| failing(&error))?;
            said(&format!("taken back {id}"));
            Ok(())
        })
    }
    fn hold(&mut self, holding: Holding<'_>, said: &mut dyn FnMut(&str)) -> Result<Exit, Failing> {
        let client = self.open(self.locator.clone());
        self.runtime.block_on(super::hold::hold(client, holding, said))
    }
}

pub(super) fn failing(error: &Error) -> Failing {
    match error {
        Error::Failed(failure) => failure.clone().into(),
        Error::NobodyReachable { .. } => Failing::unreachable(error.to_string()),
        Error::TimedOut { .. } => Failing::timed_out(error.to_string()),
    }
}
