//! Each state change gets a log line, a count, and a word to everybody who watches.

use crate::io::net::Replier;
use crate::pure::protocol::Response;
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::request::{ErrorCode, Failure};

/// Most clients that may watch one daemon at once.
const WATCHERS_MAX: usize = 256;

/// Who watches, and how a change becomes news.
#[derive(Debug, Default)]
pub(super) struct News {
    watchers: Vec<Replier>,
}

impl News {
    /// Takes a watcher in, or tells it that there are too many.
    pub(super) fn watch(&mut self, watcher: Replier) {
        self.watchers.retain(|known| !known.is_closed());
        if self.watchers.len() < WATCHERS_MAX {
            self.watchers.push(watcher);
        } else {
            let refusal = Failure::new(
                ErrorCode::Overloaded,
                "too many clients watch this peer",
                "watch another one",
            );
            watcher.send(Response::Failed(refusal), true);
        }
    }
    /// Tells it everywhere. A watcher that does not keep up is let go: it comes back and starts from the present.
    pub(super) fn tell(&mut self, happening: &Happening) {
        let Happening {
            subject,
            name,
            state,
            reason,
            version,
            ..
        } = happening;
        let version = version.as_deref().unwrap_or_default();
        if is_trouble(state) {
            tracing::warn!(subject, name, state, reason, version, "state changed");
        } else {
            tracing::info!(subject, name, state, reason, version, "state changed");
        }
        metrics::counter!("floe_events_total", "kind" => kind(subject)).increment(1);
        self.watchers
            .retain(|watcher| watcher.send(Response::Happened(Box::new(happening.clone())), false));
    }
}

/// Something that an operator should look at.
fn is_trouble(state: &str) -> bool {
    let troubles = [
        "outdated",
        "superseded",
        "contested",
        "refusing",
        "clash",
        "stepped down",
        "initialisation failed",
        "initialisation given up",
        "initialisation waits",
        "activation-timed-out",
        "backing-off",
    ];
    troubles.contains(&state) || state.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// The closed set of the metric's label.
fn kind(subject: &str) -> &'static str {
    match subject {
        "registry" => "registry",
        "server" => "server",
        "application" => "application",
        "node" => "node",
        _ => "peer",
    }
}
