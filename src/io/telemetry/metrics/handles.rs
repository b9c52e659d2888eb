//! Handles to count with, one struct a subsystem. A handle costs an atomic operation; nothing is looked up by name.
//!
//! On a daemon that does not have a metric (a node and `floe_registry_*`), its handles count into nothing.

use metrics::{Counter, Gauge, Histogram};
use std::collections::BTreeMap;

/// The counters of one metric with one or two labels.
#[derive(Clone, Debug)]
pub struct Counters(Family<Counter>);

/// The gauges of one metric with one or two labels.
#[derive(Clone, Debug)]
pub struct Gauges(Family<Gauge>);

#[derive(Clone, Debug)]
struct Family<H> {
    name: &'static str,
    series: BTreeMap<Vec<&'static str>, H>,
}

impl<H> Family<H> {
    /// The series with these label values, in the order of the catalogue.
    fn find(&self, values: &[&str]) -> Option<&H> {
        let found = self.series.iter().find(|(key, _)| key.as_slice() == values);
        debug_assert!(
            found.is_some() || self.series.is_empty(),
            "{} has no series for {values:?}; the catalogue lists the values",
            self.name
        );
        found.map(|(_, handle)| handle)
    }
}

impl Counters {
    /// The counter of the series with these label values, for who counts often; one that counts into nothing where the
    /// daemon does not have the metric.
    pub fn handle(&self, values: &[&str]) -> Counter {
        self.0.find(values).cloned().unwrap_or_else(Counter::noop)
    }
    /// Adds `amount` to the series with these label values, in the order of the catalogue. A combination that the
    /// catalogue lacks is not counted, and stops a debug build.
    pub fn add(&self, values: &[&str], amount: u64) {
        if let Some(counter) = self.0.find(values) {
            counter.increment(amount);
        }
    }
}

impl Gauges {
    /// Sets the series with these label values, in the order of the catalogue. As for [`Counters::add`], no new ones.
    pub fn set(&self, values: &[&str], value: f64) {
        if let Some(gauge) = self.0.find(values) {
            gauge.set(value);
        }
    }
    /// For a state set: 1 for the series with these label values, 0 for all others.
    pub fn only(&self, values: &[&str]) {
        if self.0.find(values).is_some() {
            for (key, gauge) in &self.0.series {
                gauge.set(if key.as_slice() == values { 1.0 } else { 0.0 });
            }
        }
    }
}

/// Where handles come from: the recorder, or a stand-in.
pub(super) trait Source {
    /// The counter of one series.
    fn counter(&self, name: &'static str, values: &[&'static str]) -> Counter;
    /// The gauge of one series.
    fn gauge(&self, name: &'static str, values: &[&'static str]) -> Gauge;
    /// The histogram of one series.
    fn histogram(&self, name: &'static str, values: &[&'static str]) -> Histogram;
    /// All combinations of label values that a metric has on this daemon; none where it is not there.
    fn combinations(&self, name: &'static str) -> Vec<Vec<&'static str>>;
}

fn counters(source: &dyn Source, name: &'static str) -> Counters {
    let series = source.combinations(name).into_iter();
    let series = series.map(|values| (values.clone(), source.counter(name, &values)));
    Counters(Family {
        name,
        series: series.collect(),
    })
}

fn gauges(source: &dyn Source, name: &'static str) -> Gauges {
    let series = source.combinations(name).into_iter();
    let series = series.map(|values| (values.clone(), source.gauge(name, &values)));
    Gauges(Family {
        name,
        series: series.collect(),
    })
}

