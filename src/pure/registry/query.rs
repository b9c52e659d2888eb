//! Read-only questions, answered from a view: no lock, no disk, no waiting.

use super::finding::Sought;
use super::state::NO_MASTER;
use super::view::{PeerView, View};
use crate::pure::base::{ApplicationName, ServerId};
use crate::pure::locator::Load;
use crate::pure::membership::{PeerKind, Standing};
use crate::pure::model::Fault;
use crate::pure::model::deployment::Placed;
use crate::pure::protocol::report::{
    ApplicationReport, FollowerRow, MasterReport, NodeRow, PeerRow, RegistryReport, RegistryRow, ServerReport,
    ServerState, StatusReport,
};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Request, Response};
use std::collections::BTreeMap;

impl View {
    /// Answers a read. `None`: not a read, or a resolve that must start a server first. `turn` picks among equals.
    pub fn answer(&self, request: &Request, turn: u64) -> Option<Response> {
        Some(match request {
            Request::Status => Response::Status(Box::new(self.status())),
            Request::Peers => Response::Peers(self.peer_rows()),
            Request::Nodes => Response::Nodes(self.nodes()),
            Request::Applications => Response::Applications(self.applications()),
            Request::Application { name } => self.application(name),
            Request::Servers { application } => Response::Servers(self.servers(application.as_ref())),
            Request::Server { id } => match self.deployment.servers.get(id) {
                Some(placed) => Response::Servers(vec![self.server_report(id, placed)]),
                None => not_found(format!("there is no server {id}"), "`floe server list` shows all"),
            },
            Request::Resolve { .. } | Request::Find { .. } => match self.seek(request, turn, &[]) {
                Sought::Answer(response) => response,
                Sought::Start { .. } | Sought::Behind(_) => return None,
            },
            Request::ScrapeTargets => Response::ScrapeTargets(self.scrape_targets()),
            Request::Adapters { id, after } => self.adapters(id.as_deref(), after.as_deref()),
            Request::Objects { kind, after } => self.objects(kind.as_deref(), after.as_deref()),
            Request::Plan { application } => match self.deployment.plan(application) {
                Ok(plan) => Response::Plan(Box::new(plan)),
                Err(faults) => Response::Failed(invalid(&faults)),
            },
            Request::Forecast { change } => return self.forecast(change),
            Request::Outcome {
                application,
                serial,
                running,
            } => self.outcome(application, *serial, running),
            Request::Watch
            | Request::Locate { .. }
            | Request::Observe { .. }
            | Request::PutObject { .. }
            | Request::RemoveObject { .. }
            | Request::Register(_)
            | Request::Unregister { .. }
            | Request::Registry
            | Request::Promote { .. }
            | Request::Demote { .. }
            | Request::LeadAlone
            | Request::Apply { .. }
            | Request::Update { .. }
            | Request::History { .. }
            | Request::Revision { .. }
            | Request::PlanRollback { .. }
            | Request::Rollback { .. }
            | Request::Remove { .. }
            | Request::RemoveAt { .. }
            | Request::Initialise { .. }
            | Request::Command { .. }
            | Request::Activate { .. }
            | Request::Logs { .. }
            | Request::Usage { .. }
            | Request::LogSummary
            | Request::LogRows { .. }
            | Request::Contents { .. }
            | Request::Explain { .. }
            | Request::Node { .. }
            | Request::Drain { .. }
            | Request::Undrain { .. }
            | Request::StopNode { .. }
            | Request::OpenSession { .. }
            | Request::RenewSession { .. }
            | Request::CloseSession { .. }
            | Request::EndSession { .. }
            | Request::Sessions { .. }
            | Request::Leases { .. }
            | Request::Allocate(_)
            | Request::Withdraw { .. }
            | Request::Release { .. }
            | Request::Probe { .. }
            | Request::ExplainLease { .. }
            | Request::Plugins
            | Request::ReloadPlugins { .. } => return None,
        })
    }

    /// The whole grid in one page.
    pub fn status(&self) -> StatusReport {
        let registries = self.registry_rows();
        let master = registries
            .iter()
            .find(|row| row.standing == Standing::Leading.as_str())
            .map(|row| MasterReport {
                name: row.name.clone(),
                epoch: self
                    .peers
                    .values()
                    .find(|peer| peer.card.name.as_str() == row.name)
                    .map_or(self.promise.number, |peer| {
                        peer.claim.map_or(peer.obeys, |claim| claim.number)
                    }),
                version: row.version.clone(),
                standing: row.standing.clone(),
            });
        let nodes = self.nodes();
        let warnings = self.warnings(master.as_ref(), &registries, &nodes);
        StatusReport {
            grid: self.grid.clone(),
            answered_by: self.card.name.to_string(),
            master,
            registries,
            nodes,
            warnings,
        }
    }

