//! Scrape targets for Prometheus (`http_sd_configs`): every known peer that has an HTTP address, unreachable ones too, and
//! every deployed server that names a metrics adapter.
//!
//! Prometheus forgets a target that is missing from an answer, and with it the `up` series that says that it is down; an
//! error keeps the targets as they were. So where the list is not sure, the answer is an error, and never an empty list.

use crate::pure::base::endpoint::place_of_uri;
use crate::pure::base::{Address, GridName};
use crate::pure::protocol::locate::ScrapeTarget;
use crate::pure::protocol::report::PeerRow;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One target with its labels, as Prometheus reads it. All label values are strings.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    targets: [String; 1],
    labels: BTreeMap<Cow<'static, str>, String>,
}

/// The targets, or `None` when there is none to name.
pub(super) fn groups(grid: &GridName, peers: &[PeerRow]) -> Option<Vec<Group>> {
    let groups: Vec<_> = peers.iter().filter_map(|peer| group(grid, peer)).collect();
    (!groups.is_empty()).then_some(groups)
}

fn group(grid: &GridName, peer: &PeerRow) -> Option<Group> {
    let address: Address = peer.http.parse().ok()?;
    if address.is_unspecified() || address.port() == 0 {
        return None;
    }
    let kind = peer.kind.to_string();
    let labels = [
        ("__meta_floe_grid", grid.to_string()),
        ("__meta_floe_peer", peer.name.clone()),
        ("__meta_floe_kind", kind.clone()),
        ("__meta_floe_state", peer.state.clone()),
        ("__meta_floe_control", peer.address.clone()),
        ("__metrics_path__", "/metrics".to_owned()),
        ("__scheme__", "http".to_owned()),
        ("grid", grid.to_string()),
        ("peer", peer.name.clone()),
        ("peer_kind", kind),
    ];
    Some(Group {
        targets: [address.to_string()],
        labels: labels.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    })
}

/// The target of a deployed server. Its own labels come as `__meta_floe_label_NAME`, for relabelling to choose from: they
/// must not hide a label of ours, nor one that the server's own metrics have.
pub(super) fn server(grid: &GridName, target: &ScrapeTarget) -> Option<Group> {
    let (address, port) = place_of_uri(&target.endpoint).ok()?;
    let scheme = target.endpoint.split("://").next()?;
    let port = match (port, scheme) {
        (Some(port), "http" | "https") => port,
        (None, "http") => 80,
        (None, "https") => 443,
        _ => return None,
    };
    let labels = [
        ("__meta_floe_grid", grid.to_string()),
        ("__meta_floe_kind", "server".to_owned()),
        ("__meta_floe_state", target.state.to_string()),
        ("__meta_floe_application", target.application.clone()),
        ("__meta_floe_server", target.server.clone()),
        ("__meta_floe_node", target.node.clone()),
        ("__metrics_path__", target.path.clone()),
        ("__scheme__", scheme.to_owned()),
        ("grid", grid.to_string()),
        ("application", target.application.clone()),
        ("server", target.server.clone()),
        ("node", target.node.clone()),
    ];
    let mut labels: BTreeMap<Cow<'static, str>, String> =
        labels.into_iter().map(|(name, value)| (name.into(), value)).collect();
    for (name, value) in &target.labels {
        labels.insert(format!("__meta_floe_label_{}", sanitised(name)).into(), value.clone());
    }
    Some(Group {
        targets: [address.with_port(port).to_string()],
        labels,
    })
}

/// As Prometheus allows a label's name.
fn sanitised(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(fit).collect()
}
