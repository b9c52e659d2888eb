//! What must hold before an update is stored, and what it would do to servers that run.

use super::super::affected::{affected, sight_of};
use super::super::effect::Effect;
use super::super::query::invalid;
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::base::{ApplicationName, PeerName};
use crate::pure::lineage::Lineage;
use crate::pure::model::{Deployment, Plan};
use crate::pure::protocol::Response;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::update::{Affected, Change, Conditions, Forecast, VersionText};
use std::collections::BTreeSet;

/// Servers that a refusal names one by one.
const NAMED_MAX: usize = 20;

impl Registry {
    /// Is the application, and is the database, where the client thinks?
    pub(super) fn check_place(
        &self,
        name: &ApplicationName,
        conditions: Conditions,
        verb: &str,
    ) -> Result<(), Failure> {
        let revision = self.in_force(name).map_or(0, |record| record.revision);
        if let Some(wanted) = conditions.if_revision.filter(|wanted| *wanted != revision) {
            let message = format!("application {name} is at revision {revision}, not {wanted}");
            let hint = format!("look at it with `floe app show {name}`, then {verb} it against revision {revision}");
            return Err(Failure::new(ErrorCode::Precondition, message, hint));
        }
        let end = self.database.end();
        let moved = |wanted: &VersionText| moved_since(*wanted, end.into(), self.database.lineage());
        if let Some(wanted) = conditions.if_version.filter(moved) {
            let message = format!("the database is at version {end}, not {wanted}");
            let hint = format!(
                "look at what has changed (`floe app diff FILE`, `floe app history {name}`), then {verb} it against version {end}"
            );
            return Err(Failure::new(ErrorCode::Precondition, message, hint));
        }
        Ok(())
    }

    /// What a plan does to servers that run; an error when the client does not want that.
    pub(super) fn check_affected(&self, plan: &Plan, conditions: Conditions) -> Result<Affected, Failure> {
        let deployment = self.database.deployment();
        let affected = affected(deployment, plan, |node| {
            sight_of(self.peers.get(node).map(|peer| (peer.linked, peer.node.as_ref())))
        });
        if !conditions.no_restart || affected.servers.is_empty() {
            return Ok(affected);
        }
        let named: Vec<String> = affected
            .servers
            .iter()
            .take(NAMED_MAX)
            .map(ToString::to_string)
            .collect();
        let named_count = u64::try_from(affected.servers.len() - named.len()).unwrap_or(u64::MAX);
        let more = match affected.more + named_count {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Err(Failure::new(
            ErrorCode::Precondition,
            format!(
                "the update does not leave running servers alone: {}{more}; nothing was changed",
                named.join("; ")
            ),
            "stop them first (floe server stop ID), or leave out --no-restart; what a node out of reach runs is not known and counts as running",
        ))
    }

    /// Nodes that have a part in an update and are not in reach.
    pub(super) fn absent(&self, before: &Deployment, plan: &Plan) -> Vec<String> {
        let now = self.database.deployment();
        let touched = [&plan.added, &plan.removed, &plan.restarted, &plan.changed];
        let mut nodes: BTreeSet<&PeerName> = BTreeSet::new();
        for id in touched.into_iter().flatten() {
            let places = [before.servers.get(id), now.servers.get(id)];
            nodes.extend(places.into_iter().flatten().map(|placed| &placed.node));
        }
        nodes.retain(|node| !self.peers.get(*node).is_some_and(|peer| peer.linked));
        nodes.into_iter().map(ToString::to_string).collect()
    }

    /// Of a rollback: readers know no history.
    pub(super) fn forecast(&self, asked: &Asked, change: Change, out: &mut Vec<Effect>) {
        let view = self.view();
        let response = match change {
            Change::Rollback { name, to } => match self.earlier(&name, to) {
                Ok((_, application)) => view.forecast(&Change::Put(Box::new(application))),
                Err(failure) => Some(Response::Failed(failure)),
            },
            change => view.forecast(&change),
        };
        if let Some(response) = response {
            asked.answer(response, out);
        }
    }
}

/// Was anything stored since? Entries that only open a reign carry nothing.
fn moved_since(wanted: VersionText, end: VersionText, lineage: &Lineage) -> bool {
    if wanted == end {
        return false;
    }
    let reign = lineage.0.iter().rev().find(|reign| reign.first <= wanted.serial);
    let known = reign.is_some_and(|reign| reign.epoch.number == wanted.epoch) && wanted.serial <= end.serial;
    !known || lineage.reigns_after(wanted.serial, end.serial) != end.serial - wanted.serial
}

impl super::super::view::View {
    /// What an update would do; `None` for a rollback, which only the registry itself can tell.
    pub(in crate::pure::registry) fn forecast(&self, change: &Change) -> Option<Response> {
        let planned = match change {
            Change::Put(application) => {
                let plan = self.deployment.plan(application);
                plan.map_err(|faults| invalid(&faults))
                    .map(|plan| (&application.name, plan))
            }
            Change::Remove { name } => {
                let plan = self.deployment.plan_removal(name);
                plan.map(|plan| (name, plan))
                    .ok_or_else(|| super::update::no_application(name))
            }
            Change::Rollback { .. } => return None,
        };
        let (name, plan) = match planned {
            Ok(planned) => planned,
            Err(failure) => return Some(Response::Failed(failure)),
        };
        let affected = affected(&self.deployment, &plan, |node| {
            sight_of(self.peers.get(node).map(|peer| (peer.linked, peer.node.as_ref())))
        });
        let record = self.deployment.applications.get(name);
        Some(Response::Forecast(Box::new(Forecast {
            application: name.to_string(),
            revision: record.map_or(0, |record| record.revision),
            version: self.end.to_string(),
            plan,
            affected,
        })))
    }
}

#[cfg(test)]
#[path = "conditions_test.rs"]
mod tests;
