//! Which servers Prometheus is to scrape, and where.
//!
//! A server that should run stays a target while it does not, wherever its endpoint is known without it: a target that
//! vanishes takes its `up` along, and nobody is alerted. What is started by use, by an operator or for a session is no target
//! while it does not run: it is not down, and a scrape must start nothing. On a node that is out of reach the last endpoints
//! are not known any more; then only endpoints that name host and port themselves stay, and the node's own target is down.

use super::view::View;
use crate::pure::model::deployment::Placed;
use crate::pure::model::{Activation, AdapterSpec, fill};
use crate::pure::protocol::locate::ScrapeTarget;
use crate::pure::supervisor::report::{ServerReport, ServerState};

impl View {
    /// Every server whose application names a metrics adapter, in order of ids.
    pub(super) fn scrape_targets(&self) -> Vec<ScrapeTarget> {
        let servers = self.deployment.servers.iter();
        servers
            .filter_map(|(id, placed)| self.scrape_target(placed, &self.server_report(id, placed)))
            .collect()
    }

    fn scrape_target(&self, placed: &Placed, report: &ServerReport) -> Option<ScrapeTarget> {
        let spec = &placed.spec;
        let scrape = spec.metrics.as_ref()?;
        let adapter = spec.adapters.iter().find(|adapter| adapter.name == scrape.adapter)?;
        let should_run = spec.activation == Activation::Always && report.enabled;
        let endpoint = match report.endpoints.get(adapter.id.as_str()) {
            Some(endpoint) if report.state == ServerState::Active => endpoint.clone(),
            _ if should_run => self.known_endpoint(placed, adapter)?,
            _ => return None,
        };
        Some(ScrapeTarget {
            server: spec.id.to_string(),
            application: spec.application.to_string(),
            node: placed.node.to_string(),
            state: report.state,
            endpoint,
            path: scrape.path.clone(),
            labels: spec.labels.clone(),
        })
    }

    /// The endpoint as the application writes it, if nothing in it is for the node to say that we do not know.
    fn known_endpoint(&self, placed: &Placed, adapter: &AdapterSpec) -> Option<String> {
        let node = self.peers.get(&placed.node).and_then(|peer| peer.node.as_ref());
        let known = |name: &str| match name {
            "node.host" => node.map(|node| node.report.host.clone()),
            name => {
                let port = placed.spec.ports.get(name.strip_prefix("port.")?)?;
                (*port != 0).then(|| port.to_string())
            }
        };
        fill(&adapter.endpoint, &known).ok()
    }
}
