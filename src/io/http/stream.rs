//! What goes on: rows and followed ids as server-sent events, and the long poll.
//!
//! A stream ends by itself before its connection does; a client that comes back with the position that it was told last
//! misses nothing, and misses time only.

use super::answer::{error, failed};
use super::find::{Asked, Parameters, Refusal, invalid};
use super::router::Shared;
use crate::pure::base::limits::NAME_BYTES_MAX;
use crate::pure::protocol::locate::{LOCATE_IDS_MAX, Observed, Position, RowChange, Subject};
use crate::pure::protocol::{Request, Response as Answer};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

/// Most streams and long polls at a time: half of all connections, so that watchers lock no scrape out.
pub(super) const STREAMS_MAX: usize = 64;
/// How long a stream lasts: less than a connection may.
const STREAM_LIFE: Duration = Duration::from_mins(9);
/// How often a stream says that it lives: a client that is gone is noticed by that.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a refusal is waited for before a stream begins.
const REFUSAL: Duration = Duration::from_millis(50);
/// Longest wait of a long poll.
const POLL_MAX: Duration = Duration::from_mins(1);
/// Most rows of one answer to a long poll; who has more takes the stream.
const POLL_ROWS_MAX: usize = 20_000;

/// Which rows, after which place, and how long to wait for one answer.
type Watched = (Vec<Subject>, Option<Position>, Option<Duration>);
type Answers = mpsc::Receiver<(Answer, bool)>;

/// `/v1/watch`.
pub(super) async fn watch(State(shared): State<Arc<Shared>>, headers: HeaderMap, query: Asked) -> Response {
    let read = || -> Result<Watched, Refusal> {
        let query = Parameters::read(query, &["subject", "after", "poll"])?;
        let all = Subject::ALL.map(Subject::as_str).join(", ");
        let subjects: Result<Vec<Subject>, String> = match query.text("subject") {
            None => Ok(Vec::new()),
            Some(list) => list.split(',').map(str::parse).collect(),
        };
        let subjects =
            subjects.map_err(|_wrong| invalid("subject cannot be read", &format!("it is a list of {all}")))?;
        let wanted = "after is a position as an earlier answer gave it";
        let after = query.get("after", wanted)?;
        // Where a stream broke off: newer than what its address says.
        let last = headers
            .get("last-event-id")
            .map(|value| value.to_str().unwrap_or_default().parse());
        let last = last
            .transpose()
            .map_err(|_wrong: String| invalid("Last-Event-ID cannot be read", wanted))?;
        Ok((subjects, last.or(after), query.time("poll", POLL_MAX)?))
    };
    let (subjects, after, poll) = match read() {
        Ok(read) => read,
        Err(refusal) => return *refusal,
    };
    let request = Request::Observe {
        subjects,
        after: after.clone(),
    };
    let (answers, slot) = match follow(&shared, request) {
        Ok(following) => following,
        Err(refusal) => return *refusal,
    };
    match poll {
        Some(time) => long_poll(answers, after, Instant::now() + time).await,
        None => events(answers, slot, event_of_rows).await,
    }
}

/// `/v1/locate`.
pub(super) async fn locate(State(shared): State<Arc<Shared>>, query: Asked) -> Response {
    let query = match Parameters::read(query, &["id"]) {
        Ok(query) => query,
        Err(refusal) => return *refusal,
    };
    let ids: Vec<String> = query
        .text("id")
        .unwrap_or_default()
        .split(',')
        .map(str::to_owned)
        .collect();
    let fit = |id: &String| !id.is_empty() && id.len() <= NAME_BYTES_MAX;
    if ids.len() > LOCATE_IDS_MAX || !ids.iter().all(fit) {
        let hint = format!("use /v1/locate?id=A,B with at most {LOCATE_IDS_MAX} ids");
        return *invalid("the ids cannot be read", &hint);
    }
    match follow(&shared, Request::Locate { ids }) {
        Ok((answers, slot)) => events(answers, slot, events_of_locations).await,
        Err(refusal) => *refusal,
    }
}

