//! Answers as JSON: what `--format json` prints, and `{"error": {code, message, hint}}` with a fitting status code.

use crate::pure::base::Address;
use crate::pure::protocol::{ErrorCode, Failure, Response as Answer};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// How long a client should wait before it asks again, in seconds, where that helps.
const RETRY_SECONDS: &str = "1";

/// The HTTP answer to a request of the protocol.
pub fn answer(answer: Answer) -> Response {
    match answer {
        Answer::Failed(failure) => failed(&failure),
        Answer::Status(report) => whole(&report),
        Answer::Peers(rows) => whole(&rows),
        Answer::Registry(report) => whole(&report),
        Answer::Nodes(rows) => whole(&rows),
        Answer::Applications(rows) => whole(&rows),
        Answer::Application(application) => whole(&application),
        Answer::History(rows) => whole(&rows),
        Answer::Servers(rows) => whole(&rows),
        Answer::Resolved(resolved) => whole(&resolved),
        Answer::Found(found) => whole(&found),
        Answer::Located(locations) => whole(&locations),
        Answer::Observed(part) => whole(&part),
        Answer::Adapters(rows, more) => whole(&json!({ "adapters": rows, "more": more })),
        Answer::Objects(rows, more) => whole(&json!({ "objects": rows, "more": more })),
        Answer::ScrapeTargets(rows) => whole(&rows),
        Answer::ObjectStored(report) => whole(&report),
        Answer::Registered(report) => whole(&report),
        Answer::Unregistered(was_there) => whole(&json!({ "removed": was_there })),
        Answer::Happened(happening) => whole(&happening),
        Answer::Plan(plan) => whole(&plan),
        Answer::Applied(report) => whole(&report),
        Answer::Initialising(report) => whole(&report),
        Answer::Initialised(report) => whole(&report),
        Answer::Commanded(report) => whole(&report),
        Answer::Logs(report) => whole(&report),
        Answer::Usage(report) => whole(&report),
        Answer::Promotion(report) => whole(&report),
        Answer::LogSummary(summary) => whole(&summary),
        Answer::LogRows(part) => whole(&part),
        Answer::Contents(part) => whole(&part),
        Answer::Forecast(forecast) => whole(&forecast),
        Answer::Outcome(outcome) => whole(&outcome),
        Answer::Explained(report) => whole(&report),
        Answer::Node(detail) => whole(&detail),
        Answer::Session(report) => whole(&report),
        Answer::Sessions(rows, more) => whole(&json!({ "sessions": rows, "more": more })),
        Answer::Leases(rows, more) => whole(&json!({ "leases": rows, "more": more })),
        Answer::Allocated(report) => whole(&report),
        Answer::Decision(report) => whole(&report),
        Answer::Plugins(rows) => whole(&json!({ "plugins": rows })),
        Answer::Queued(report) => (StatusCode::ACCEPTED, whole(&report)).into_response(),
        Answer::Withdrawn(waited) => whole(&json!({ "withdrawn": waited })),
        Answer::Released(report) => whole(&report),
    }
}

/// A failure of the protocol as JSON.
pub fn failed(failure: &Failure) -> Response {
    let mut response = error(
        status(failure.code),
        &code(failure.code),
        &failure.message,
        &failure.hint,
    );
    if matches!(failure.code, ErrorCode::Overloaded | ErrorCode::Unavailable) {
        let retry = HeaderValue::from_static(RETRY_SECONDS);
        response.headers_mut().insert(header::RETRY_AFTER, retry);
    }
    response
}

/// A refusal of a peer that does not lead; where the master is, if that is known, with its HTTP address.
pub(super) fn not_master(failure: &Failure, http: Option<&Address>) -> Response {
    let hint = http.map_or_else(|| failure.hint.clone(), |http| format!("ask the master: http://{http}"));
    let master = failure
        .master
        .as_ref()
        .map(|(name, address)| json!({ "name": name, "address": address, "http": http }));
    let error = json!({ "code": code(failure.code), "message": failure.message, "hint": hint, "master": master });
    (status(failure.code), axum::Json(json!({ "error": error }))).into_response()
}

fn code(code: ErrorCode) -> String {
    let code = serde_json::to_value(code).unwrap_or_default();
    code.as_str().unwrap_or("internal").to_owned()
}

/// An error of our own, which never reached the daemon's core.
pub(super) fn error(status: StatusCode, code: &str, message: &str, hint: &str) -> Response {
    let body = json!({ "error": { "code": code, "message": message, "hint": hint } });
    (status, axum::Json(body)).into_response()
}

fn whole(value: &impl Serialize) -> Response {
    axum::Json(value).into_response()
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Invalid => StatusCode::BAD_REQUEST,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::NotMaster | ErrorCode::Reviewing | ErrorCode::Precondition | ErrorCode::StaleEpoch => {
            StatusCode::CONFLICT
        }
        ErrorCode::Unavailable | ErrorCode::InDoubt | ErrorCode::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
