//! Every metric: its name, kind, unit, labels with their allowed values, and help.
//!
//! Names are final as they stand here: nothing appends a unit or `_total`. Base units only. Label names stand in the order
//! in which code must give them, and never are `peer`, `peer_kind`, `grid`, `instance` or `job`: those come with the scrape.

use metrics::Unit;

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// As Prometheus sees it, without the suffixes of a histogram's series.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// What it counts in; `None` for things.
    pub unit: Option<Unit>,
    /// Which daemons have it.
    pub on: On,
    /// Its labels, in order.
    pub labels: &'static [Label],
    /// What it tells, for people.
    pub help: &'static str,
}

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// Which daemons have a metric: on the others it is not even zero, so that sums and minima over peers mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// All.
    Every,
    /// Registries.
    Registry,
    /// Nodes.
    Node,
}

/// One label.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// All its values; empty only where the one value is known at start (`floe_build_info`), and for `server`, whose ids
    /// are bounded by who tells them.
    pub values: &'static [&'static str],
}

impl Metric {
    /// Every name under which Prometheus knows series of this metric, with the label that this one adds.
    pub fn series(&self) -> Vec<(String, Option<&'static str>)> {
        let plain = |suffix: &str| (format!("{}{suffix}", self.name), None);
        match self.kind {
            Kind::Counter | Kind::Gauge => vec![plain("")],
            Kind::Histogram(_) => vec![
                (format!("{}_bucket", self.name), Some("le")),
                plain("_sum"),
                plain("_count"),
            ],
        }
    }
    /// Does a label hold ids? Then there is no series before there is such a thing.
    pub fn is_open(&self) -> bool {
        self.labels.iter().any(|label| label.name == "server")
    }
    /// Every combination of label values.
    pub fn combinations(&self) -> Vec<Vec<&'static str>> {
        self.labels.iter().fold(vec![Vec::new()], |combinations, label| {
            let extend = |combination: &Vec<&'static str>| {
                let combination = combination.clone();
                label.values.iter().map(move |value| {
                    let mut longer = combination.clone();
                    longer.push(*value);
                    longer
                })
            };
            combinations.iter().flat_map(extend).collect()
        })
    }
}

/// From the fastest sync of a disk to one that makes people ask.
const COMMIT_SECONDS: &[f64] = &[0.0001, 0.0003, 0.001, 0.003, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0];
/// An update waits for copies up to `copy_deadline`, so its buckets reach further than the disk's.
const UPDATE_SECONDS: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// From a thread on an idle machine to the deadline and beyond.
const ALLOCATOR_SECONDS: &[f64] = &[0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03];

const PEER_KINDS: &[&str] = &["registry", "node"];
const DIRECTIONS: Label = label("direction", &["in", "out"]);

const fn label(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values }
}

