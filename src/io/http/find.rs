//! Finding things over HTTP: by id, by type, and the lists.

use super::answer::{answer, error};
use super::router::{READ_DEADLINE, Shared, ask};
use crate::pure::base::limits::{NAME_BYTES_MAX, RESOLVE_DEADLINE};
use crate::pure::protocol::Request;
use crate::pure::protocol::locate::Choose;
use crate::pure::protocol::update::VersionText;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The query of a request, as it came.
pub(super) type Asked = Result<Query<Vec<(String, String)>>, QueryRejection>;
/// Longest wait for a server to start, whatever is asked for.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Parameters by name, each one known and there once.
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a query that may have these parameters.
    ///
    /// # Errors
    /// The answer that says what is allowed.
    pub(super) fn read(query: Asked, allowed: &[&str]) -> Result<Self, Refusal> {
        Self::read_list(query, allowed, "").map(|(parameters, _)| parameters)
    }
    /// The same, of which one may be there several times.
    ///
    /// # Errors
    /// As [`Parameters::read`].
    pub(super) fn read_list(query: Asked, allowed: &[&str], list: &str) -> Result<(Self, Vec<String>), Refusal> {
        let known = if allowed.is_empty() {
            "none".to_owned()
        } else {
            allowed.join(", ")
        };
        let Ok(Query(pairs)) = query else {
            return Err(invalid("the query cannot be read", &format!("it may hold {known}")));
        };
        let (mut found, mut listed) = (BTreeMap::new(), Vec::new());
        for (name, value) in pairs {
            let shown = shown(&name);
            if !allowed.contains(&name.as_str()) {
                let message = format!("there is no parameter {shown:?} here");
                return Err(invalid(&message, &format!("there are {known}")));
            }
            if name == list {
                listed.push(value);
            } else if found.insert(name, value).is_some() {
                return Err(invalid(&format!("parameter {shown:?} is given twice"), "give it once"));
            }
        }
        Ok((Self(found), listed))
    }
    /// One of them as it is written.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
    /// The same, which must be there.
    ///
    /// # Errors
    /// The answer that says what is wanted.
    pub(super) fn needed(&self, name: &str, wanted: &str) -> Result<&str, Refusal> {
        self.text(name)
            .ok_or_else(|| invalid(&format!("{name} is missing"), wanted))
    }
    /// The same, to be kept.
    fn owned(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
    /// One of them, read.
    ///
    /// # Errors
    /// The answer that says what is wanted.
    pub(super) fn get<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.0.get(name) else {
            return Ok(None);
        };
        if let Ok(value) = text.parse() {
            return Ok(Some(value));
        }
        let shown = shown(text);
        Err(invalid(&format!("{name} {shown:?} cannot be read"), wanted))
    }
    /// A time of at most `max`.
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub(super) fn time(&self, name: &str, max: Duration) -> Result<Option<Duration>, Refusal> {
        let wanted = format!("{name} is a time such as 10s, at most {} s", max.as_secs());
        let span: Option<jiff::SignedDuration> = self.get(name, &wanted)?;
        let Some(span) = span else { return Ok(None) };
        let time = Duration::try_from(span).ok().filter(|time| *time <= max);
        let text = self.text(name).unwrap_or_default();
        time.map_or_else(
            || Err(invalid(&format!("{name} {text:.40} is refused"), &wanted)),
            |time| Ok(Some(time)),
        )
    }
}

/// An id that came in a path.
fn id_of(id: Result<Path<String>, PathRejection>, usage: &str) -> Result<String, Refusal> {
    match id {
        Ok(Path(id)) if id.len() <= NAME_BYTES_MAX => Ok(id),
        _ => Err(invalid("the id cannot be read", usage)),
    }
}

