//! How far nodes are with an update: every state of a server by what is wanted of it.

use super::*;
use crate::pure::base::WallTime;
use crate::pure::lineage::{Digest, Epoch, Version};
use crate::pure::protocol::report::{Load, NodeReport};
use std::collections::BTreeMap;

fn sight(state: ServerState, enabled: bool, reason: &str, held: bool) -> NodeSight {
    let id: ServerId = "s".parse().unwrap();
    let report = ServerReport {
        id: id.clone(),
        application: "shop".parse().unwrap(),
        node: "n1".parse().unwrap(),
        state,
        enabled,
        pid: None,
        restarts: 0,
        reason: reason.to_owned(),
        endpoints: BTreeMap::new(),
        next_try: (state == ServerState::BackingOff).then_some(WallTime(0)),
        tenure: None,
    };
    NodeSight {
        report: NodeReport {
            obeys: Epoch::NONE,
            applied: Some(Version {
                epoch: 1,
                serial: 9,
                digest: Digest::default(),
            }),
            database: None,
            unfit: false,
            held: held.then(|| id.clone()).into_iter().collect(),
            kept: Vec::new(),
            load: Load::default(),
            load_longer: Default::default(),
            drained: false,
            means: String::new(),
            labels: BTreeMap::default(),
            host: String::new(),
        },
        whole: true,
        servers: BTreeMap::from([(id, report)]),
    }
}

#[test]
fn each_state_counts_as_done_on_its_way_or_failed() {
    use Activation::{Always, Manual, OnDemand};
    use ServerState::{Activating, ActivationTimedOut, Active, BackingOff, Deactivating, Inactive};
    // Activation, ran before, state, enabled, reason, held; then d, w or f.
    let table = [
        (Always, false, Active, true, "", false, 'd'),
        (Always, true, Active, false, "", false, 'd'),
        (Always, true, Active, false, "runs by an older definition", false, 'f'),
        (Always, false, Activating, true, "", false, 'w'),
        (
            Always,
            true,
            Deactivating,
            true,
            "restarted for its new definition",
            false,
            'w',
        ),
        (Always, false, ActivationTimedOut, true, "not ready", false, 'f'),
        (Always, false, BackingOff, true, "failed to start", false, 'f'),
        (
            Always,
            false,
            Inactive,
            true,
            "waits until n2 has stopped it",
            true,
            'w',
        ),
        (Always, false, Inactive, true, "stopped by an operator", false, 'd'),
        (Always, false, Inactive, false, "", false, 'f'),
        (OnDemand, false, Inactive, true, "", false, 'd'),
        (OnDemand, false, Inactive, true, "ended by itself", false, 'd'),
        (
            OnDemand,
            false,
            Inactive,
            true,
            "waits until n2 has stopped it",
            true,
            'w',
        ),
        (Manual, false, Inactive, false, "", false, 'd'),
        (Manual, true, Inactive, true, "ended before it was ready", false, 'f'),
        (Manual, true, BackingOff, true, "failed to start", false, 'f'),
        (Manual, true, Active, true, "", false, 'd'),
    ];
    for row in table {
        let (activation, ran, state, enabled, reason, held, wanted) = row;
        let id = "s".parse().unwrap();
        let stand = match stand_of(&id, activation, &sight(state, enabled, reason, held), ran) {
            Stand::Done => 'd',
            Stand::Waits(..) => 'w',
            Stand::Failed(..) => 'f',
        };
        assert_eq!(stand, wanted, "{row:?}");
    }
    let other = "other".parse().unwrap();
    assert!(matches!(
        stand_of(&other, Always, &sight(Active, true, "", false), false),
        Stand::Waits(..)
    ));
}