fn follow(shared: &Shared, request: Request) -> Result<(Answers, OwnedSemaphorePermit), Refusal> {
    let Ok(slot) = Arc::clone(&shared.streams).try_acquire_owned() else {
        let message = format!("{STREAMS_MAX} clients follow this peer by HTTP already");
        let mut full = error(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            &message,
            "follow another registry",
        );
        full.headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return Err(Box::new(full));
    };
    match shared.backend.follow(request) {
        Ok(answers) => Ok((answers, slot)),
        Err(failure) => Err(Box::new(failed(&failure))),
    }
}

/// Waits for the first change, or for all of a snapshot.
async fn long_poll(mut answers: Answers, after: Option<Position>, end: Instant) -> Response {
    let mut rows: Vec<RowChange> = Vec::new();
    loop {
        let part: Observed = match timeout_at(end, answers.recv()).await {
            Ok(Some((Answer::Observed(part), _))) => part,
            Ok(Some((Answer::Failed(failure), _))) => return failed(&failure),
            Ok(Some(_) | None) => {
                let hint = "ask again, or ask another registry";
                return error(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "the answers ended",
                    hint,
                );
            }
            // A snapshot comes at once or never.
            Err(_) => {
                let nothing: [RowChange; 0] = [];
                return axum::Json(
                    json!({ "position": after, "snapshot": false, "changes": nothing, "version": null }),
                )
                .into_response();
            }
        };
        rows.extend(part.changes);
        if rows.len() > POLL_ROWS_MAX {
            let hint = "name a subject, or take /v1/watch without poll";
            return error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "there is more than one answer holds",
                hint,
            );
        }
        if let Some(position) = part.position {
            let (snapshot, version) = (part.snapshot, part.version);
            return axum::Json(
                json!({ "position": position, "snapshot": snapshot, "changes": rows, "version": version }),
            )
            .into_response();
        }
    }
}

type ToEvents = fn(Answer) -> Option<Vec<Event>>;

async fn events(mut answers: Answers, slot: OwnedSemaphorePermit, spoken: ToEvents) -> Response {
    // A refusal comes at once, and is an answer of its own; who goes on from a position may have to wait for news.
    let first = match timeout_at(Instant::now() + REFUSAL, answers.recv()).await {
        Ok(Some((Answer::Failed(failure), _))) => return failed(&failure),
        Ok(Some((answer, _))) => spoken(answer).unwrap_or_default(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let events = Events {
        answers,
        ready: first.into(),
        spoken,
        end: Box::pin(sleep_until(Instant::now() + STREAM_LIFE)),
        _slot: slot,
    };
    let keep_alive = KeepAlive::new().interval(HEARTBEAT);
    Sse::new(events).keep_alive(keep_alive).into_response()
}

fn event_of_rows(answer: Answer) -> Option<Vec<Event>> {
    let Answer::Observed(part) = answer else {
        return None;
    };
    let name = if part.snapshot { "snapshot" } else { "change" };
    let event = Event::default().event(name).json_data(&part).ok()?;
    let event = match &part.position {
        Some(position) => event.id(position.to_string()),
        None => event,
    };
    Some(vec![event])
}

fn events_of_locations(answer: Answer) -> Option<Vec<Event>> {
    let Answer::Located(locations) = answer else {
        return None;
    };
    let event = |location| Event::default().event("location").json_data(location).ok();
    locations.iter().map(event).collect()
}

/// One client's stream.
struct Events {
    answers: Answers,
    ready: VecDeque<Event>,
    spoken: ToEvents,
    end: Pin<Box<Sleep>>,
    _slot: OwnedSemaphorePermit,
}

impl Stream for Events {
    type Item = Result<Event, Infallible>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.end.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            let Some((answer, _)) = std::task::ready!(self.answers.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            // What cannot be told ends the stream: the client comes back and is told why.
            let Some(events) = (self.spoken)(answer) else {
                return Poll::Ready(None);
            };
            self.ready.extend(events);
        }
    }
}
