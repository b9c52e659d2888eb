//! Sessions and leases by HTTP: opened, renewed, closed; asked for, waited for, given back.
//!
//! The secret comes in the `Authorization` header and is neither said nor logged. Nothing hangs on a connection: whoever comes
//! back with the same secret and the same request id goes on where it was. Only the master decides; another peer says where
//! that one is and passes nothing on.

use super::answer::{answer, error, not_master};
use super::find::{Asked, Parameters, Refusal, invalid, shown};
use super::router::Shared;
use crate::pure::allocation::queue::ATTRIBUTES_MAX;
use crate::pure::allocation::session::{NAME_BYTES_MAX as SESSION_NAME_BYTES_MAX, TTL_DEFAULT, TTL_MAX};
use crate::pure::allocation::{Token, Wish};
use crate::pure::base::limits::NAME_BYTES_MAX;
use crate::pure::base::{Address, ObjectId, PeerName, RequestId, Secret};
use crate::pure::protocol::allocation::Allocate;
use crate::pure::protocol::{ErrorCode, Failure, Request, Response as Answer};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Most requests that wait for a lease at a time: with all streams they leave room for scrapes.
pub(super) const POLLS_MAX: usize = 32;
/// How long a change may take: twice as long as a read, for it waits for the disks of others.
const CHANGE_DEADLINE: Duration = Duration::from_secs(10);
/// How long one request waits for a lease unless it says so. The core tells after three quarters of it that it waits: who then
/// asks again keeps a session of the default time to live.
const POLL_DEFAULT: Duration = TTL_DEFAULT;
/// Longest wait of one request.
const POLL_MAX: Duration = Duration::from_mins(1);
/// Longest wait in the queue that can be named; without one, it waits as long as its session lives.
const TIMEOUT_MAX: Duration = Duration::from_hours(24);

const REQUEST_WANTED: &str = "request is 32 hexadecimal digits, drawn by you for each lease; sent again, it gives the same lease or keeps its place";

const WHERE_WANTED: &str = "where is NAME=VALUE, once for each attribute";

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller(pub(super) SocketAddr);

/// Who speaks for a session.
pub(super) struct Bearer {
    secret: Secret,
    /// Who it is recorded as.
    actor: String,
}

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let secret = secret_of(&parts.headers).map_err(unauthorized)?;
        let actor = match parts.extensions.get::<Caller>() {
            Some(Caller(address)) => format!("http from {}", Address::from(*address)),
            None => "http".to_owned(),
        };
        Ok(Self { secret, actor })
    }
}

/// The secret of a request, or what is wrong with it, in words that do not hold it.
fn secret_of(headers: &HeaderMap) -> Result<Secret, &'static str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or("the session's secret is missing")?;
    if values.next().is_some() {
        return Err("there are several Authorization headers");
    }
    let text = value.to_str().unwrap_or_default();
    let (scheme, digits) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err("the Authorization header is not of the scheme Bearer");
    }
    let digits = digits.trim();
    let secret = digits
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| digits.parse().ok());
    secret.flatten().ok_or("the session's secret cannot be read")
}