    pub(super) fn registry_rows(&self) -> Vec<RegistryRow> {
        let master_serial = match self.standing {
            Standing::Leading => self.end.serial,
            _ => self
                .master
                .as_ref()
                .and_then(|(name, _)| self.peers.get(name)?.version)
                .map_or(self.end.serial, |end| end.serial.max(self.end.serial)),
        };
        let mut rows = BTreeMap::new();
        rows.insert(
            self.card.name.clone(),
            RegistryRow {
                name: self.card.name.to_string(),
                role: self.role.to_string(),
                standing: self.standing.to_string(),
                version: self.end.to_string(),
                behind: master_serial.saturating_sub(self.end.serial),
                address: self.card.address.to_string(),
                reason: self.reason.clone(),
            },
        );
        for (name, peer) in self
            .peers
            .iter()
            .filter(|(_, peer)| peer.card.kind == PeerKind::Registry)
        {
            let confirmed = self.followers.get(name).copied().or(peer.version);
            rows.insert(
                name.clone(),
                RegistryRow {
                    name: name.to_string(),
                    role: peer.role.map(|role| role.to_string()).unwrap_or_default(),
                    standing: match peer.standing.filter(|_| peer.alive) {
                        Some(standing) => standing.to_string(),
                        None => "unreachable".to_owned(),
                    },
                    version: confirmed.map(|version| version.to_string()).unwrap_or_default(),
                    behind: confirmed.map_or(0, |version| master_serial.saturating_sub(version.serial)),
                    address: peer.card.address.to_string(),
                    reason: self.refusals.get(name).map_or_else(
                        || {
                            if peer.alive {
                                peer.reason.clone()
                            } else {
                                peer.unreachable.clone()
                            }
                        },
                        |(_, text)| text.clone(),
                    ),
                },
            );
        }
        for (name, record) in &self.deployment.registries {
            rows.entry(name.clone()).or_insert_with(|| RegistryRow {
                name: name.to_string(),
                role: String::new(),
                standing: "unreachable".to_owned(),
                version: String::new(),
                behind: 0,
                address: record.address.to_string(),
                reason: "never met by this registry".to_owned(),
            });
        }
        rows.into_values().collect()
    }

    pub(super) fn nodes(&self) -> Vec<NodeRow> {
        let nodes = self.peers.values().filter(|peer| peer.card.kind == PeerKind::Node);
        let mut rows: BTreeMap<String, NodeRow> =
            nodes.map(|peer| (peer.card.name.to_string(), node_row(peer))).collect();
        for placed in self.deployment.servers.values() {
            rows.entry(placed.node.to_string()).or_insert_with(|| NodeRow {
                name: placed.node.to_string(),
                state: "down".to_owned(),
                address: String::new(),
                obeys_epoch: 0,
                applied: String::new(),
                servers_active: 0,
                servers_total: 0,
                load: Load::default(),
                drained: false,
            });
        }
        rows.into_values().collect()
    }