/// `/v1/resolve/{id}`.
pub(super) async fn resolve(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    query: Asked,
) -> Response {
    let read = || -> Result<(Request, Duration), Refusal> {
        let id = id_of(id, "use /v1/resolve/ID with an adapter, group or object id")?;
        let query = Parameters::read(query, &["count", "at_least", "wait"])?;
        let count = query.get("count", "count is how many endpoints, 0 for all")?;
        let at_least: Option<VersionText> = query.get("at_least", "at_least is a version such as 4.93")?;
        let wait = query.time("wait", WAIT_MAX)?;
        Ok((
            Request::Resolve { id, at_least, count },
            wait.unwrap_or(RESOLVE_DEADLINE),
        ))
    };
    match read() {
        // The core ends a resolve at its own deadline, with a better answer than ours.
        Ok((request, wait)) => answer(shared.ask_for(request, wait, wait + READ_DEADLINE).await),
        Err(refusal) => *refusal,
    }
}

/// `/v1/resolve?type=T`.
pub(super) async fn find(State(shared): State<Arc<Shared>>, query: Asked) -> Response {
    let read = || -> Result<Request, Refusal> {
        let query = Parameters::read(query, &["type", "choose", "after", "at_least"])?;
        let usage = "use /v1/resolve/ID, or /v1/resolve?type=TYPE&choose=any, all or least-loaded";
        let kind = query.text("type").ok_or_else(|| invalid("no type is named", usage))?;
        let choose = match query.text("choose") {
            None | Some("any") => Choose::Any,
            Some("all") => Choose::All,
            Some("least-loaded") => Choose::LeastLoaded,
            Some(_) => return Err(invalid("choose cannot be read", usage)),
        };
        Ok(Request::Find {
            kind: kind.to_owned(),
            choose,
            after: query.owned("after"),
            at_least: query.get("at_least", "at_least is a version such as 4.93")?,
        })
    };
    match read() {
        Ok(request) => answer(
            shared
                .ask_for(request, RESOLVE_DEADLINE, RESOLVE_DEADLINE + READ_DEADLINE)
                .await,
        ),
        Err(refusal) => *refusal,
    }
}

/// `/v1/adapters`.
pub(super) async fn adapters(State(shared): State<Arc<Shared>>, query: Asked) -> Response {
    some_adapters(&shared, None, query).await
}

/// `/v1/adapters/{id}`.
pub(super) async fn adapter(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    query: Asked,
) -> Response {
    match id_of(id, "use /v1/adapters/ID with the id of an adapter or a replica group") {
        Ok(id) => some_adapters(&shared, Some(id), query).await,
        Err(refusal) => *refusal,
    }
}

async fn some_adapters(shared: &Shared, id: Option<String>, query: Asked) -> Response {
    let query = Parameters::read(query, &["after"]);
    let request = query.map(|query| Request::Adapters {
        id,
        after: query.owned("after"),
    });
    list(shared, request).await
}

/// `/v1/objects`.
pub(super) async fn objects(State(shared): State<Arc<Shared>>, query: Asked) -> Response {
    let query = Parameters::read(query, &["type", "after"]);
    let request = query.map(|query| Request::Objects {
        kind: query.owned("type"),
        after: query.owned("after"),
    });
    list(&shared, request).await
}

/// `/v1/sessions`.
pub(super) async fn sessions(State(shared): State<Arc<Shared>>, query: Asked) -> Response {
    let wanted = "after is the id of a session, 16 hexadecimal digits";
    let after = Parameters::read(query, &["after"]).and_then(|query| query.get("after", wanted));
    list(&shared, after.map(|after| Request::Sessions { after })).await
}

/// `/v1/leases`.
pub(super) async fn leases(State(shared): State<Arc<Shared>>, query: Asked) -> Response {
    let query = Parameters::read(query, &["after"]);
    let request = query.map(|query| Request::Leases {
        after: query.owned("after"),
    });
    list(&shared, request).await
}

async fn list(shared: &Shared, request: Result<Request, Refusal>) -> Response {
    match request {
        Ok(request) => answer(ask(shared, request, READ_DEADLINE).await),
        Err(refusal) => *refusal,
    }
}

/// The beginning of what somebody wrote, to be shown in quotes.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A refusal that says what is allowed.
pub(super) type Refusal = Box<Response>;

#[expect(clippy::unnecessary_box_returns, reason = "an error beside small values")]
pub(super) fn invalid(message: &str, hint: &str) -> Refusal {
    Box::new(error(StatusCode::BAD_REQUEST, "invalid", message, hint))
}