fn unauthorized(message: &str) -> Response {
    let hint =
        "send `Authorization: Bearer SECRET`: 32 hexadecimal digits, drawn at random by you and told to nobody else";
    let mut response = error(StatusCode::UNAUTHORIZED, "unauthorized", message, hint);
    let scheme = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

/// `POST /v1/sessions`.
pub(super) async fn open(State(shared): State<Arc<Shared>>, bearer: Bearer, query: Asked) -> Response {
    let read = || -> Result<Request, Refusal> {
        let query = Parameters::read(query, &["name", "ttl"])?;
        let wanted = format!("name is 1 to {SESSION_NAME_BYTES_MAX} bytes, for whoever looks at `floe session list`");
        let name = query.needed("name", &wanted)?.to_owned();
        let ttl = query.time("ttl", TTL_MAX)?.unwrap_or(TTL_DEFAULT);
        Ok(Request::OpenSession {
            secret: bearer.secret,
            name,
            ttl_ms: millis(ttl),
        })
    };
    change(&shared, &bearer.actor, read()).await
}

/// `POST /v1/sessions/renew`.
pub(super) async fn renew(State(shared): State<Arc<Shared>>, bearer: Bearer, query: Asked) -> Response {
    let secret = bearer.secret;
    let request = Parameters::read(query, &[]).map(|_| Request::RenewSession { secret });
    change(&shared, &bearer.actor, request).await
}

/// `DELETE /v1/session`.
pub(super) async fn close(State(shared): State<Arc<Shared>>, bearer: Bearer, query: Asked) -> Response {
    let secret = bearer.secret;
    let request = Parameters::read(query, &[]).map(|_| Request::CloseSession { secret });
    change(&shared, &bearer.actor, request).await
}

/// `POST /v1/leases`.
pub(super) async fn allocate(State(shared): State<Arc<Shared>>, bearer: Bearer, query: Asked) -> Response {
    let (allocate, poll) = match read_allocate(bearer.secret, query) {
        Ok(read) => read,
        Err(refusal) => return *refusal,
    };
    let waits = !poll.is_zero() && allocate.timeout_ms != Some(0);
    let Ok(slot) = waits.then(|| Arc::clone(&shared.polls).try_acquire_owned()).transpose() else {
        let message = format!("{POLLS_MAX} requests wait for a lease at this peer already");
        let failure = Failure::new(ErrorCode::Overloaded, message, "come again, or do not wait: poll=0s");
        return answer(Answer::Failed(failure));
    };
    let request = Request::Allocate(Box::new(allocate));
    let response = carry_out(&shared, &bearer.actor, request, poll).await;
    drop(slot);
    response
}

/// `DELETE /v1/leases`: what is held is given back, what waits is withdrawn.
pub(super) async fn give_back(State(shared): State<Arc<Shared>>, bearer: Bearer, query: Asked) -> Response {
    let secret = bearer.secret;
    let read = || -> Result<Request, Refusal> {
        let usage = "use ?id=ID&token=TOKEN for a lease, or ?request=REQUEST for a request that waits";
        let query = Parameters::read(query, &["id", "token", "request"])?;
        let request: Option<RequestId> = query.get("request", REQUEST_WANTED)?;
        let resource: Option<ObjectId> = query.get("id", "id is that of a resource")?;
        let token: Option<Token> = query.get("token", "token is that of the lease, such as 3-41")?;
        match (request, resource, token) {
            (Some(request), None, None) => Ok(Request::Withdraw { secret, request }),
            (None, Some(resource), Some(token)) => Ok(Request::Release {
                secret,
                resource,
                token: Some(token),
            }),
            (None, None, None) => Err(invalid("neither a lease nor a request is named", usage)),
            (None, Some(_), None) => Err(invalid("the lease's token is missing", usage)),
            (None, None, Some(_)) => Err(invalid("the lease's resource is missing", usage)),
            (Some(_), ..) => Err(invalid("a lease and a request are named at once", usage)),
        }
    };
    change(&shared, &bearer.actor, read()).await
}

/// What is asked for, and how long this request waits for it.
fn read_allocate(secret: Secret, query: Asked) -> Result<(Allocate, Duration), Refusal> {
    let allowed = ["id", "type", "where", "timeout", "poll", "request"];
    let (query, attributes) = Parameters::read_list(query, &allowed, "where")?;
    let request: Option<RequestId> = query.get("request", REQUEST_WANTED)?;
    let request = request.ok_or_else(|| invalid("request is missing", REQUEST_WANTED))?;
    let usage = "use ?id=ID, or ?type=TYPE, with where=NAME=VALUE as often as need be";
    let id: Option<ObjectId> = query.get("id", "id is that of a resource")?;
    let wish = match (id, query.text("type")) {
        (Some(id), None) if attributes.is_empty() => Wish::Id(id),
        (None, Some(kind)) => Wish::Type {
            kind: fit("type", kind)?.to_owned(),
            attributes: read_attributes(&attributes)?,
        },
        (None, None) => return Err(invalid("neither an id nor a type is named", usage)),
        (Some(_), None) => return Err(invalid("where goes with a type, not with an id", usage)),
        (Some(_), Some(_)) => return Err(invalid("an id and a type are named at once", usage)),
    };
    let timeout = query.time("timeout", TIMEOUT_MAX)?;
    let poll = query.time("poll", POLL_MAX)?.unwrap_or(POLL_DEFAULT);
    let allocate = Allocate {
        secret,
        wish,
        timeout_ms: timeout.map(millis),
        request,
    };
    Ok((allocate, poll))
}

fn read_attributes(pairs: &[String]) -> Result<BTreeMap<String, String>, Refusal> {
    if pairs.len() > ATTRIBUTES_MAX {
        let message = format!("{} attributes are named", pairs.len());
        return Err(invalid(
            &message,
            &format!("where is given at most {ATTRIBUTES_MAX} times"),
        ));
    }
    let mut attributes = BTreeMap::new();
    for pair in pairs {
        let split = pair.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) =
            split.ok_or_else(|| invalid(&format!("where {:?} cannot be read", shown(pair)), WHERE_WANTED))?;
        fit("where", pair)?;
        if attributes.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(invalid(
                &format!("attribute {:?} is named twice", shown(name)),
                WHERE_WANTED,
            ));
        }
    }
    Ok(attributes)
}

/// A text that may stand in the queue, which people look at.
fn fit<'t>(name: &str, text: &'t str) -> Result<&'t str, Refusal> {
    let good = !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control);
    let refusal = || {
        let wanted = format!("it has 1 to {NAME_BYTES_MAX} bytes and no control characters");
        invalid(&format!("{name} {:?} is refused", shown(text)), &wanted)
    };
    good.then_some(text).ok_or_else(refusal)
}

async fn change(shared: &Shared, actor: &str, request: Result<Request, Refusal>) -> Response {
    match request {
        Ok(request) => carry_out(shared, actor, request, Duration::ZERO).await,
        Err(refusal) => *refusal,
    }
}

/// Has the daemon carry it out; `wait` is how long it may wait for what it asks for.
async fn carry_out(shared: &Shared, actor: &str, request: Request, wait: Duration) -> Response {
    let end = wait + CHANGE_DEADLINE;
    let answered = timeout(end, shared.backend.ask(actor, request, wait)).await;
    match answered {
        Ok(Answer::Failed(failure)) if failure.code == ErrorCode::NotMaster => {
            let http = match &failure.master {
                Some((name, _)) => http_of(shared, name).await,
                None => None,
            };
            not_master(&failure, http.as_ref())
        }
        Ok(answered) => answer(answered),
        Err(_) => {
            let message = format!(
                "no answer within {} s: whether it was carried out is not known",
                end.as_secs()
            );
            let hint = "repeat the same request: it is carried out once";
            answer(Answer::Failed(Failure::new(ErrorCode::InDoubt, message, hint)))
        }
    }
}

/// Where a peer is called by HTTP, if it is.
async fn http_of(shared: &Shared, name: &PeerName) -> Option<Address> {
    let Answer::Peers(rows) = super::router::ask(shared, Request::Peers, CHANGE_DEADLINE).await else {
        return None;
    };
    let row = rows.iter().find(|row| row.name == name.as_str())?;
    let address: Address = row.http.parse().ok()?;
    (!address.is_unspecified() && address.port() != 0).then_some(address)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
