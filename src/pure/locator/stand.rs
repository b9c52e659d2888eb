//! How one server stands as the home of an adapter: usable now, to be started, on its way, or out; and why, in words.
//!
//! The look itself allocates nothing: it is made for every member at every resolve. Words are made where they are wanted.

use super::load::Load;
use super::resolve::Sight;
use crate::pure::allocation::Tenure;
use crate::pure::base::AdapterId;
use crate::pure::model::Activation;
use crate::pure::model::deployment::Placed;
use crate::pure::supervisor::report::{ServerReport, ServerState};

/// How one member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand<'a> {
    /// It can be used now. `resting`: it is disabled or its node drained, so it is left alone where there are others.
    Active {
        endpoint: &'a str,
        load: Load,
        resting: bool,
    },
    /// Whoever asks may have it started; `begun`: somebody has already.
    Startable { load: Load, begun: bool },
    /// Somebody else has started it; it will be ready, or fail.
    Coming { load: Load },
    /// Not to be had.
    Out,
}

/// How a server stands as the home of one of its adapters.
pub(super) fn stand<'a>(sight: &'a dyn Sight, placed: &Placed, adapter: &AdapterId) -> Stand<'a> {
    let Some(load) = sight.node(&placed.node) else {
        return Stand::Out;
    };
    let (report, state, enabled) = look(sight, placed);
    if placed.spec.is_lent() {
        let reported = report.and_then(|report| report.tenure);
        match holder(sight, placed, report) {
            None => return Stand::Out,
            // Its process is a former session's: it ends, and another one starts.
            held if held != reported && enabled && !sight.drained(&placed.node) => {
                return Stand::Startable { load, begun: false };
            }
            Some(_) => {}
        }
    }
    let endpoint = report.and_then(|report| report.endpoints.get(adapter.as_str()));
    if let (ServerState::Active, Some(endpoint)) = (state, endpoint) {
        let resting = !enabled || sight.drained(&placed.node);
        return Stand::Active {
            endpoint,
            load,
            resting,
        };
    }
    let on_demand = placed.spec.starts_on_use();
    match state {
        ServerState::Activating if enabled && !on_demand => Stand::Coming { load },
        ServerState::Activating if enabled => Stand::Startable { load, begun: true },
        // What the node has not reported yet may be too new to it: it will say so if it cannot start it.
        ServerState::Inactive | ServerState::Unknown | ServerState::Deactivating
            if enabled && on_demand && !sight.drained(&placed.node) =>
        {
            Stand::Startable { load, begun: false }
        }
        _ => Stand::Out,
    }
}

/// Why it is out or resting, and what to do next.
pub(super) fn words(sight: &dyn Sight, placed: &Placed) -> (String, String) {
    let (node, id) = (&placed.node, &placed.spec.id);
    if sight.node(node).is_none() {
        return (
            format!("server {id} runs on node {node}, which is out of reach"),
            "floe node list".to_owned(),
        );
    }
    let (report, state, enabled) = look(sight, placed);
    if !enabled {
        let mut reason = format!("server {id} on node {node} is disabled");
        if state == ServerState::Inactive {
            reason.push_str(&why(report));
        }
        return (reason, format!("floe server enable {id}"));
    }
    if sight.drained(node) && state != ServerState::Activating {
        let reason = format!("server {id} is on node {node}, which is drained and starts nothing");
        return (reason, format!("floe node undrain {node}"));
    }
    if placed.spec.is_lent() && holder(sight, placed, report).is_none() {
        let reason = format!("server {id} on node {node} runs only while a session holds it, and none does");
        let hint = "hold one of its allocatables: floe allocate --id OBJECT -- COMMAND";
        return (reason, hint.to_owned());
    }
    not_active(placed, state, report)
}

/// The session that has a server with `session` activation.
fn holder(sight: &dyn Sight, placed: &Placed, report: Option<&ServerReport>) -> Option<Tenure> {
    let reported = report.and_then(|report| report.tenure);
    sight
        .tenures()
        .map_or(reported, |known| known.current(&placed.spec.id, reported))
}

fn look<'a>(sight: &'a dyn Sight, placed: &Placed) -> (Option<&'a ServerReport>, ServerState, bool) {
    let report = sight.server(placed).filter(|report| report.node == placed.node);
    let state = report.map_or(ServerState::Unknown, |report| report.state);
    (report, state, report.is_none_or(|report| report.enabled))
}

fn not_active(placed: &Placed, state: ServerState, report: Option<&ServerReport>) -> (String, String) {
    let Placed { node, spec, .. } = placed;
    let id = &spec.id;
    let own = why(report);
    let who = match spec.activation {
        Activation::Manual => ", and only an operator starts it",
        Activation::Session | Activation::OnDemand | Activation::Always => "",
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