/// All metrics of floe. `process_*` follow the names that every Prometheus client uses.
pub const CATALOGUE: &[Metric] = &[
    Metric {
        name: "floe_build_info",
        kind: Kind::Gauge,
        unit: None,
        on: On::Every,
        labels: &[label("version", &[])],
        help: "Always 1; the label tells which version runs.",
    },
    Metric {
        name: "floe_registry_role",
        kind: Kind::Gauge,
        unit: None,
        on: On::Registry,
        labels: &[label("role", &["master", "replica"])],
        help: "1 for the role that the operator assigned to this registry, 0 for the other.",
    },
    Metric {
        name: "floe_registry_standing",
        kind: Kind::Gauge,
        unit: None,
        on: On::Registry,
        labels: &[label(
            "standing",
            &[
                "leading",
                "reviewing",
                "waiting",
                "outdated",
                "superseded",
                "contested",
                "following",
                "detached",
                "refusing",
            ],
        )],
        help: "1 for what this registry may do now, 0 for the rest.",
    },
    gauge(
        "floe_registry_epoch",
        On::Registry,
        "Epoch number of the last entry in this registry's log.",
    ),
    gauge(
        "floe_registry_promise_epoch",
        On::Registry,
        "Highest epoch number that this registry promised to obey.",
    ),
    gauge(
        "floe_registry_serial",
        On::Registry,
        "Serial of the last entry in this registry's log.",
    ),
    gauge(
        "floe_registry_known_serial_max",
        On::Registry,
        "Highest serial that this registry has heard of anywhere in the grid.",
    ),
    gauge(
        "floe_registry_masters_seen",
        On::Registry,
        "Registries that claim to be master now, as this registry sees it.",
    ),
    gauge(
        "floe_registry_followers",
        On::Registry,
        "Replicas that follow this registry.",
    ),
    counter(
        "floe_dns_queries_total",
        On::Registry,
        &[label(
            "outcome",
            &["answered", "no-data", "no-such-name", "refused", "malformed"],
        )],
        "DNS questions, by how they ended.",
    ),
    gauge(
        "floe_observers",
        On::Registry,
        "Clients that follow ids or observe rows here.",
    ),
    gauge(
        "floe_registrations",
        On::Registry,
        "Adapters that processes have registered at run time, as this registry knows.",
    ),
    gauge(
        "floe_sessions",
        On::Registry,
        "Sessions that are open, as this registry knows.",
    ),
    gauge(
        "floe_leases",
        On::Registry,
        "Resources that sessions hold, as this registry knows.",
    ),
    gauge(
        "floe_allocations_waiting",
        On::Registry,
        "Requests for resources that wait, as this registry knows.",
    ),
    gauge(
        "floe_registry_behind_entries",
        On::Registry,
        "Log entries of the leading master that this registry lacks.",
    ),
    counter(
        "floe_registry_updates_total",
        On::Registry,
        &[label("outcome", &["applied", "refused", "in-doubt"])],
        "Updates that this registry was asked for as master, by how they ended.",
    ),
    counter(
        "floe_registry_refusals_total",
        On::Registry,
        &[label(
            "code",
            &[
                "STALE_MASTER",
                "REPLICA_AHEAD",
                "DIVERGED",
                "CONTESTED",
                "FOREIGN_STORE",
                "CORRUPT",
                "EPOCH_JUMP",
            ],
        )],
        "Claims and feeds of other registries that this registry refused, by code.",
    ),
    counter(
        "floe_registry_snapshots_sent_total",
        On::Registry,
        &[],
        "Whole snapshots sent to replicas.",
    ),
    Metric {
        name: "floe_registry_snapshot_bytes_sent_total",
        kind: Kind::Counter,
        unit: Some(Unit::Bytes),
        on: On::Registry,
        labels: &[],
        help: "Bytes of snapshots sent to replicas, parts that were sent again included.",
    },
    counter(
        "floe_registry_initialisations_total",
        On::Registry,
        &[label("outcome", &["done", "needless", "failed"])],
        "Initialisations of this registry from another one, by how they ended.",
    ),
    counter(
        "floe_registry_entries_sent_total",
        On::Registry,
        &[],
        "Log entries sent to replicas, those that were sent again included.",
    ),
    seconds(
        "floe_registry_update_duration_seconds",
        UPDATE_SECONDS,
        "Time from an update's arrival to its acknowledgement.",
    ),
    seconds(
        "floe_store_commit_duration_seconds",
        COMMIT_SECONDS,
        "Time that one transaction on the database took, its sync included.",
    ),
    Metric {
        name: "floe_store_size_bytes",
        kind: Kind::Gauge,
        unit: Some(Unit::Bytes),
        on: On::Registry,
        labels: &[],
        help: "Size of the database file.",
    },
    Metric {
        name: "floe_gossip_peers",
        kind: Kind::Gauge,
        unit: None,
        on: On::Every,
        labels: &[label("kind", PEER_KINDS), label("state", &["alive", "unreachable"])],
        help: "Peers in gossip, by kind and by what the failure detector thinks; this one included.",
    },
    counter(
        "floe_gossip_messages_total",
        On::Every,
        &[DIRECTIONS],
        "Gossip messages that were sent or accepted.",
    ),
    Metric {
        name: "floe_gossip_bytes_total",
        kind: Kind::Counter,
        unit: Some(Unit::Bytes),
        on: On::Every,
        labels: &[DIRECTIONS],
        help: "Bytes of gossip datagrams that were sent or came in.",
    },
    counter(
        "floe_gossip_rejected_total",
        On::Every,
        &[label(
            "reason",
            &[
                "frame",
                "size",
                "grid",
                "destination",
                "own",
                "plain",
                "key",
                "seal",
                "replay",
                "rate",
                "sources",
                "chunk",
                "reassembly",
                "incomplete",
                "inflate",
                "malformed",
                "identity",
                "value",
                "version",
                "forged",
                "full",
                "record",
                "tampered",
                "unsent",
            ],
        )],
        "Gossip that was dropped, by reason.",
    ),
    counter(
        "floe_gossip_restarts_total",
        On::Every,
        &[],
        "Restarts of the gossip task after it failed.",
    ),
    Metric {
        name: "floe_net_links",
        kind: Kind::Gauge,
        unit: None,
        on: On::Every,
        labels: &[label("kind", &["registry", "node", "client"])],
        help: "Control connections that stand now, by who is at the other end.",
    },
    counter(
        "floe_net_requests_total",
        On::Every,
        &[
            label(
                "kind",
                &[
                    "status",
                    "peers",
                    "registry",
                    "nodes",
                    "applications",
                    "application",
                    "servers",
                    "server",
                    "resolve",
                    "watch",
                    "plan",
                    "apply",
                    "history",
                    "revision",
                    "plan-rollback",
                    "rollback",
                    "remove",
                    "command",
                    "activate",
                    "logs",
                    "usage",
                ],
            ),
            label(
                "outcome",
                &["answered", "refused", "late", "broken", "overloaded", "cancelled"],
            ),
        ],
        "Requests of clients over control connections, by what was asked and how it ended.",
    ),
    gauge("floe_inbox_depth", On::Every, "Events that wait for the daemon's loop."),
    gauge(
        "floe_inbox_bound",
        On::Every,
        "Events that may wait for the daemon's loop before more are refused.",
    ),
    counter(
        "floe_inbox_dropped_total",
        On::Every,
        &[],
        "Events that were refused because the daemon's loop had too many waiting.",
    ),
    counter(
        "floe_allocator_questions_total",
        On::Registry,
        &[label(
            "outcome",
            &["chosen", "deferred", "denied", "abstained", "tried", "fault", "unasked"],
        )],
        "Decisions that were the plugin's that [allocation] names, by what came of asking it.",
    ),
    counter(
        "floe_allocator_fallbacks_total",
        On::Registry,
        &[label("reason", &["absent", "set-aside", "trial", "abstained", "fault"])],
        "Decisions that the built-in allocator took in place of the plugin, by why.",
    ),
    seconds(
        "floe_allocator_seconds",
        ALLOCATOR_SECONDS,
        "How long the plugin took to answer, with the way to its process and back.",
    ),
    counter(
        "floe_locator_requests_total",
        On::Registry,
        &[
            label("kind", &["adapter", "group", "object", "unknown"]),
            label(
                "outcome",
                &["ok", "activated", "not-found", "unavailable", "timed-out", "overloaded"],
            ),
        ],
        "Resolves, by what the id named and how they ended.",
    ),
    Metric {
        name: "floe_node_servers",
        kind: Kind::Gauge,
        unit: None,
        on: On::Node,
        labels: &[label(
            "state",
            &[
                "inactive",
                "activating",
                "activation-timed-out",
                "active",
                "deactivating",
                "backing-off",
                "unknown",
            ],
        )],
        help: "Servers of this node, by state.",
    },
    counter(
        "floe_node_server_starts_total",
        On::Node,
        &[],
        "Server processes that this node started.",
    ),
    counter(
        "floe_node_server_exits_total",
        On::Node,
        &[label("kind", &["clean", "error", "signal"])],
        "Server processes that ended: with status 0, with another status, by a signal.",
    ),
    usage(
        "floe_node_servers_cpu_seconds_total",
        Kind::Counter,
        Some(Unit::Seconds),
        &[],
        "Processor time of this node's servers, in seconds.",
    ),
    usage(
        "floe_node_servers_memory_bytes",
        Kind::Gauge,
        Some(Unit::Bytes),
        &[],
        "Memory in RAM of this node's servers.",
    ),
    usage(
        "floe_node_servers_open_fds",
        Kind::Gauge,
        None,
        &[],
        "Open descriptors of this node's servers.",
    ),
    usage(
        "floe_node_servers_tasks",
        Kind::Gauge,
        None,
        &[],
        "Threads of this node's servers.",
    ),
    usage(
        "floe_server_cpu_seconds_total",
        Kind::Counter,
        Some(Unit::Seconds),
        &[label("server", &[])],
        "Processor time of one server since its start, in seconds; of at most 1,000 servers.",
    ),
    usage(
        "floe_server_memory_bytes",
        Kind::Gauge,
        Some(Unit::Bytes),
        &[label("server", &[])],
        "Memory in RAM of one server.",
    ),
    usage(
        "floe_server_open_fds",
        Kind::Gauge,
        None,
        &[label("server", &[])],
        "Open descriptors of one server.",
    ),
    usage(
        "floe_server_tasks",
        Kind::Gauge,
        None,
        &[label("server", &[])],
        "Threads of one server.",
    ),
    usage(
        "floe_server_start_time_seconds",
        Kind::Gauge,
        Some(Unit::Seconds),
        &[label("server", &[])],
        "When one server started, in seconds since 1970.",
    ),
    gauge(
        "floe_node_obeyed_epoch",
        On::Node,
        "Epoch number of the master that this node obeys.",
    ),
    gauge(
        "floe_node_drained",
        On::Node,
        "1 while this node is drained and starts nothing.",
    ),
    counter(
        "floe_http_requests_total",
        On::Every,
        &[
            label(
                "route",
                &[
                    "/metrics",
                    "/live",
                    "/ready",
                    "/v1/status",
                    "/v1/peers",
                    "/v1/registry",
                    "/v1/nodes",
                    "/v1/applications",
                    "/v1/servers",
                    "/v1/resolve/{id}",
                    "/v1/sd/prometheus",
                    "/v1/resolve",
                    "/v1/adapters",
                    "/v1/adapters/{id}",
                    "/v1/objects",
                    "/v1/sessions",
                    "/v1/sessions/renew",
                    "/v1/session",
                    "/v1/leases",
                    "/v1/watch",
                    "/v1/locate",
                    "/v1/openapi.json",
                    "other",
                ],
            ),
            label("code", &["2xx", "4xx", "5xx"]),
        ],
        "HTTP requests, by route and class of status code.",
    ),
    counter(
        "floe_events_total",
        On::Every,
        &[label("kind", &["registry", "node", "server", "application", "peer"])],
        "State changes that this daemon told of, by what changed.",
    ),
    Metric {
        name: "process_cpu_seconds_total",
        kind: Kind::Counter,
        unit: Some(Unit::Seconds),
        on: On::Every,
        labels: &[],
        help: "Time that the daemon spent on processors, user and system.",
    },
    Metric {
        name: "process_resident_memory_bytes",
        kind: Kind::Gauge,
        unit: Some(Unit::Bytes),
        on: On::Every,
        labels: &[],
        help: "Memory of the daemon that is in RAM.",
    },
    gauge("process_open_fds", On::Every, "File descriptors that the daemon holds."),
    Metric {
        name: "process_start_time_seconds",
        kind: Kind::Gauge,
        unit: Some(Unit::Seconds),
        on: On::Every,
        labels: &[],
        help: "When the daemon started, in seconds since 1970.",
    },
];

