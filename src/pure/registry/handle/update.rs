//! Updates: checked whole, stored, then acknowledged when enough disks have them.

use super::super::effect::Effect;
use super::super::payload::{ApplicationPayload, Payload};
use super::super::query::invalid;
use super::super::seat::{Pending, Seat};
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::base::limits::PENDING_UPDATES_MAX;
use crate::pure::base::{ApplicationName, Moment, RequestId};
use crate::pure::lineage::{Digest, Entry, EntryKind};
use crate::pure::model::{Application, Changes, Plan};
use crate::pure::protocol::Response;
use crate::pure::protocol::report::{AppliedReport, Happening};
use crate::pure::protocol::request::{ErrorCode, Failure};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Registry {
    pub(super) fn apply(
        &mut self,
        asked: Asked,
        application: Application,
        if_revision: Option<u64>,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.answered_before(&asked, request, out) {
            return;
        }
        if let Err(failure) = self.may_update(moment) {
            return asked.fail(failure, out);
        }
        self.deploy(asked, (application, None), if_revision, request, moment, out);
    }

    /// Plans an application, new, changed or rolled back to that revision, and stores it.
    pub(super) fn deploy(
        &mut self,
        asked: Asked,
        (application, rolled_back_to): (Application, Option<u64>),
        if_revision: Option<u64>,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let deployment = self.database.deployment();
        let before = deployment.applications.get(&application.name);
        let revision = before.map_or(0, |record| record.revision);
        if let Some(wanted) = if_revision.filter(|wanted| *wanted != revision) {
            let message = format!(
                "application {} is at revision {revision}, not {wanted}",
                application.name
            );
            let hint = format!(
                "look at it with `floe app show {}`, then apply against revision {revision}",
                application.name
            );
            return asked.fail(Failure::new(ErrorCode::Precondition, message, hint), out);
        }
        let plan = match deployment.plan(&application) {
            Ok(plan) => plan,
            Err(faults) => return asked.fail(invalid(&faults), out),
        };
        let name = application.name.clone();
        let next = self
            .database
            .history()
            .next_revision(&name, before.map(|record| record.revision));
        let payload = Payload::PutApplication(ApplicationPayload {
            descriptor: application,
            revision: next,
            changes: Some(Changes::of(&plan)),
            rolled_back_to,
        });
        self.store(asked, payload, request, (&name, next, plan), moment, out);
    }

    pub(super) fn remove(
        &mut self,
        asked: Asked,
        name: &ApplicationName,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.answered_before(&asked, request, out) {
            return;
        }
        if let Err(failure) = self.may_update(moment) {
            return asked.fail(failure, out);
        }
        let deployment = self.database.deployment();
        let revision = deployment.applications.get(name).map(|record| record.revision);
        let (Some(revision), Some(plan)) = (revision, deployment.plan_removal(name)) else {
            let failure = Failure::new(
                ErrorCode::NotFound,
                format!("there is no application {name}"),
                "`floe app list` shows all",
            );
            return asked.fail(failure, out);
        };
        self.store(
            asked,
            Payload::RemoveApplication(name.clone()),
            request,
            (name, revision, plan),
            moment,
            out,
        );
    }

    /// Removes an application that is at the revision that the client knows.
    pub(super) fn remove_at(
        &mut self,
        asked: Asked,
        name: &ApplicationName,
        wanted: u64,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.answered_before(&asked, request, out) {
            return;
        }
        let may_update = self.may_update(moment).is_ok();
        let applications = &self.database.deployment().applications;
        let revision = applications.get(name).map_or(wanted, |record| record.revision);
        if revision != wanted && may_update {
            let message = format!("application {name} is at revision {revision}, not {wanted}");
            let hint = format!("look at it with `floe app show {name}`, then `floe app remove {name}` if it is to go");
            return asked.fail(Failure::new(ErrorCode::Precondition, message, hint), out);
        }
        self.remove(asked, name, request, moment, out);
    }

    /// Appends an entry that no client asked for.
    pub(super) fn append_own(&mut self, payload: Payload, request: RequestId, moment: &Moment, out: &mut Vec<Effect>) {
        let actor = format!("registry {}", self.name());
        if self.append(&payload, request, &actor, moment, out).is_some() {
            let pending = self.pending(None, moment);
            self.await_copies(pending, moment, out);
        }
    }

    fn store(
        &mut self,
        asked: Asked,
        payload: Payload,
        request: RequestId,
        (name, revision, plan): (&ApplicationName, u64, Plan),
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let kind = payload.kind();
        let rolled_back_to = match &payload {
            Payload::PutApplication(application) => application.rolled_back_to,
            _ => None,
        };
        match self.append(&payload, request, &asked.actor, moment, out) {
            Some(_) => {
                let report = AppliedReport {
                    rolled_back_to,
                    ..self.report(name, revision, plan)
                };
                out.push(Effect::Happened(Box::new(Happening {
                    time: moment.wall,
                    subject: "application".to_owned(),
                    name: name.to_string(),
                    state: if kind == EntryKind::RemoveApplication {
                        "removed"
                    } else {
                        "applied"
                    }
                    .to_owned(),
                    reason: match rolled_back_to {
                        Some(earlier) => format!("revision {revision}, rolled back to {earlier}, by {}", asked.actor),
                        None => format!("revision {revision} by {}", asked.actor),
                    },
                    version: Some(report.version.clone()),
                })));
                let pending = self.pending(Some((vec![asked.to], report)), moment);
                self.await_copies(pending, moment, out);
            }
            None => asked.fail(
                Failure::new(ErrorCode::Internal, "the entry was not taken", "see the registry's log"),
                out,
            ),
        }
    }

    /// Seals and appends one entry, and asks for its commit.
    fn append(
        &mut self,
        payload: &Payload,
        request: RequestId,
        actor: &str,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) -> Option<Arc<Entry>> {
        let (epoch, database, end) = (self.reign()?, self.database.id()?, self.database.end());
        let entry = Entry {
            serial: end.serial + 1,
            epoch,
            request,
            actor: actor.chars().take(200).collect(),
            time: moment.wall,
            kind: payload.kind(),
            bytes: payload.to_bytes(),
            digest: Digest::default(),
        };
        let entry = Arc::new(entry.sealed(database, &end.digest));
        let batch = self.database.append(entry.clone(), self.config.log_keep).ok()?;
        out.push(Effect::Commit(batch));
        Some(entry)
    }

    fn pending(&self, reply: Option<(Vec<super::super::effect::ReplyTo>, AppliedReport)>, moment: &Moment) -> Pending {
        Pending {
            version: self.database.end(),
            until: moment.now.after(self.config.copy_deadline),
            client: reply.is_some(),
            reply,
            deployment: self.database.deployment().clone(),
            in_doubt: false,
            left: BTreeSet::new(),
        }
    }

    fn report(&self, name: &ApplicationName, revision: u64, plan: Plan) -> AppliedReport {
        AppliedReport {
            application: name.to_string(),
            revision,
            version: self.database.end().to_string(),
            copies: 1,
            behind: Vec::new(),
            plan,
            rolled_back_to: None,
        }
    }

    /// A retry of a request that is in the log already: it joins the wait, or is answered at once.
    pub(super) fn answered_before(&mut self, asked: &Asked, request: RequestId, out: &mut Vec<Effect>) -> bool {
        let Some(done) = self.database.find(request) else {
            return false;
        };
        let mut report = self.report(&done.application, done.revision, Plan::default());
        report.version = format!("{}.{}", done.epoch, done.serial);
        let record = self.database.deployment().applications.get(&done.application);
        report.rolled_back_to = record
            .filter(|record| record.revision == done.revision)
            .and_then(|record| record.rolled_back_to);
        let safe = self.acknowledged() >= done.serial;
        report.copies = self.copies(|have, _| have >= done.serial).members;
        let Some(reigning) = self.reigning() else { return false };
        let waiting = reigning
            .pending
            .iter_mut()
            .find(|pending| pending.version.serial == done.serial && !pending.in_doubt);
        if let Some((to, _)) = waiting.and_then(|pending| pending.reply.as_mut()) {
            to.push(asked.to);
            return true;
        }
        let response = if safe && report.copies >= self.config.min_copies {
            Response::Applied(Box::new(report))
        } else {
            let message = format!(
                "the update is stored as entry {} and still waits for copies",
                done.serial
            );
            Response::Failed(Failure::new(
                ErrorCode::InDoubt,
                message,
                "repeat the same command: it is applied once",
            ))
        };
        out.push(Effect::Reply {
            to: asked.to,
            response,
            last: true,
        });
        true
    }

    /// Leads, has room, and has enough replicas attached to be able to keep its word.
    pub(super) fn may_update(&mut self, moment: &Moment) -> Result<(), Failure> {
        self.look_around(moment);
        self.may_write()?;
        let Seat::Leading(reigning) = &self.seat else {
            return Err(self.not_master());
        };
        let full = reigning.pending.len() >= PENDING_UPDATES_MAX;
        let attached = self.copies(|_, late| !late);
        let (copies, min_copies) = (attached.members, self.config.min_copies);
        // Those that promised this reign are on their way.
        if reigning.expected.is_empty() && !self.is_enough(attached, true) {
            let joining = self.database.joining().map(|(name, _)| name.to_string());
            let message = match joining.filter(|_| copies >= min_copies) {
                None => {
                    format!("{copies} registries would have the update, min_copies = {min_copies}; nothing was stored")
                }
                Some(name) => format!(
                    "registry {name} is joining, and too few of the others are attached to be told of it; nothing was stored"
                ),
            };
            let hint = "start or reconnect replicas (`floe registry list` shows them), or lower min_copies";
            return Err(Failure::new(ErrorCode::Precondition, message, hint));
        }
        if full {
            let message = format!("{PENDING_UPDATES_MAX} updates wait for copies already; nothing was stored");
            return Err(Failure::new(ErrorCode::Overloaded, message, "come again in a moment"));
        }
        Ok(())
    }

    /// Why this registry takes no updates, and who does.
    pub(super) fn not_master(&self) -> Failure {
        let (standing, reason) = self.standing();
        let leading = self.peers.values().find(|peer| {
            peer.linked
                && peer
                    .status
                    .as_ref()
                    .is_some_and(|status| status.claim == Some(self.identity.promise))
        });
        let message = format!(
            "registry {} is {standing}{}{reason}; nothing was changed",
            self.name(),
            if reason.is_empty() { "" } else { ": " }
        );
        let hint = match leading {
            Some(peer) => format!("ask the master: --peer {}", peer.card.address),
            None => "no master is in reach; start it, or promote a replica: floe registry promote NAME (`floe status` shows who is there)".to_owned(),
        };
        let master = leading.map(|peer| (peer.card.name.clone(), peer.card.address.clone()));
        Failure {
            code: ErrorCode::NotMaster,
            message,
            hint,
            master,
        }
    }
}
