//! Applications for the operator to deploy: a few servers of every kind, somewhere on the nodes, anew at each update.

use super::chance::Chance;
use floe::pure::base::PeerName;
use floe::pure::model::Activation;
use floe::pure::model::descriptor::{Adapter, Allocatable, Application, Node, Ready, Server};
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
        nodes: places,
        ..Application::new(name.parse().expect("a valid name"))
    }
}

/// An application with one server that runs always on each of the nodes.
pub(super) fn everywhere(name: &str, nodes: &[PeerName]) -> Application {
    let place = |node: &PeerName| {
        let servers = vec![plain(format!("{name}-{node}"), "0", Activation::Always)];
        let node_part = Node {
            servers,
            ..Node::default()
        };
        (node.clone(), node_part)
    };
    Application {
        nodes: nodes.iter().map(place).collect(),
        ..Application::new(name.parse().expect("a valid name"))
    }
}

/// Things that sessions may hold, one on each node.
pub(super) fn hall(nodes: &[PeerName]) -> Application {
    let place = |(number, node): (usize, &PeerName)| {
        let server = Server {
            allocatables: vec![Allocatable {
                id: format!("thing-{number}"),
                kind: "thing".to_owned(),
                adapter: None,
                attributes: BTreeMap::new(),
            }],
            ..plain(format!("hall-{node}"), "0", Activation::Manual)
        };
        let node_part = Node {
            servers: vec![server],
            ..Node::default()
        };
        (node.clone(), node_part)
    };
    Application {
        nodes: nodes.iter().enumerate().map(place).collect(),
        ..Application::new("hall".parse().expect("a valid name"))
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
        ready: probed.then(|| Ready {
            tcp: Some("http".to_owned()),
            ..Ready::default()
        }),
        ..plain
    }
}

fn plain(id: String, revision: &str, activation: Activation) -> Server {
    Server {
        id,
        run: vec!["true".to_owned(), revision.to_owned()],
        activation: Some(activation),
        activation_timeout: Some("2s".to_owned()),
        deactivation_timeout: Some("2s".to_owned()),
        adapters: vec![Adapter {
            name: "http".to_owned(),
            id: None,
            group: None,
            endpoint: "http://${node.host}:${port.http}".to_owned(),
            priority: None,
        }],
        ..Server::default()
    }
}
