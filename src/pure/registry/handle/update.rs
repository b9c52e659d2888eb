//! Updates: checked whole, stored, then acknowledged when enough disks have them.

use super::super::effect::{Effect, ReplyTo};
use super::super::payload::{ApplicationPayload, Payload};
use super::super::query::invalid;
use super::super::requests::Done;
use super::super::seat::{Pending, Receipt, Seat};
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::base::limits::PENDING_UPDATES_MAX;
use crate::pure::base::{ApplicationName, Moment, RequestId};
use crate::pure::lineage::{Digest, Entry, EntryKind};
use crate::pure::model::{Application, Changes, Expansion, Plan};
use crate::pure::protocol::Response;
use crate::pure::protocol::locate::ObjectReport;
use crate::pure::protocol::report::{AppliedReport, Happening};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::update::{Affected, Change, Conditions};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Registry {
    /// An update on conditions.
    pub(super) fn update(
        &mut self,
        asked: Asked,
        change: Change,
        conditions: Conditions,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        match change {
            Change::Put(application) => self.apply(asked, *application, conditions, request, moment, out),
            Change::Rollback { name, to } => self.roll_back(asked, (&name, to), conditions, request, moment, out),
            Change::Remove { name } => self.remove(asked, &name, conditions, request, moment, out),
        }
    }

    pub(super) fn apply(
        &mut self,
        asked: Asked,
        application: Application,
        conditions: Conditions,
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
        self.deploy(asked, (application, None), conditions, request, moment, out);
    }

    /// Plans an application, new, changed or rolled back to that revision, and stores it.
    pub(super) fn deploy(
        &mut self,
        asked: Asked,
        (application, rolled_back_to): (Application, Option<u64>),
        conditions: Conditions,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let name = application.name.clone();
        if let Err(failure) = self.check_place(&name, conditions, "apply") {
            return asked.fail(failure, out);
        }
        let (plan, expansion) = match self.database.deployment().planned(&application) {
            Ok(planned) => planned,
            Err(faults) => return asked.fail(invalid(&faults), out),
        };
        let allowed = self.check_registered(names(&expansion));
        let affected = match allowed.and_then(|()| self.check_affected(&plan, conditions)) {
            Ok(affected) => affected,
            Err(failure) => return asked.fail(failure, out),
        };
        let before = self.in_force(&name).map(|record| record.revision);
        let next = self.database.history().next_revision(&name, before);
        let payload = Payload::PutApplication(ApplicationPayload {
            descriptor: Arc::new(application),
            revision: next,
            changes: Some(Changes::of(&plan)),
            rolled_back_to,
        });
        let report = AppliedReport {
            rolled_back_to,
            replaces: before,
            affected,
            ..self.report(&name, next, plan)
        };
        self.store(asked, (payload, Some(expansion)), request, report, moment, out);
    }

    pub(super) fn remove(
        &mut self,
        asked: Asked,
        name: &ApplicationName,
        conditions: Conditions,
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
        let revision = self.in_force(name).map(|record| record.revision);
        let plan = self.database.deployment().plan_removal(name);
        let (Some(revision), Some(plan)) = (revision, plan) else {
            return asked.fail(no_application(name), out);
        };
        let allowed = self.check_place(name, conditions, "remove");
        let affected = match allowed.and_then(|()| self.check_affected(&plan, conditions)) {
            Ok(affected) => affected,
            Err(failure) => return asked.fail(failure, out),
        };
        let report = AppliedReport {
            replaces: Some(revision),
            affected,
            ..self.report(name, revision, plan)
        };
        let payload = Payload::RemoveApplication(name.clone());
        self.store(asked, (payload, None), request, report, moment, out);
    }

    /// Appends an entry that no client asked for.
    pub(super) fn append_own(&mut self, payload: Payload, request: RequestId, moment: &Moment, out: &mut Vec<Effect>) {
        let actor = format!("registry {}", self.name());
        if self.append(payload, None, request, &actor, moment, out).is_some() {
            let pending = self.pending(None, moment);
            self.await_copies(pending, moment, out);
        }
    }

    /// Stores an update; the report is completed by what comes of it.
    fn store(
        &mut self,
        asked: Asked,
        (payload, planned): (Payload, Option<Expansion>),
        request: RequestId,
        report: AppliedReport,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let before = self.database.deployment().clone();
        let removed = payload.kind() == EntryKind::RemoveApplication;
        if self
            .append(payload, planned, request, &asked.actor, moment, out)
            .is_none()
        {
            let failure = Failure::new(ErrorCode::Internal, "the entry was not taken", "see the registry's log");
            return asked.fail(failure, out);
        }
        let report = AppliedReport {
            version: self.database.end().to_string(),
            absent: self.absent(&before, &report.plan),
            ..report
        };
        let after = self.database.deployment().clone();
        if let Some(reigning) = self.reigning() {
            reigning.moves.stored(&report.plan, &before, &after);
        }
        out.push(Effect::Happened(Box::new(Happening {
            time: moment.wall,
            subject: "application".to_owned(),
            name: report.application.clone(),
            state: if removed { "removed" } else { "applied" }.to_owned(),
            reason: match report.rolled_back_to {
                Some(earlier) => format!(
                    "revision {}, rolled back to {earlier}, by {}",
                    report.revision, asked.actor
                ),
                None => format!("revision {} by {}", report.revision, asked.actor),
            },
            version: Some(report.version.clone()),
        })));
        let pending = self.pending(Some((vec![asked.to], Receipt::Application(Box::new(report)))), moment);
        self.await_copies(pending, moment, out);
    }

    /// Seals and appends one entry, and asks for its commit.
    pub(super) fn append(
        &mut self,
        payload: Payload,
        planned: Option<Expansion>,
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
        let keep = self.config.log_keep;
        let batch = self.database.append_made(entry.clone(), payload, planned, keep).ok()?;
        out.push(Effect::Commit(batch));
        Some(entry)
    }

    pub(super) fn pending(&self, reply: Option<(Vec<ReplyTo>, Receipt)>, moment: &Moment) -> Pending {
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
            replaces: None,
            affected: Affected::default(),
            absent: Vec::new(),
        }
    }

    /// A retry of a request that is in the log already: it joins the wait, or is answered at once.
    pub(super) fn answered_before(&mut self, asked: &Asked, request: RequestId, out: &mut Vec<Effect>) -> bool {
        let Some(done) = self.database.find(request) else {
            return false;
        };
        let mut receipt = self.receipt_again(&done);
        let safe = self.acknowledged() >= done.serial;
        let copies = self.copies(|follower| follower.have.serial >= done.serial).members;
        receipt.complete(copies, Vec::new());
        let Some(reigning) = self.reigning() else { return false };
        let waiting = reigning
            .pending
            .iter_mut()
            .find(|pending| pending.version.serial == done.serial && !pending.in_doubt);
        if let Some((to, _)) = waiting.and_then(|pending| pending.reply.as_mut()) {
            to.push(asked.to);
            return true;
        }
        let response = if safe && copies >= self.config.min_copies {
            receipt.response()
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

    /// What an update that is in the log already did.
    fn receipt_again(&self, done: &Done) -> Receipt {
        let version = format!("{}.{}", done.epoch, done.serial);
        let Some(application) = &done.application else {
            return Receipt::Object(ObjectReport {
                id: done.object.as_ref().map(ToString::to_string).unwrap_or_default(),
                removed: done.revision == 0,
                version,
                copies: 1,
                behind: Vec::new(),
            });
        };
        let mut report = self.report(application, done.revision, Plan::default());
        report.version = version;
        let record = self.database.deployment().applications.get(application);
        report.rolled_back_to = record
            .filter(|record| record.revision == done.revision)
            .and_then(|record| record.rolled_back_to);
        // What it replaced: the revision before, unless that is a removal.
        let rows = self
            .database
            .history()
            .rows(application, record.map(|record| &**record));
        let before = rows.into_iter().find(|row| row.revision < done.revision);
        report.replaces = before.filter(|row| row.action != "removed").map(|row| row.revision);
        Receipt::Application(Box::new(report))
    }

    /// Leads, has room, and has enough replicas attached to be able to keep its word.
    pub(super) fn may_update(&mut self, moment: &Moment) -> Result<(), Failure> {
        self.look_around(moment);
        self.may_write()?;
        let Seat::Leading(reigning) = &self.seat else {
            return Err(self.not_master());
        };
        if reigning.pending.len() >= PENDING_UPDATES_MAX {
            let message = format!("{PENDING_UPDATES_MAX} updates wait for copies already; nothing was stored");
            return Err(Failure::new(ErrorCode::Overloaded, message, "come again in a moment"));
        }
        self.has_copyists()
    }

    /// Are enough replicas attached for what is stored now to be acknowledged?
    pub(super) fn has_copyists(&self) -> Result<(), Failure> {
        let Seat::Leading(reigning) = &self.seat else {
            return Err(self.not_master());
        };
        let attached = self.copies(|follower| !follower.late);
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

/// Every name that `resolve` would know.
fn names(expansion: &Expansion) -> impl Iterator<Item = &str> {
    let adapters = expansion.servers.iter().flat_map(|(_, spec)| &spec.adapters);
    let adapters = adapters.map(|adapter| adapter.id.as_str());
    let groups = expansion.groups.iter().map(|group| group.id.as_str());
    let objects = expansion.objects.iter().map(|object| object.id.as_str());
    let allocatables = expansion.allocatables.iter().map(|one| one.id.as_str());
    adapters.chain(groups).chain(objects).chain(allocatables)
}

pub(super) fn no_application(name: &ApplicationName) -> Failure {
    Failure::new(
        ErrorCode::NotFound,
        format!("there is no application {name}"),
        "`floe app list` shows all",
    )
}