const fn gauge(name: &'static str, on: On, help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        unit: None,
        on,
        labels: &[],
        help,
    }
}

const fn usage(
    name: &'static str,
    kind: Kind,
    unit: Option<Unit>,
    labels: &'static [Label],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        on: On::Node,
        labels,
        help,
    }
}

const fn counter(name: &'static str, on: On, labels: &'static [Label], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Counter,
        unit: None,
        on,
        labels,
        help,
    }
}

const fn seconds(name: &'static str, buckets: &'static [f64], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Histogram(buckets),
        unit: Some(Unit::Seconds),
        on: On::Registry,
        labels: &[],
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::membership::{Role, Standing};
    use crate::pure::protocol::message::RefusalCode;
    use crate::pure::protocol::report::ServerState;
    use std::collections::BTreeSet;

    fn values(metric: &str, label: &str) -> Vec<&'static str> {
        let metric = CATALOGUE.iter().find(|entry| entry.name == metric).expect(metric);
        metric
            .labels
            .iter()
            .find(|entry| entry.name == label)
            .expect(label)
            .values
            .to_vec()
    }

    #[test]
    fn label_values_are_those_of_the_types() {
        assert_eq!(
            values("floe_registry_role", "role"),
            [Role::Master, Role::Replica].map(Role::as_str)
        );
        assert_eq!(
            values("floe_registry_standing", "standing"),
            Standing::ALL.map(Standing::as_str)
        );
        assert_eq!(
            values("floe_node_servers", "state"),
            ServerState::ALL.map(ServerState::as_str)
        );
        for code in values("floe_registry_refusals_total", "code") {
            let parsed: Result<RefusalCode, _> = serde_json::from_value(code.into());
            assert!(parsed.is_ok(), "{code}");
        }
    }

    #[test]
    fn names_follow_the_rules() {
        let mut names = BTreeSet::new();
        for metric in CATALOGUE {
            let name = metric.name;
            assert!(names.insert(name), "{name} stands twice");
            let known = name.starts_with("floe_") || name.starts_with("process_");
            assert!(
                known && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            match &metric.unit {
                Some(Unit::Seconds) => assert!(name.contains("_seconds"), "{name}"),
                Some(Unit::Bytes) => assert!(name.contains("_bytes"), "{name}"),
                Some(other) => panic!("{name}: {other:?} is no base unit"),
                None => assert!(!name.contains("_seconds") && !name.contains("_bytes"), "{name}"),
            }
            if let Kind::Histogram(buckets) = metric.kind {
                assert!(name.ends_with("_seconds") && buckets.is_sorted(), "{name}");
            }
            assert!(metric.help.ends_with('.'), "{name}: the help is a sentence");
            for label in metric.labels {
                let taken = ["le", "quantile", "job", "instance", "grid", "peer", "peer_kind"];
                assert!(
                    !taken.contains(&label.name),
                    "{name}: label {} belongs to the scrape",
                    label.name
                );
                let open = name == "floe_build_info" || metric.is_open();
                assert_eq!(label.values.is_empty(), open, "{name}");
            }
        }
    }
}
