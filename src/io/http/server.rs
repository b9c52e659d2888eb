//! The accept loop: so many connections, so large headers, so much patience, and a graceful end.

use super::backend::Backend;
use super::guard::Hosts;
use super::router::{Shared, router};
use super::sessions::{Caller, POLLS_MAX};
use super::stream::STREAMS_MAX;
use crate::io::config::Config;
use crate::io::telemetry::metrics::Metrics;
use crate::pure::base::{Address, GridName};
use crate::pure::membership::PeerCard;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Most connections at a time; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 128;
/// Largest request line and headers, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most headers.
const HEADERS_MAX: usize = 64;
/// How long a client may take to send its headers, and to sit between two requests.
const HEAD_DEADLINE: Duration = Duration::from_mins(1);
/// How long a connection lasts. Bounds a client that does not read what it asked for; others just connect again.
const CONNECTION_LIFE: Duration = Duration::from_mins(10);
/// How long requests in flight may take once a connection is told to end.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait after a failed accept, as when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the listener needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The grid, for the labels of scrape targets.
    pub grid: GridName,
    /// Addresses by which this peer may be called, beside the listener's own and loopback: listen, advertise.
    pub addresses: Vec<Address>,
}

impl Settings {
    /// A peer's own: its grid, and every address under which it may be called.
    pub fn of(config: &Config, card: &PeerCard) -> Self {
        let addresses = [config.peer.listen.clone(), card.address.clone()]
            .into_iter()
            .chain(card.http.clone());
        Self {
            grid: config.grid.clone(),
            addresses: addresses.collect(),
        }
    }
}

/// Serves until `stop` completes, then lets requests in flight end for at most 2 s.
///
/// # Errors
/// When the listener has no address, before anything is served.
pub async fn serve(
    listener: TcpListener,
    backend: Arc<dyn Backend>,
    metrics: Metrics,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut addresses = settings.addresses;
    addresses.push(listener.local_addr()?.into());
    let router = router(Arc::new(Shared {
        backend,
        metrics,
        hosts: Hosts::new(&addresses),
        grid: settings.grid,
        was_ready: AtomicBool::new(false),
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        polls: Arc::new(Semaphore::new(POLLS_MAX)),
    }));
    let (ending, ended) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::select! {
        () = stop => {}
        () = accept(&listener, &router, &ended, &mut connections) => {}
    }
    drop(listener);
    ending.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE * 2, all).await.is_err() {
        tracing::debug!("connections did not end in time");
    }
    // What is left is cut off as the set is dropped.
    Ok(())
}

/// Takes connections for ever.
async fn accept(listener: &TcpListener, router: &Router, ended: &watch::Receiver<bool>, connections: &mut JoinSet<()>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, address)) => {
                let (router, ended) = (told(router, Caller(address)), ended.clone());
                connections.spawn(async move {
                    serve_connection(stream, router, ended).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an http connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The same routes, told who calls.
fn told(router: &Router, caller: Caller) -> Router {
    Router::new().fallback_service(router.clone()).layer(Extension(caller))
}

async fn serve_connection(stream: TcpStream, router: Router, mut ended: watch::Receiver<bool>) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        result = connection.as_mut() => return note(result),
        () = sleep(CONNECTION_LIFE) => {}
        _ = ended.wait_for(|ended| *ended) => {}
    }
    connection.as_mut().graceful_shutdown();
    if let Ok(result) = timeout(GRACE, connection).await {
        note(result);
    } else {
        tracing::debug!("an http request did not end in time");
    }
}

/// A client that goes away or talks nonsense is no concern of the operator.
fn note<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        tracing::debug!(%error, "http connection ended");
    }
}

#[cfg(test)]
#[path = "server_test.rs"]
mod tests;
