//! The recorder: every series of the catalogue from the start, at zero, so that the first increment is seen by `rate()`.

use super::catalogue::{CATALOGUE, Kind, Metric, On};
use super::handles::{
    AllocatorMetrics, EventMetrics, GossipMetrics, HttpMetrics, InboxMetrics, LocatorMetrics, NetMetrics, NodeMetrics,
    RegistryMetrics, Source, StoreMetrics,
};
use super::process;
use super::servers::{self, UsageSource};
use crate::pure::membership::PeerKind;
use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::{Arc, OnceLock};

/// All handles of one daemon, and its text for Prometheus. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// The registry's state machine.
    pub registry: RegistryMetrics,
    /// The database file.
    pub store: StoreMetrics,
    /// Gossip.
    pub gossip: GossipMetrics,
    /// Control connections.
    pub net: NetMetrics,
    /// The queue of events.
    pub inbox: InboxMetrics,
    /// Resolves.
    pub locator: LocatorMetrics,
    /// Allocators.
    pub allocator: AllocatorMetrics,
    /// The node's state machine.
    pub node: NodeMetrics,
    /// The HTTP listener.
    pub http: HttpMetrics,
    /// State changes.
    pub events: EventMetrics,
    text: PrometheusHandle,
    usage: Option<Arc<Usage>>,
}

/// What servers use; on nodes only.
#[derive(Default)]
struct Usage(OnceLock<UsageSource>);

impl std::fmt::Debug for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Usage")
    }
}

/// Why metrics cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Only the first recorder of a process is heard.
    #[error("another metrics recorder is installed in this process")]
    Second,
}

impl Metrics {
    /// Metrics of one daemon that only its handles count into: for tests, and for several daemons in one process.
    pub fn new(kind: PeerKind) -> Self {
        Self::with(&recorder(), kind)
    }
    /// Metrics of the one daemon of this process: `metrics::counter!` and its like count into them as well.
    ///
    /// # Errors
    /// [`InstallError::Second`]: nothing was changed, the earlier recorder goes on.
    pub fn install(kind: PeerKind) -> Result<Self, InstallError> {
        let recorder = recorder();
        let metrics = Self::with(&recorder, kind);
        match metrics::set_global_recorder(recorder) {
            Ok(()) => Ok(metrics),
            // The error holds nothing but the recorder that was not taken.
            Err(_) => Err(InstallError::Second),
        }
    }
    /// The text that Prometheus scrapes. Walks everything: call it where blocking for a millisecond is no harm.
    pub fn render(&self) -> String {
        let mut text = self.text.render();
        process::render(&mut text);
        if let Some(usage) = &self.usage {
            let usage = usage.0.get().map(|source| source()).unwrap_or_default();
            servers::render(&mut text, &usage);
        }
        text
    }
    /// From now on each scrape asks this what servers use. Only the first source of a node counts.
    pub fn set_usage(&self, source: UsageSource) {
        if let Some(usage) = &self.usage {
            usage.0.set(source).unwrap_or(());
        }
    }
    /// To be called every 5 s: moves observations into their buckets. Until then each costs 16 bytes.
    pub fn run_upkeep(&self) {
        self.text.run_upkeep();
    }

    fn with(recorder: &PrometheusRecorder, kind: PeerKind) -> Self {
        let source = Series { recorder, kind };
        source.describe();
        source.gauge("floe_build_info", &[env!("CARGO_PKG_VERSION")]).set(1.0);
        Self {
            registry: RegistryMetrics::new(&source),
            store: StoreMetrics::new(&source),
            gossip: GossipMetrics::new(&source),
            net: NetMetrics::new(&source),
            inbox: InboxMetrics::new(&source),
            locator: LocatorMetrics::new(&source),
            allocator: AllocatorMetrics::new(&source),
            node: NodeMetrics::new(&source),
            http: HttpMetrics::new(&source),
            events: EventMetrics::new(&source),
            text: recorder.handle(),
            usage: (kind == PeerKind::Node).then(Arc::default),
        }
    }
}

fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new();
    for metric in CATALOGUE {
        if let Kind::Histogram(buckets) = metric.kind {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
                .expect("the catalogue's histograms have buckets; a test checks it");
        }
    }
    builder.build_recorder()
}

/// The series of one daemon in a recorder.
struct Series<'a> {
    recorder: &'a PrometheusRecorder,
    kind: PeerKind,
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

