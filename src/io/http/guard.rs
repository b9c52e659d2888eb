//! Before and after each request: is it one that we serve at all, how is it counted, which headers does the answer carry.

use super::answer::error;
use super::router::Shared;
use crate::pure::base::Address;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;

/// Routes as metrics name them; the catalogue has the same list.
const ROUTES: [&str; 20] = [
    "/metrics",
    "/live",
    "/ready",
    "/v1/status",
    "/v1/peers",
    "/v1/registry",
    "/v1/nodes",
    "/v1/applications",
    "/v1/servers",
    "/v1/sd/prometheus",
    "/v1/resolve",
    "/v1/adapters",
    "/v1/objects",
    "/v1/sessions",
    "/v1/sessions/renew",
    "/v1/session",
    "/v1/leases",
    "/v1/watch",
    "/v1/locate",
    "/v1/openapi.json",
];

/// Longest query of a request that changes something, in bytes: an allocation that names all that it may fits.
const QUERY_BYTES_MAX: usize = 10 * 1024;

/// Hosts by which this listener may be called.
#[derive(Debug)]
pub(super) struct Hosts {
    named: Vec<String>,
    /// Listens on every address of the machine, so any literal address may be ours. A page that rebinds a name of its own
    /// to us sends that name, never an address.
    any_literal: bool,
}

impl Hosts {
    /// The hosts of these addresses, and loopback.
    pub(super) fn new(addresses: &[Address]) -> Self {
        Self {
            named: addresses.iter().map(|address| bare(address.host())).collect(),
            any_literal: addresses.iter().any(Address::is_unspecified),
        }
    }
    fn allow(&self, host: &str) -> bool {
        let host = bare(host);
        let literal = host.parse::<IpAddr>().ok();
        host == "localhost"
            || literal.is_some_and(|ip| ip.is_loopback())
            || (self.any_literal && literal.is_some())
            || self.named.contains(&host)
    }
}

/// A host without brackets, in small letters.
fn bare(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The host part of a `Host` header.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address without a port.
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

/// Refuses what we do not serve, passes the rest on, counts both.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let route = route(request.uri().path());
    let mut response = match refuse(&shared.hosts, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let class = match response.status().as_u16() {
        500.. => "5xx",
        400.. => "4xx",
        _ => "2xx",
    };
    shared.metrics.http.requests.add(&[route, class], 1);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn refuse(hosts: &Hosts, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let host_headers = headers.get_all(header::HOST).iter();
    let texts: Option<Vec<&str>> = host_headers.map(|value| value.to_str().ok()).collect();
    let from_uri = request.uri().host();
    let foreign = match &texts {
        Some(texts) if texts.len() < 2 => {
            let named = texts.iter().map(|text| without_port(text)).chain(from_uri);
            named.filter(|host| !hosts.allow(host)).count() > 0
        }
        _ => true,
    };
    if foreign {
        return Some(error(
            StatusCode::MISDIRECTED_REQUEST,
            "foreign-host",
            "the Host header names another machine",
            "call this peer by its listen address, by its advertised address or by localhost",
        ));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && let Some(refusal) = refuse_change(request) {
        return Some(refusal);
    }
    let length = headers.get(header::CONTENT_LENGTH);
    let has_body = length.is_some_and(|length| length.as_bytes() != b"0");
    if has_body || headers.contains_key(header::TRANSFER_ENCODING) {
        let message = "no request here has a body";
        let mut refusal = error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body",
            message,
            "send it without one: parameters stand in the query",
        );
        // Where it ends is not our question: nothing behind it is read as a request.
        refusal
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Some(refusal);
    }
    None
}

/// What holds for requests that change something.
fn refuse_change(request: &Request) -> Option<Response> {
    if request.headers().contains_key(header::ORIGIN) {
        let message = "the Origin header says that a web page sent this";
        let hint = "no page in a browser holds a session: use a program, without that header";
        return Some(error(StatusCode::FORBIDDEN, "origin", message, hint));
    }
    let length = request.uri().query().map_or(0, str::len);
    if length > QUERY_BYTES_MAX {
        let message = format!("the query has {length} bytes");
        let hint = format!("it may have {QUERY_BYTES_MAX}");
        return Some(error(StatusCode::URI_TOO_LONG, "too-large", &message, &hint));
    }
    None
}

/// The route of a path, out of a closed set.
fn route(path: &str) -> &'static str {
    if path.starts_with("/v1/resolve/") {
        return "/v1/resolve/{id}";
    }
    if path.starts_with("/v1/adapters/") {
        return "/v1/adapters/{id}";
    }
    ROUTES.into_iter().find(|route| *route == path).unwrap_or("other")
}

/// 404 as JSON.
pub(super) async fn not_found(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    let message = format!("there is nothing at {path}");
    let hint = "/v1/openapi.json describes what there is; try /v1/status, /v1/peers, /metrics, /live or /ready";
    error(StatusCode::NOT_FOUND, "not-found", &message, hint)
}

/// 405 as JSON; the router adds the header `Allow`.
pub(super) async fn not_allowed(method: Method) -> Response {
    let message = format!("{:.20} is not served here", method.as_str());
    let hint = "the Allow header names what is; changes other than those of sessions go over the control connection: use the floe command";
    error(StatusCode::METHOD_NOT_ALLOWED, "method", &message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::telemetry::metrics::CATALOGUE;

    #[test]
    fn routes_are_those_of_the_catalogue() {
        let metric = CATALOGUE
            .iter()
            .find(|metric| metric.name == "floe_http_requests_total");
        let mut wanted = metric.unwrap().labels[0].values.to_vec();
        let paths = ROUTES
            .into_iter()
            .chain(["/v1/resolve/a/b", "/v1/adapters/a", "/nothing"]);
        let mut found: Vec<_> = paths.map(route).collect();
        wanted.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, wanted);
    }
}
