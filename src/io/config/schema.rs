//! The table of all keys: the only place that spells a key, its shape, its default and its help.

use super::shape::Shape;
use crate::pure::allocation::allocator::BUILT_IN;
use std::time::Duration;

/// What holds when a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// It must be written.
    Required,
    /// This value, as the environment would spell it.
    Is(&'static str),
    /// No value; the words say what that means.
    Without(&'static str),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Section and name: `registry.role`.
    pub path: &'static str,
    /// Which values it takes.
    pub shape: Shape,
    /// What holds when it is not written.
    pub preset: Preset,
    /// One line for people.
    pub help: &'static str,
}

impl Key {
    /// The section; empty for `grid`.
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }
    /// The name within the section.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }
    /// The environment variable: `FLOE_REGISTRY__ROLE`.
    pub fn variable(&self) -> String {
        format!("FLOE_{}", self.path.replace('.', "__").to_ascii_uppercase())
    }
}

const fn key(path: &'static str, shape: Shape, preset: Preset, help: &'static str) -> Key {
    Key {
        path,
        shape,
        preset,
        help,
    }
}
const fn between(from_ms: u64, to_ms: u64) -> Shape {
    Shape::Duration {
        min: Duration::from_millis(from_ms),
        max: Duration::from_millis(to_ms),
    }
}

use Preset::{Is, Required, Without};
use Shape::{Choice, Count, Labels, List, Plugins, Ratio, Switch, Text};

/// Every key, in the order in which samples and `floe config show` list them.
pub const KEYS: &[Key] = &[
    key(
        "grid",
        Text,
        Required,
        "name of the grid; peers of another grid are refused",
    ),
    key("peer.name", Text, Required, "name of this peer, unique in the grid"),
    key(
        "peer.listen",
        Text,
        Required,
        "TCP control and UDP gossip, HOST:PORT on one number; port 0 takes a free one",
    ),
    key(
        "peer.advertise",
        Text,
        Without("as peer.listen"),
        "address that other peers reach this one at",
    ),
    key("peer.data", Text, Required, "data folder of this peer alone"),
    key(
        "peer.locator",
        List,
        Is(""),
        "addresses of peers to find the grid through; any peer will do",
    ),
    key(
        "http.listen",
        Text,
        Without("no HTTP is served"),
        "metrics, health and /v1, HOST:PORT",
    ),
    key(
        "dns.listen",
        Text,
        Without("no DNS is answered"),
        "SRV, A and AAAA records under GRID.floe., HOST:PORT for UDP and TCP; registries only",
    ),
    key(
        "dns.ttl",
        between(0, 3_600_000),
        Is("1s"),
        "how long answers may be kept by whoever asks",
    ),
    key(
        "gossip.interval",
        between(50, 10_000),
        Is("500ms"),
        "how often this peer gossips",
    ),
    key(
        "gossip.key_file",
        Text,
        Without("datagrams are not sealed"),
        "file with the gossip key, closed to others",
    ),
    key(
        "gossip.insecure",
        Switch,
        Is("false"),
        "allows addresses that are not loopback although there is no TLS",
    ),
    key(
        "registry.role",
        Choice(&["master", "replica"]),
        Is("replica"),
        "takes updates, or copies the master",
    ),
    key(
        "registry.min_copies",
        Count { min: 1, max: 100 },
        Is("1"),
        "registries that must hold an update on disk",
    ),
    key(
        "registry.copy_deadline",
        between(50, 60_000),
        Is("2s"),
        "how long an update waits for a slow replica",
    ),
    key(
        "registry.discovery_window",
        between(50, 60_000),
        Is("3s"),
        "how long a start as master waits for silent peers",
    ),
    key(
        "registry.log_keep",
        Count {
            min: 16,
            max: 10_000_000,
        },
        Is("10000"),
        "entries that stay in the log",
    ),
    key(
        "registry.promote_requires",
        Choice(&["known", "proven"]),
        Is("known"),
        "what must be known of its log before a registry leads",
    ),
    key(
        "registry.sight",
        Choice(&["majority", "any", "off"]),
        Is("majority"),
        "how many other registries a master must be in contact with",
    ),
    key(
        "allocation.policy",
        Text,
        Is("random"),
        "who chooses what a session is given: random, first-fit, or a plugin below; registries only",
    ),
    key(
        "allocation.fallback",
        Choice(&BUILT_IN),
        Is("random"),
        "the built-in that stands in for a plugin that fails",
    ),
    key(
        "allocation.deadline",
        between(1, 1000),
        Is("10ms"),
        "how long a plugin may take to answer; everything else waits meanwhile",
    ),
    key(
        "allocation.shadow",
        Count { min: 0, max: 10_000 },
        Is("0"),
        "so many first answers of a plugin are not taken, the built-in's are",
    ),
    key(
        "allocation.plugin",
        Plugins,
        Without("none"),
        "allocators by name: file, digest, isolation, and config, which is the plugin's own",
    ),
    key(
        "node.host",
        Text,
        Without("the host of peer.advertise"),
        "what ${node.host} gives to servers",
    ),
    key(
        "node.on_stop",
        Choice(&["leave", "stop"]),
        Is("leave"),
        "what becomes of the servers when the node stops",
    ),
    key(
        "node.labels",
        Labels,
        Without("none"),
        "texts by name that say what kind of node it is",
    ),
    key(
        "node.load_factor",
        Ratio { min: 1, max: 1_000_000 },
        Without("1 divided by the number of processors"),
        "what the host's load averages are multiplied by",
    ),
    key(
        "node.user",
        Text,
        Without("nobody where the node is root, else the node's own user"),
        "whom servers run as whose definition names nobody",
    ),
    key(
        "node.allow_root",
        Switch,
        Is("false"),
        "whether servers may run as root",
    ),
    key(
        "log.level",
        Text,
        Is("info"),
        "error, warn, info, debug, trace or off; also by module: info,floe::io::gossip=debug",
    ),
    key(
        "log.format",
        Choice(&["text", "json"]),
        Is("text"),
        "lines for people or for programs, on stderr",
    ),
];

/// The key of this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// True for a section that some key stands in.
pub(super) fn section(name: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(Key::section)
        .find(|section| !section.is_empty() && *section == name)
}