impl Series<'_> {
    fn describe(&self) {
        for metric in CATALOGUE {
            let (name, unit, help) = (metric.name.into(), metric.unit, metric.help.into());
            match metric.kind {
                Kind::Counter => self.recorder.describe_counter(name, unit, help),
                Kind::Gauge => self.recorder.describe_gauge(name, unit, help),
                Kind::Histogram(_) => self.recorder.describe_histogram(name, unit, help),
            }
        }
    }
    /// The metric, if this daemon has it.
    fn find(&self, name: &str) -> Option<&'static Metric> {
        let metric = CATALOGUE.iter().find(|metric| metric.name == name);
        debug_assert!(metric.is_some(), "{name} is not in the catalogue");
        metric.filter(|metric| match metric.on {
            On::Every => true,
            On::Registry => self.kind == PeerKind::Registry,
            On::Node => self.kind == PeerKind::Node,
        })
    }
    fn key(&self, name: &'static str, values: &[&'static str]) -> Option<Key> {
        let labels = self.find(name)?.labels.iter().zip(values);
        let labels: Vec<_> = labels
            .map(|(label, value)| metrics::Label::from_static_parts(label.name, value))
            .collect();
        Some(Key::from_parts(name, labels))
    }
}

impl Source for Series<'_> {
    fn counter(&self, name: &'static str, values: &[&'static str]) -> Counter {
        let key = self.key(name, values);
        key.map_or_else(Counter::noop, |key| self.recorder.register_counter(&key, &METADATA))
    }
    fn gauge(&self, name: &'static str, values: &[&'static str]) -> Gauge {
        let key = self.key(name, values);
        key.map_or_else(Gauge::noop, |key| self.recorder.register_gauge(&key, &METADATA))
    }
    fn histogram(&self, name: &'static str, values: &[&'static str]) -> Histogram {
        let key = self.key(name, values);
        key.map_or_else(Histogram::noop, |key| self.recorder.register_histogram(&key, &METADATA))
    }
    fn combinations(&self, name: &'static str) -> Vec<Vec<&'static str>> {
        self.find(name).map(Metric::combinations).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Names of all series in a text.
    fn names(text: &str) -> BTreeSet<String> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn every_metric_of_a_daemon_is_there_from_the_start_and_no_other() {
        for (kind, not_there) in [(PeerKind::Registry, On::Node), (PeerKind::Node, On::Registry)] {
            // Servers come one by one when there are any.
            let wanted = CATALOGUE
                .iter()
                .filter(|metric| metric.on != not_there && !metric.is_open());
            let wanted: BTreeSet<String> = wanted.flat_map(Metric::series).map(|(name, _)| name).collect();
            let text = Metrics::new(kind).render();
            assert_eq!(names(&text), wanted, "{kind}");
            for metric in CATALOGUE
                .iter()
                .filter(|metric| metric.on != not_there && !metric.is_open())
            {
                assert!(
                    text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)),
                    "{}",
                    metric.name
                );
            }
        }
    }

    #[test]
    fn handles_count_into_their_series() {
        let metrics = Metrics::new(PeerKind::Registry);
        metrics.registry.standing.only(&["leading"]);
        metrics.registry.standing.only(&["following"]);
        metrics.locator.requests.add(&["adapter", "ok"], 3);
        metrics.store.commit_duration.record(0.002);
        metrics.node.servers.set(&["active"], 5.0);
        let text = metrics.render();
        for line in [
            "floe_registry_standing{standing=\"leading\"} 0",
            "floe_registry_standing{standing=\"following\"} 1",
            "floe_locator_requests_total{kind=\"adapter\",outcome=\"ok\"} 3",
            "floe_store_commit_duration_seconds_bucket{le=\"0.001\"} 0",
            "floe_store_commit_duration_seconds_bucket{le=\"0.003\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn servers_are_told_one_by_one() {
        use super::super::servers::{NodeUsage, ServerUsage};
        let metrics = Metrics::new(PeerKind::Node);
        metrics.set_usage(Box::new(|| NodeUsage {
            memory_bytes: 3,
            servers: vec![(
                "web-1".into(),
                ServerUsage {
                    tasks: 2,
                    ..ServerUsage::default()
                },
            )],
            ..NodeUsage::default()
        }));
        let text = metrics.render();
        for line in [
            "floe_node_servers_memory_bytes 3",
            "floe_server_tasks{server=\"web-1\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let wanted: BTreeSet<String> = CATALOGUE
            .iter()
            .filter(|metric| metric.on != On::Registry)
            .flat_map(Metric::series)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names(&text), wanted);
    }

    #[test]
    fn only_the_first_recorder_of_a_process_is_heard() {
        let metrics = Metrics::install(PeerKind::Node).unwrap();
        assert!(Metrics::install(PeerKind::Node).is_err());
        metrics::counter!("floe_gossip_messages_total", "direction" => "in").increment(2);
        let line = "floe_gossip_messages_total{direction=\"in\"} 2";
        assert!(metrics.render().contains(line), "the macro counts into another series");
    }
}
