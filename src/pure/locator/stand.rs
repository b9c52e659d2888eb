//! How one server stands as the home of an adapter: usable now, to be started, or out, with the reason in words.

use super::load::Load;
use super::resolve::Sight;
use crate::pure::base::AdapterId;
use crate::pure::model::Activation;
use crate::pure::model::deployment::Placed;
use crate::pure::supervisor::report::{ServerReport, ServerState};

/// How one member stands.
pub(super) enum Stand {
    /// It can be used now.
    Active {
        endpoint: String,
        load: Load,
        /// Why it is to be left alone where there are others, and what to do next.
        leaves: Option<(String, String)>,
    },
    /// `eager`: it is on its way already.
    Startable { load: Load, eager: bool },
    /// Not to be had.
    Out { reason: String, hint: String },
}

/// How a server stands as the home of one of its adapters.
pub(super) fn stand(sight: &dyn Sight, placed: &Placed, adapter: &AdapterId) -> Stand {
    let Placed { node, spec, .. } = placed;
    let id = &spec.id;
    let Some(load) = sight.node(node) else {
        return Stand::Out {
            reason: format!("server {id} runs on node {node}, which is out of reach"),
            hint: "floe node list".to_owned(),
        };
    };
    let report = sight.server(id).filter(|report| report.node == *node);
    let state = report.map_or(ServerState::Unknown, |report| report.state);
    let enabled = report.is_none_or(|report| report.enabled);
    let endpoint = report.and_then(|report| report.endpoints.get(adapter.as_str()));
    if let (ServerState::Active, Some(endpoint)) = (state, endpoint) {
        let leaves = match (enabled, sight.drained(node)) {
            (false, _) => Some(disabled(placed)),
            (true, true) => Some(drained(placed)),
            (true, false) => None,
        };
        return Stand::Active {
            endpoint: endpoint.clone(),
            load,
            leaves,
        };
    }
    if !enabled {
        let (mut reason, hint) = disabled(placed);
        if state == ServerState::Inactive {
            reason.push_str(&why(report));
        }
        return Stand::Out { reason, hint };
    }
    if sight.drained(node) && state != ServerState::Activating {
        let (reason, hint) = drained(placed);
        return Stand::Out { reason, hint };
    }
    let (on_demand, eager) = match state {
        // What the node has not reported yet may be too new to it: it will say so if it cannot start it.
        ServerState::Inactive | ServerState::Unknown | ServerState::Deactivating => (true, false),
        ServerState::Activating => (true, true),
        ServerState::Active | ServerState::ActivationTimedOut | ServerState::BackingOff => (false, false),
    };
    if on_demand && spec.activation == Activation::OnDemand {
        return Stand::Startable { load, eager };
    }
    let (reason, hint) = not_active(placed, state, report);
    Stand::Out { reason, hint }
}

/// The reason and the hint for a server that may not be started.
fn disabled(placed: &Placed) -> (String, String) {
    let id = &placed.spec.id;
    let reason = format!("server {id} on node {} is disabled", placed.node);
    (reason, format!("floe server enable {id}"))
}

/// The same for a server whose node starts nothing.
fn drained(placed: &Placed) -> (String, String) {
    let Placed { node, spec, .. } = placed;
    let reason = format!(
        "server {} is on node {node}, which is drained and starts nothing",
        spec.id
    );
    (reason, format!("floe node undrain {node}"))
}

fn not_active(placed: &Placed, state: ServerState, report: Option<&ServerReport>) -> (String, String) {
    let Placed { node, spec, .. } = placed;
    let id = &spec.id;
    let own = why(report);
    let who = match spec.activation {
        Activation::Manual => ", and only an operator starts it",
        Activation::Session => ", and runs only while a session holds it",
        Activation::OnDemand | Activation::Always => "",
    };
    let known = match state {
        ServerState::Unknown => "has not been reported by its node yet".to_owned(),
        ServerState::Active => "is active, but its node reports no endpoint of the adapter".to_owned(),
        ServerState::Inactive => format!("is inactive{who}"),
        ServerState::Activating
        | ServerState::ActivationTimedOut
        | ServerState::Deactivating
        | ServerState::BackingOff => format!("is {state}"),
    };
    let hint = match state {
        _ if spec.activation == Activation::Session => format!("floe server show {id}"),
        ServerState::Inactive | ServerState::Deactivating | ServerState::BackingOff => {
            format!("floe server start {id}")
        }
        ServerState::ActivationTimedOut => format!("floe server logs {id}"),
        ServerState::Unknown | ServerState::Active | ServerState::Activating => format!("floe server show {id}"),
    };
    (format!("server {id} on node {node} {known}{own}"), hint)
}

/// The node's own word why, and when it tries again.
fn why(report: Option<&ServerReport>) -> String {
    let reason = report.map_or("", |report| report.reason.as_str());
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    };
    let next = report.and_then(|report| report.next_try);
    let next = next.map_or_else(String::new, |time| format!("; next try {time}"));
    format!("{reason}{next}")
}
