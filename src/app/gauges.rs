//! From what the registry's core says and shows to metrics.

use crate::io::telemetry::metrics::Metrics;
use crate::pure::base::Time;
use crate::pure::locator::ResolvedKind;
use crate::pure::membership::Standing;
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::request::ErrorCode;
use crate::pure::protocol::{Message, Request, Response};
use crate::pure::registry::{Event, ReplyTo, View};
use std::collections::BTreeMap;

/// The registry's metrics, with what it takes to time an update.
#[derive(Debug)]
pub(super) struct Gauges {
    metrics: Metrics,
    updates: BTreeMap<ReplyTo, Time>,
}

impl Gauges {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            updates: BTreeMap::new(),
        }
    }

    /// An event goes in: an update's clock starts.
    pub(super) fn arrived(&mut self, event: &Event, now: Time) {
        if let Event::Request { to, request, .. } = event
            && request.is_update()
            && !matches!(**request, Request::Allocate(_))
        {
            self.updates.insert(*to, now);
        }
    }

    /// How the registry stands, after a turn of its loop.
    pub(super) fn turned(&self, view: &View, inbox: usize, bound: usize) {
        let registry = &self.metrics.registry;
        registry.role.only(&[view.role.as_str()]);
        registry.standing.only(&[view.standing.as_str()]);
        registry.epoch.set(count(view.end.epoch));
        registry.promise_epoch.set(count(view.promise.number));
        registry.serial.set(count(view.end.serial));
        let heard = view
            .peers
            .values()
            .filter(|peer| peer.role.is_some() || peer.standing.is_some());
        let heard = heard.filter_map(|peer| peer.version).map(|version| version.serial);
        registry
            .known_serial_max
            .set(count(heard.max().unwrap_or(0).max(view.end.serial)));
        registry
            .masters_seen
            .set(count(u64::try_from(view.claims().len()).unwrap_or(u64::MAX)));
        registry
            .followers
            .set(count(u64::try_from(view.followers.len()).unwrap_or(u64::MAX)));
        let master = view.master.as_ref().and_then(|(name, _)| view.peers.get(name)?.version);
        let behind = master
            .filter(|_| view.standing != Standing::Leading)
            .map_or(0, |end| end.serial.saturating_sub(view.end.serial));
        registry.behind_entries.set(count(behind));
        registry
            .registrations
            .set(count(u64::try_from(view.registered.entries.len()).unwrap_or(u64::MAX)));
        let sessions = [
            (&registry.sessions, view.sessions.open),
            (&registry.leases, view.sessions.leases),
            (&registry.allocations_waiting, view.sessions.waiting),
        ];
        for (gauge, number) in sessions {
            gauge.set(count(u64::try_from(number).unwrap_or(u64::MAX)));
        }
        self.metrics
            .inbox
            .depth
            .set(count(u64::try_from(inbox).unwrap_or(u64::MAX)));
        self.metrics
            .inbox
            .bound
            .set(count(u64::try_from(bound).unwrap_or(u64::MAX)));
    }

    /// A transaction on the database took so long.
    pub(super) fn committed(&self, seconds: f64, size: Option<u64>) {
        self.metrics.store.commit_duration.record(seconds);
        if let Some(size) = size {
            self.metrics.store.size_bytes.set(count(size));
        }
    }

    /// Something was sent to a peer.
    pub(super) fn sent(&self, message: &Message) {
        match message {
            Message::Entries { entries, .. } => {
                self.metrics
                    .registry
                    .entries_sent
                    .increment(u64::try_from(entries.len()).unwrap_or(0));
            }
            Message::Snapshot { offset, bytes, .. } => {
                let bytes = u64::try_from(bytes.len()).unwrap_or(0);
                self.metrics.registry.snapshot_bytes_sent.increment(bytes);
                if *offset == 0 {
                    self.metrics.registry.snapshots_sent.increment(1);
                }
            }
            Message::Refusal { code, .. } => self.metrics.registry.refusals.add(&[code.as_str()], 1),
            _ => {}
        }
    }

    /// Something happened to the registry.
    pub(super) fn happened(&self, happening: &Happening) {
        let outcome = match happening.state.as_str() {
            "initialised" => "done",
            "initialisation needless" => "needless",
            "initialisation failed" | "initialisation given up" => "failed",
            _ => return,
        };
        self.metrics.registry.initialisations.add(&[outcome], 1);
    }

    /// A client got its answer from the loop.
    pub(super) fn replied(&mut self, to: ReplyTo, response: &Response, now: Time) {
        if let Some(since) = self.updates.remove(&to) {
            let outcome = match response {
                Response::Failed(failure) if failure.code == ErrorCode::InDoubt => "in-doubt",
                Response::Failed(_) => "refused",
                _ => "applied",
            };
            self.metrics.registry.updates.add(&[outcome], 1);
            self.metrics
                .registry
                .update_duration
                .record(now.since(since).as_secs_f64());
        }
        if let Response::Resolved(resolved) = response {
            self.metrics
                .locator
                .requests
                .add(&[kind(resolved.kind), "activated"], 1);
        }
    }
}

/// A client got its answer from the view.
pub(super) fn read(metrics: &Metrics, request: &Request, response: &Response) {
    if !matches!(request, Request::Resolve { .. }) {
        return;
    }
    let (kind, outcome) = match response {
        Response::Resolved(resolved) => (kind(resolved.kind), "ok"),
        Response::Failed(failure) if failure.code == ErrorCode::NotFound => ("unknown", "not-found"),
        _ => ("unknown", "unavailable"),
    };
    metrics.locator.requests.add(&[kind, outcome], 1);
}

pub(super) fn kind(kind: ResolvedKind) -> &'static str {
    match kind {
        ResolvedKind::Adapter => "adapter",
        ResolvedKind::Group => "group",
        ResolvedKind::Object => "object",
    }
}

/// A count as a gauge's value: exact up to 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}
