//! Applications for the operator to deploy: a few servers of every kind, somewhere on the nodes, anew at each update.

use super::chance::Chance;
use floe::pure::base::PeerName;
use floe::pure::model::Activation;
use floe::pure::model::descriptor::{Adapter, Application, Node, Ready, Server};
use std::collections::BTreeMap;

/// An application; without nodes it has no servers.
pub(super) fn application(name: &str, nodes: &[PeerName], chance: &mut Chance) -> Application {
    let mut places: BTreeMap<PeerName, Node> = BTreeMap::new();
    for letter in ["a", "b", "c"] {
        if nodes.is_empty() || chance.hits(1, 3) {
            continue;
        }
        let node = &nodes[chance.index(nodes.len())];
        let server = server(format!("{name}-{letter}"), chance);
        places.entry(node.clone()).or_default().servers.push(server);
    }
    Application {
        name: name.parse().expect("a valid name"),
        description: String::new(),
        variables: BTreeMap::new(),
        groups: Vec::new(),
        nodes: places,
    }
}

/// An application with one server that runs always on each of the nodes.
pub(super) fn everywhere(name: &str, nodes: &[PeerName]) -> Application {
    let place = |node: &PeerName| {
        let servers = vec![plain(format!("{name}-{node}"), "0", Activation::Always)];
        let variables = BTreeMap::new();
        (node.clone(), Node { variables, servers })
    };
    Application {
        name: name.parse().expect("a valid name"),
        description: String::new(),
        variables: BTreeMap::new(),
        groups: Vec::new(),
        nodes: nodes.iter().map(place).collect(),
    }
}

fn server(id: String, chance: &mut Chance) -> Server {
    let kinds = [
        Activation::Always,
        Activation::Always,
        Activation::Always,
        Activation::Manual,
        Activation::OnDemand,
    ];
    let (kind, revision) = (chance.pick(&kinds), chance.pick(&["1", "2"]));
    let plain = plain(id, revision, kind);
    let probed = chance.hits(1, 3);
    Server {
        ready: probed.then(|| Ready { tcp: "http".to_owned() }),
        ..plain
    }
}

fn plain(id: String, revision: &str, activation: Activation) -> Server {
    Server {
        id,
        run: vec!["true".to_owned(), revision.to_owned()],
        activation,
        ready: None,
        environment: BTreeMap::new(),
        directory: None,
        activation_timeout: Some("2s".to_owned()),
        deactivation_timeout: Some("2s".to_owned()),
        ports: BTreeMap::new(),
        adapters: vec![Adapter {
            name: "http".to_owned(),
            id: None,
            group: None,
            endpoint: "http://${node.host}:${port.http}".to_owned(),
            priority: 0,
        }],
        objects: Vec::new(),
    }
}