/// One struct of handles: each field one metric of the catalogue, made by `counter`, `gauge`, `histogram`, `counters` or
/// `gauges`.
macro_rules! handles {
    ($(#[$doc:meta])* $type:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ident $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        #[expect(missing_docs, reason = "the catalogue's help says what each one is")]
        pub struct $type {
            $($(#[$field_doc])* pub $field: handles!(@type $kind),)*
        }
        impl $type {
            pub(super) fn new(source: &dyn Source) -> Self {
                Self { $($field: handles!(@make $kind source $name),)* }
            }
        }
    };
    (@type counter) => { Counter };
    (@type gauge) => { Gauge };
    (@type histogram) => { Histogram };
    (@type counters) => { Counters };
    (@type gauges) => { Gauges };
    (@make counter $source:ident $name:literal) => { $source.counter($name, &[]) };
    (@make gauge $source:ident $name:literal) => { $source.gauge($name, &[]) };
    (@make histogram $source:ident $name:literal) => { $source.histogram($name, &[]) };
    (@make counters $source:ident $name:literal) => { counters($source, $name) };
    (@make gauges $source:ident $name:literal) => { gauges($source, $name) };
}

handles!(
    /// The registry's state machine.
    RegistryMetrics {
        role: gauges "floe_registry_role",
        standing: gauges "floe_registry_standing",
        epoch: gauge "floe_registry_epoch",
        promise_epoch: gauge "floe_registry_promise_epoch",
        serial: gauge "floe_registry_serial",
        known_serial_max: gauge "floe_registry_known_serial_max",
        masters_seen: gauge "floe_registry_masters_seen",
        dns_queries: counters "floe_dns_queries_total",
        observers: gauge "floe_observers",
        registrations: gauge "floe_registrations",
        sessions: gauge "floe_sessions",
        leases: gauge "floe_leases",
        allocations_waiting: gauge "floe_allocations_waiting",
        followers: gauge "floe_registry_followers",
        behind_entries: gauge "floe_registry_behind_entries",
        updates: counters "floe_registry_updates_total",
        refusals: counters "floe_registry_refusals_total",
        snapshots_sent: counter "floe_registry_snapshots_sent_total",
        snapshot_bytes_sent: counter "floe_registry_snapshot_bytes_sent_total",
        initialisations: counters "floe_registry_initialisations_total",
        entries_sent: counter "floe_registry_entries_sent_total",
        update_duration: histogram "floe_registry_update_duration_seconds",
    }
);

handles!(
    /// The database file.
    StoreMetrics {
        commit_duration: histogram "floe_store_commit_duration_seconds",
        size_bytes: gauge "floe_store_size_bytes",
    }
);

handles!(
    /// Gossip.
    GossipMetrics {
        peers: gauges "floe_gossip_peers",
        messages: counters "floe_gossip_messages_total",
        bytes: counters "floe_gossip_bytes_total",
        rejected: counters "floe_gossip_rejected_total",
        restarts: counter "floe_gossip_restarts_total",
    }
);

handles!(
    /// Control connections.
    NetMetrics {
        links: gauges "floe_net_links",
        requests: counters "floe_net_requests_total",
    }
);

handles!(
    /// The queue of events before the daemon's loop.
    InboxMetrics {
        depth: gauge "floe_inbox_depth",
        bound: gauge "floe_inbox_bound",
        dropped: counter "floe_inbox_dropped_total",
    }
);

handles!(
    /// Resolves.
    LocatorMetrics {
        requests: counters "floe_locator_requests_total",
    }
);
handles!(
    /// Allocators that are loaded.
    AllocatorMetrics {
        questions: counters "floe_allocator_questions_total",
        fallbacks: counters "floe_allocator_fallbacks_total",
        seconds: histogram "floe_allocator_seconds",
    }
);

handles!(
    /// The node's state machine.
    NodeMetrics {
        servers: gauges "floe_node_servers",
        server_starts: counter "floe_node_server_starts_total",
        server_exits: counters "floe_node_server_exits_total",
        obeyed_epoch: gauge "floe_node_obeyed_epoch",
        drained: gauge "floe_node_drained",
    }
);

handles!(
    /// The HTTP listener.
    HttpMetrics {
        requests: counters "floe_http_requests_total",
    }
);

handles!(
    /// State changes.
    EventMetrics {
        events: counters "floe_events_total",
    }
);
