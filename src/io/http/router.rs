//! Which path asks what.

use super::answer::{answer, error, failed};
use super::backend::Backend;
use super::guard::{self, Hosts};
use super::{discovery, find, sessions, stream};
use crate::io::telemetry::metrics::Metrics;
use crate::pure::base::{ApplicationName, GridName};
use crate::pure::protocol::{ErrorCode, Failure, Request, Response as Answer};
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a read may take: the daemon's loop answers in milliseconds or is in trouble.
pub(super) const READ_DEADLINE: Duration = Duration::from_secs(5);
/// Who reads.
const READER: &str = "http";

/// What every request needs.
pub(super) struct Shared {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) metrics: Metrics,
    pub(super) hosts: Hosts,
    pub(super) grid: GridName,
    /// Was the daemon ready once? Before that it may not have met the peers whose targets it would name.
    pub(super) was_ready: AtomicBool,
    /// Room for streams and long polls.
    pub(super) streams: Arc<Semaphore>,
    /// Room for requests that wait for a lease.
    pub(super) polls: Arc<Semaphore>,
}

/// All routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let leases = get(find::leases).post(sessions::allocate).delete(sessions::give_back);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/v1/status", get(|shared| read(shared, Request::Status)))
        .route("/v1/peers", get(|shared| read(shared, Request::Peers)))
        .route("/v1/registry", get(|shared| read(shared, Request::Registry)))
        .route("/v1/nodes", get(|shared| read(shared, Request::Nodes)))
        .route("/v1/applications", get(|shared| read(shared, Request::Applications)))
        .route("/v1/applications/{name}/history", get(history))
        .route("/v1/servers", get(servers))
        .route("/v1/resolve", get(find::find))
        .route("/v1/resolve/{id}", get(find::resolve))
        .route("/v1/adapters", get(find::adapters))
        .route("/v1/adapters/{id}", get(find::adapter))
        .route("/v1/objects", get(find::objects))
        .route("/v1/sessions", get(find::sessions).post(sessions::open))
        .route("/v1/sessions/renew", post(sessions::renew))
        .route("/v1/session", delete(sessions::close))
        .route("/v1/leases", leases)
        .route("/v1/watch", get(stream::watch))
        .route("/v1/locate", get(stream::locate))
        .route("/v1/openapi.json", get(openapi))
        .route("/v1/sd/prometheus", get(targets))
        .fallback(guard::not_found)
        .method_not_allowed_fallback(guard::not_allowed)
        .layer(axum::middleware::from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared)
}

async fn read(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(ask(&shared, request, READ_DEADLINE).await)
}

async fn servers(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else {
        return invalid("the query cannot be read", "use ?application=NAME or nothing");
    };
    let application = match query.get("application").map(|name| name.parse::<ApplicationName>()) {
        None => None,
        Some(Ok(name)) => Some(name),
        Some(Err(error)) => return invalid(&error.to_string(), "use ?application=NAME or nothing"),
    };
    answer(ask(&shared, Request::Servers { application }, READ_DEADLINE).await)
}

async fn history(State(shared): State<Arc<Shared>>, name: Result<Path<String>, PathRejection>) -> Response {
    let Some(name) = name.ok().and_then(|Path(name)| name.parse::<ApplicationName>().ok()) else {
        return invalid(
            "the application's name cannot be read",
            "use /v1/applications/NAME/history",
        );
    };
    answer(ask(&shared, Request::History { name }, READ_DEADLINE).await)
}

async fn targets(State(shared): State<Arc<Shared>>) -> Response {
    let ready = shared.backend.ready().is_ok();
    if !shared.was_ready.fetch_or(ready, Ordering::Relaxed) && !ready {
        return unsure("this peer is starting");
    }
    let Answer::Peers(peers) = ask(&shared, Request::Peers, READ_DEADLINE).await else {
        return unsure("the peers cannot be told now");
    };
    let Some(mut groups) = discovery::groups(&shared.grid, &peers) else {
        return unsure("no peer with an HTTP address is known");
    };
    match ask(&shared, Request::ScrapeTargets, READ_DEADLINE).await {
        Answer::ScrapeTargets(rows) => {
            groups.extend(rows.iter().filter_map(|row| discovery::server(&shared.grid, row)));
        }
        // A node knows its own servers only: registries tell all.
        Answer::Failed(failure) if failure.code == ErrorCode::NotMaster => {}
        _ => return unsure("the servers cannot be told now"),
    }
    axum::Json(groups).into_response()
}

/// What all of this is, for programs.
async fn openapi() -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        include_str!("openapi.json"),
    )
        .into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let metrics = shared.metrics.clone();
    let Ok(text) = tokio::task::spawn_blocking(move || metrics.render()).await else {
        let failure = Failure::new(
            ErrorCode::Internal,
            "the metrics cannot be written",
            "look into this peer's log",
        );
        return failed(&failure);
    };
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

async fn live(State(shared): State<Arc<Shared>>) -> Response {
    if shared.backend.live() {
        "live\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the daemon's loop does not answer\n").into_response()
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    match shared.backend.ready() {
        Ok(()) => {
            shared.was_ready.store(true, Ordering::Relaxed);
            "ready\n".into_response()
        }
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response(),
    }
}

impl Shared {
    /// Asks; the daemon is told to answer within `limit`, and waited for until `deadline`.
    pub(super) async fn ask_for(&self, request: Request, limit: Duration, deadline: Duration) -> Answer {
        answered(
            timeout(deadline, self.backend.ask(READER, request, limit)).await,
            deadline,
        )
    }
}

pub(super) async fn ask(shared: &Shared, request: Request, deadline: Duration) -> Answer {
    shared.ask_for(request, deadline, deadline).await
}

fn answered(answer: Result<Answer, tokio::time::error::Elapsed>, deadline: Duration) -> Answer {
    answer.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", deadline.as_secs());
        Answer::Failed(Failure::new(
            ErrorCode::TimedOut,
            text,
            "ask again, or ask another registry",
        ))
    })
}

fn invalid(message: &str, hint: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "invalid", message, hint)
}

/// Keeps Prometheus at the targets that it has.
fn unsure(message: &str) -> Response {
    let hint = "Prometheus keeps the targets that it has and asks again";
    error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message, hint)
}
