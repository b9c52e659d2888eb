//! Scrape targets for Prometheus (`http_sd_configs`): every known peer that has an HTTP address, unreachable ones too.
//!
//! Prometheus forgets a target that is missing from an answer, and with it the `up` series that says that it is down; an
//! error keeps the targets as they were. So where the list is not sure, the answer is an error, and never an empty list.

use crate::pure::base::{Address, GridName};
use crate::pure::protocol::report::PeerRow;
use serde::Serialize;
use std::collections::BTreeMap;

/// One target with its labels, as Prometheus reads it. All label values are strings.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    targets: [String; 1],
    labels: BTreeMap<&'static str, String>,
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
    let labels = BTreeMap::from([
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
    ]);
    Some(Group {
        targets: [address.to_string()],
        labels,
    })
}