    fn warnings(&self, master: Option<&MasterReport>, registries: &[RegistryRow], nodes: &[NodeRow]) -> Vec<String> {
        let mut warnings = Vec::new();
        if master.is_none() {
            warnings.push("no master leads: reads and running servers go on, updates are refused; start the master, or promote a replica: floe registry promote NAME".to_owned());
        }
        if !self.reason.is_empty() && self.standing != Standing::Detached {
            warnings.push(format!("registry {}: {}", self.card.name, self.reason));
        }
        if !self.unproven.is_empty() {
            warnings.push(format!("registry {} is unproven: {}", self.card.name, self.unproven));
        }
        for peer in self.peers.values().filter(|peer| peer.unproven) {
            warnings.push(format!(
                "registry {0} is unproven, and does not count as a proof; `floe registry show {0}` tells why",
                peer.card.name
            ));
        }
        let claims = self.claims();
        if claims.len() > 1 {
            let names: Vec<String> = claims
                .iter()
                .map(|(name, epoch)| format!("{name} (epoch {epoch})"))
                .collect();
            warnings.push(format!("{} registries claim to lead: {}; the lower epoch writes nothing that is kept. Restart the old one with role = \"replica\"", names.len(), names.join(", ")));
        }
        for row in registries.iter().filter(|row| row.name != self.card.name.as_str()) {
            if row.standing == "unreachable" {
                let why = if row.reason.is_empty() {
                    String::new()
                } else {
                    format!(": {}", row.reason)
                };
                warnings.push(format!("registry {} at {} is unreachable{why}", row.name, row.address));
            } else if !row.reason.is_empty() && row.reason != NO_MASTER {
                warnings.push(format!("registry {}: {}", row.name, row.reason));
            } else if ["outdated", "superseded", "contested", "refusing", "waiting"].contains(&row.standing.as_str()) {
                warnings.push(format!(
                    "registry {} is {}; `floe registry show {}` tells why",
                    row.name, row.standing, row.name
                ));
            } else if row.behind > 0 {
                warnings.push(format!(
                    "registry {} lacks {} {}",
                    row.name,
                    row.behind,
                    if row.behind == 1 { "entry" } else { "entries" }
                ));
            }
        }
        for row in nodes.iter().filter(|row| row.state != "up") {
            let known = if row.address.is_empty() {
                "was never met".to_owned()
            } else {
                format!("at {} is down", row.address)
            };
            warnings.push(format!(
                "node {} {known}; its servers cannot be found or commanded",
                row.name
            ));
        }
        // A node that nobody has ever met has nothing to run.
        for (node, servers) in self.given_up.iter().filter(|(node, _)| self.peers.contains_key(*node)) {
            warnings.push(format!(
                "node {node} was out of reach when servers were moved away from it: {} may still run there; see to it that the machine is off, or bring the node back",
                named(servers)
            ));
        }
        let sights = self
            .peers
            .values()
            .filter_map(|peer| Some((&peer.card, peer.node.as_ref()?)));
        for (card, sight) in sights.filter(|(_, sight)| !sight.report.kept.is_empty()) {
            let (node, address, kept) = (&card.name, &card.address, &sight.report.kept);
            warnings.push(format!(
                "node {node} keeps what its slice neither lists nor removes: {}; `floe --peer {address} server stop NAME` ends one there",
                named(kept)
            ));
        }
        for row in nodes.iter().filter(|row| row.drained) {
            warnings.push(format!(
                "node {0} is drained and starts nothing; `floe node undrain {0}` ends that",
                row.name
            ));
        }
        // What an operator stopped is as it should be; what a node cannot keep up is not.
        let failing = |state| matches!(state, ServerState::BackingOff | ServerState::ActivationTimedOut);
        for server in self.servers(None).into_iter().filter(|server| failing(server.state)) {
            let look = format!("`floe server show {}` tells more", server.id);
            warnings.push(format!(
                "server {} is {}: {}; {look}",
                server.id, server.state, server.reason
            ));
        }
        warnings
    }

    /// Registries that claim to lead, as this one sees it.
    pub fn claims(&self) -> BTreeMap<String, u64> {
        let own = (self.standing == Standing::Leading).then(|| (self.card.name.to_string(), self.promise.number));
        let others = self.peers.values().filter(|peer| peer.alive);
        let others = others.filter_map(|peer| Some((peer.card.name.to_string(), peer.claim?.number)));
        own.into_iter().chain(others).collect()
    }

    fn peer_rows(&self) -> Vec<PeerRow> {
        let mut rows: Vec<PeerRow> = self
            .peers
            .values()
            .map(|peer| PeerRow {
                name: peer.card.name.to_string(),
                kind: peer.card.kind,
                state: if peer.alive { "alive" } else { "unreachable" }.to_owned(),
                address: peer.card.address.to_string(),
                http: peer.card.http.as_ref().map(ToString::to_string).unwrap_or_default(),
                version: peer.version.map(|version| version.to_string()).unwrap_or_default(),
            })
            .collect();
        rows.push(PeerRow {
            name: self.card.name.to_string(),
            kind: self.card.kind,
            state: "alive".to_owned(),
            address: self.card.address.to_string(),
            http: self.card.http.as_ref().map(ToString::to_string).unwrap_or_default(),
            version: self.end.to_string(),
        });
        rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        rows
    }

