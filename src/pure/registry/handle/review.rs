//! Looking without touching: what a reviewing registry refuses, and how the logs of the others stand to the own one.

use super::super::peer::Peer;
use super::super::seat::Seat;
use super::super::state::Registry;
use crate::pure::base::PeerName;
use crate::pure::lineage::promote::Answer;
use crate::pure::membership::Standing;
use crate::pure::protocol::Request;
use crate::pure::protocol::report::{RegistryReport, StandingRow, relation_text};
use crate::pure::protocol::request::{ErrorCode, Failure};
use std::collections::BTreeSet;

impl Registry {
    /// A reviewing registry answers questions and an order that ends the review; everything else would change something.
    pub(super) fn review_allows(&self, request: &Request) -> Result<(), Failure> {
        if !matches!(self.seat, Seat::Reviewing) {
            return Ok(());
        }
        match request {
            Request::Status
            | Request::Peers
            | Request::Registry
            | Request::Nodes
            | Request::Applications
            | Request::Application { .. }
            | Request::Servers { .. }
            | Request::Server { .. }
            | Request::Resolve { .. }
            | Request::Find { .. }
            | Request::Locate { .. }
            | Request::Observe { .. }
            | Request::ScrapeTargets
            | Request::Adapters { .. }
            | Request::Objects { .. }
            | Request::Watch
            | Request::Plan { .. }
            | Request::Logs { .. }
            | Request::Usage { .. }
            | Request::LogSummary
            | Request::History { .. }
            | Request::Revision { .. }
            | Request::PlanRollback { .. }
            | Request::LogRows { .. }
            | Request::Contents { .. }
            | Request::Forecast { .. }
            | Request::Outcome { .. }
            | Request::Explain { .. }
            | Request::Node { .. }
            | Request::Sessions { .. }
            | Request::Leases { .. }
            | Request::Probe { .. }
            | Request::ExplainLease { .. }
            | Request::Plugins
            | Request::ReloadPlugins { .. }
            | Request::Promote { .. } => Ok(()),
            Request::Apply { .. }
            | Request::PutObject { .. }
            | Request::RemoveObject { .. }
            | Request::Register(_)
            | Request::Unregister { .. }
            | Request::Update { .. }
            | Request::Remove { .. }
            | Request::RemoveAt { .. }
            | Request::Initialise { .. }
            | Request::Rollback { .. }
            | Request::Demote { .. }
            | Request::LeadAlone
            | Request::Command { .. }
            | Request::Activate { .. }
            | Request::Drain { .. }
            | Request::Undrain { .. }
            | Request::StopNode { .. }
            | Request::OpenSession { .. }
            | Request::RenewSession { .. }
            | Request::CloseSession { .. }
            | Request::EndSession { .. }
            | Request::Allocate(_)
            | Request::Withdraw { .. }
            | Request::Release { .. } => {
                let me = self.name();
                let message =
                    format!("READONLY_MASTER: registry {me} is under review (--readonly); nothing was changed");
                let hint = format!("restart it without --readonly, or promote it: floe registry promote {me}");
                Err(Failure::new(ErrorCode::Reviewing, message, hint))
            }
        }
    }

    pub(in crate::pure::registry) fn review_reason(&self) -> String {
        let me = self.name();
        format!(
            "READONLY_MASTER: {me} is under review (--readonly): it leads nobody and changes nothing. `floe registry show {me}` tells how the others stand to it; restart it without --readonly, or promote it: floe registry promote {me}"
        )
    }

    /// Who, of those in reach, is under review.
    pub(super) fn reviewer(&self) -> Option<String> {
        let reviews = |peer: &&Peer| {
            peer.linked
                && peer
                    .status
                    .as_ref()
                    .is_some_and(|status| status.standing == Standing::Reviewing)
        };
        let peer = self.peers.values().find(reviews)?;
        let name = &peer.card.name;
        Some(format!(
            "READONLY_MASTER: {name} is under review (--readonly) and leads nobody; no leading master in reach"
        ))
    }

    /// This registry in detail.
    pub(super) fn report_of_registry(&self) -> RegistryReport {
        let mut report = self.view().registry();
        report.others = self.standing_rows(&self.answers());
        report
    }

    /// How the logs of all other registries stand to the own one.
    pub(super) fn standing_rows(&self, answers: &[Answer]) -> Vec<StandingRow> {
        let recorded = self.database.deployment().registries.keys();
        let met = self.peers.values().filter(|peer| peer.is_registry());
        let names: BTreeSet<&PeerName> = recorded.chain(met.map(|peer| &peer.card.name)).collect();
        let names = names.into_iter().filter(|name| *name != self.name());
        names.map(|name| self.standing_row(name, answers)).collect()
    }

    /// How a registry's log stands to the own one, by its last word or, where gossip knows more, by that.
    fn relation_in_words(&self, peer: Option<&Peer>) -> String {
        let end = self.database.end();
        let summary = peer.and_then(|peer| peer.summary.as_ref());
        let heard = peer.and_then(Peer::version);
        let newer = heard.filter(|heard| summary.is_none_or(|summary| heard.serial > summary.end.serial));
        match (newer, summary) {
            (Some(heard), _) if heard.serial > end.serial => {
                format!("may hold {} entries more", heard.serial - end.serial)
            }
            (Some(heard), _) => match self.database.digest_at(heard.serial) {
                Some(digest) if digest == heard.digest && heard.serial == end.serial => "same".to_owned(),
                Some(digest) if digest == heard.digest => format!("lacks {} entries", end.serial - heard.serial),
                Some(_) => "diverged".to_owned(),
                None => "unknown".to_owned(),
            },
            (None, Some(theirs)) => relation_text(self.relation(theirs)),
            (None, None) => "unknown".to_owned(),
        }
    }

    fn standing_row(&self, name: &PeerName, answers: &[Answer]) -> StandingRow {
        let peer = self.peers.get(name);
        let answers = answers.iter().any(|answer| answer.name == *name);
        let status = peer.and_then(|peer| peer.status.as_ref()).filter(|_| answers);
        let promised = peer.and_then(|peer| peer.record.as_ref()).map(|record| record.obeys);
        StandingRow {
            name: name.to_string(),
            answers,
            standing: status.map(|status| status.standing.to_string()).unwrap_or_default(),
            version: peer
                .and_then(Peer::version)
                .map(|version| version.to_string())
                .unwrap_or_default(),
            relation: self.relation_in_words(peer),
            promise: status
                .map(|status| status.promise)
                .or(promised)
                .map_or(0, |promise| promise.number),
        }
    }
}

#[cfg(test)]
#[path = "review_test.rs"]
mod tests;