    /// The answering registry in detail, without how the others stand to it.
    pub(super) fn registry(&self) -> RegistryReport {
        let followers = self.followers.iter().map(|(name, version)| FollowerRow {
            name: name.to_string(),
            version: version.to_string(),
            behind: self.end.serial.saturating_sub(version.serial),
        });
        RegistryReport {
            name: self.card.name.to_string(),
            role: self.role.to_string(),
            role_source: self.role_source.to_owned(),
            standing: self.standing.to_string(),
            reason: self.reason.clone(),
            epoch: self.promise.number,
            version: self.end.to_string(),
            digest: self.end.digest.to_string(),
            serial: self.end.serial,
            log_first: self.log_first,
            database: self.database.clone(),
            followers: followers.collect(),
            others: Vec::new(),
            unproven: self.unproven.clone(),
        }
    }

    pub(super) fn applications(&self) -> Vec<ApplicationReport> {
        let names = self.deployment.applications.keys();
        names.filter_map(|name| self.application_row(name)).collect()
    }

    /// One application.
    pub(super) fn application_row(&self, name: &ApplicationName) -> Option<ApplicationReport> {
        let record = self.deployment.applications.get(name)?;
        let servers = record.descriptor.nodes.values().map(|node| node.servers.len());
        Some(ApplicationReport {
            name: record.descriptor.name.to_string(),
            revision: record.revision,
            servers: u64::try_from(servers.sum::<usize>()).unwrap_or(u64::MAX),
            version: record.version.to_string(),
            time: record.time,
            actor: record.actor.clone(),
        })
    }

    fn application(&self, name: &ApplicationName) -> Response {
        match self.deployment.applications.get(name) {
            Some(record) => Response::Application(Box::new((*record.descriptor).clone())),
            None => not_found(format!("there is no application {name}"), "`floe app list` shows all"),
        }
    }

    fn servers(&self, application: Option<&ApplicationName>) -> Vec<ServerReport> {
        let servers = self.deployment.servers.iter();
        let wanted = servers.filter(|(_, placed)| application.is_none_or(|name| placed.spec.application == *name));
        wanted.map(|(id, placed)| self.server_report(id, placed)).collect()
    }

    pub(super) fn server_report(&self, id: &ServerId, placed: &Placed) -> ServerReport {
        let node = self.peers.get(&placed.node).and_then(|peer| peer.node.as_ref());
        if let Some(report) = node.and_then(|node| node.servers.get(id)) {
            return report.clone();
        }
        let reason = match node {
            Some(_) => format!("node {} has not taken it over yet", placed.node),
            None => format!("node {} is not in reach of registry {}", placed.node, self.card.name),
        };
        ServerReport {
            id: id.clone(),
            application: placed.spec.application.clone(),
            node: placed.node.clone(),
            state: ServerState::Unknown,
            enabled: true,
            pid: None,
            restarts: 0,
            reason,
            endpoints: BTreeMap::new(),
            next_try: None,
            tenure: None,
        }
    }
}

fn node_row(peer: &PeerView) -> NodeRow {
    let by_report = peer.node.as_ref().map(|node| {
        let active = node
            .servers
            .values()
            .filter(|server| server.state == ServerState::Active)
            .count();
        (
            u64::try_from(active).unwrap_or(u64::MAX),
            u64::try_from(node.servers.len()).unwrap_or(u64::MAX),
        )
    });
    let (servers_active, servers_total) = by_report.or(peer.servers).unwrap_or_default();
    NodeRow {
        name: peer.card.name.to_string(),
        state: if peer.linked { "up" } else { "down" }.to_owned(),
        address: peer.card.address.to_string(),
        obeys_epoch: peer.obeys,
        applied: peer.version.map(|version| version.to_string()).unwrap_or_default(),
        servers_active,
        servers_total,
        load: peer.node.as_ref().map(|node| node.report.load).unwrap_or_default(),
        drained: peer.node.as_ref().is_some_and(|node| node.report.drained),
    }
}

/// A refusal that names every fault of an application.
pub(super) fn invalid(faults: &[Fault]) -> Failure {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let message = format!("the application breaks {} rules: {}", lines.len(), lines.join("; "));
    Failure::new(ErrorCode::Invalid, message, "nothing was changed")
}

/// A refusal that names every fault of an object.
pub(super) fn invalid_object(faults: &[Fault]) -> Failure {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Failure::new(ErrorCode::Invalid, lines.join("; "), "nothing was changed")
}

fn not_found(message: String, hint: &str) -> Response {
    Response::Failed(Failure::new(ErrorCode::NotFound, message, hint))
}

/// The first five, and how many more there are.
fn named(servers: &[ServerId]) -> String {
    let named: Vec<&str> = servers.iter().take(5).map(ServerId::as_str).collect();
    match servers.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
#[path = "query_test.rs"]
mod tests;
