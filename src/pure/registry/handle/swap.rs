//! Initialisation from another registry, its last steps: the old database is kept, what only it held is exported, and the
//! copy takes its place.
//!
//! Order, so that a crash at any point leaves the old database or the new one, and never a promise that went back: the kept
//! files (by the shell, beside the loop), the identity with the promise and the mark, the database in one transaction.

use super::super::database::Database;
use super::super::effect::{Batch, Effect, Kept, SetAside};
use super::super::initialisation::{Initialisation, Keeping, Origin, Step};
use super::super::seat::Seat;
use super::super::state::Registry;
use super::super::surplus;
use super::init::relation_word;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::Epoch;
use crate::pure::lineage::claim::{Authority, authority};
use crate::pure::lineage::compare::Relation;
use crate::pure::membership::{Standing, Taken, Unproven};
use crate::pure::protocol::report::InitialisedReport;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Response, Status};

/// What a database takes on disk beside its bytes in a copy, at most: twice as much, and this.
const ROOM_BESIDE: u64 = 16 * 1024 * 1024;

impl Registry {
    /// The copy is whole and will do: nothing is written to the old database from here on, and the shell keeps it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one copy")]
    pub(super) fn keep_the_old(
        &mut self,
        database: Database,
        batch: Batch,
        status: Status,
        relation: Relation,
        bytes: u64,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let Some(initialisation) = &self.initialisation else {
            return;
        };
        if matches!(self.seat, Seat::Leading(_)) {
            let message = format!(
                "{} leads by now, and a leading master is not initialised; nothing was changed",
                self.name()
            );
            let failure = Failure::new(ErrorCode::Precondition, message, "promote another registry first");
            return self.initialisation_fails(&failure, moment, out);
        }
        let source = initialisation.source.clone();
        let file = surplus::file(self, &source, &database, relation);
        let end = self.database.end();
        let keeping = Keeping {
            surplus: file
                .as_ref()
                .map_or(0, |file| u64::try_from(file.updates.len()).unwrap_or(u64::MAX)),
            database,
            batch,
            status,
            relation,
            end,
            abandoned: false,
        };
        self.leave_seat(moment);
        if let Some(initialisation) = &mut self.initialisation {
            initialisation.step = Step::Keeping(Box::new(keeping));
        }
        if end.serial == 0 {
            return self.set_aside(Ok(Kept::default()), moment, out);
        }
        self.tell_step("keeping", 0, 0, out);
        out.push(Effect::SetAside(Box::new(SetAside {
            version: end,
            time: moment.wall,
            surplus: file.map(Box::new),
            room: bytes.saturating_mul(2).saturating_add(ROOM_BESIDE),
        })));
    }

    /// Whatever this registry did with the old database ends: it asks again with the new one.
    fn leave_seat(&mut self, moment: &Moment) {
        match &self.seat {
            Seat::Surveying(survey) => self.seat = resting(survey.intent, moment),
            Seat::Preparing(preparation) => self.seat = resting(preparation.intent, moment),
            Seat::Resting { intent, .. } => self.seat = resting(*intent, moment),
            Seat::Following(_) => self.seat = Seat::Idle,
            Seat::Idle | Seat::Reviewing | Seat::Leading(_) => {}
        }
    }

    /// The shell has kept the old database, or could not.
    pub(super) fn set_aside(&mut self, outcome: Result<Kept, String>, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(mut initialisation) = self.initialisation.take() else {
            return;
        };
        let step = std::mem::replace(&mut initialisation.step, Step::Seeking(moment.now));
        let Step::Keeping(keeping) = step else {
            initialisation.step = step;
            self.initialisation = Some(initialisation);
            return;
        };
        let failure = match &outcome {
            Err(reason) => Some(Failure::new(
                ErrorCode::Internal,
                format!("the old database could not be kept, so nothing was changed: {reason}"),
                "make room on the disk or look at the data folder, then try again",
            )),
            Ok(_) if keeping.abandoned => Some(Failure::new(
                ErrorCode::TimedOut,
                "the initialisation was not through in time; nothing was changed",
                "give it longer with --timeout",
            )),
            Ok(_) if keeping.end != self.database.end() => Some(Failure::new(
                ErrorCode::Unavailable,
                "the database moved while it was being kept, so nothing was changed",
                "try again",
            )),
            Ok(_) => None,
        };
        match (failure, outcome) {
            (None, Ok(kept)) => self.swap(*initialisation, *keeping, &kept, moment, out),
            (failure, _) => {
                self.initialisation = Some(initialisation);
                let failure = failure.unwrap_or_else(|| Failure::new(ErrorCode::Internal, "nothing was kept", ""));
                self.initialisation_fails(&failure, moment, out);
            }
        }
    }

    fn swap(
        &mut self,
        initialisation: Initialisation,
        keeping: Keeping,
        kept: &Kept,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let Initialisation { source, origin, .. } = initialisation;
        let before = self.database.end();
        self.mark(&source, &keeping, &origin, moment);
        out.push(Effect::Identity(Box::new(self.identity.clone())));
        // What sessions of another grid hold says nothing here.
        let same = keeping.database.id() == self.database.id();
        self.replace_database(keeping.database, keeping.batch, same, out);
        self.trouble = None;
        // Everybody hears of the new log, and of the mark.
        self.told.status = None;
        let report = self.initialised_report(&source, keeping.relation, before.to_string(), keeping.surplus, kept);
        let words = match (&report.surplus_file, report.unproven.is_empty()) {
            (file, _) if !file.is_empty() => {
                format!("; {} updates that only the old one held are in {file}", report.surplus)
            }
            (_, false) => "; unproven".to_owned(),
            (_, true) => String::new(),
        };
        let asked = match &origin {
            Origin::Command { actor, .. } => format!(", by {actor}"),
            Origin::Start => String::new(),
        };
        let kept_words = if kept.database.is_empty() {
            String::new()
        } else {
            format!(", kept as {}", kept.database)
        };
        let text = format!(
            "from {source}{asked}: {before}{kept_words}, is {} now{words}",
            report.version
        );
        self.happened(moment, "initialised", text, out);
        match origin {
            Origin::Command { to, .. } => out.push(Effect::Reply {
                to,
                response: Response::Initialised(Box::new(report)),
                last: true,
            }),
            Origin::Start => self.take_seat(moment, out),
        }
    }

    /// What the identity remembers: the higher of both promises, where the database came from, and whether this registry
    /// may lack copies that it acknowledged.
    fn mark(&mut self, source: &PeerName, keeping: &Keeping, origin: &Origin, moment: &Moment) {
        let mine = self.identity.promise;
        let status = &keeping.status;
        let last = keeping.database.lineage().last().map(|reign| reign.epoch);
        let rules = self.config.rules;
        for theirs in [Some(status.promise), status.claim, last].into_iter().flatten() {
            if authority(self.identity.promise, theirs, rules) == Authority::Higher {
                self.identity.promise = theirs;
            }
        }
        // What the leading master holds is all there is, unless this registry has promised to somebody later.
        let leads = |claim: Epoch| claim.number > mine.number || claim == mine;
        let proven = status.standing == Standing::Leading && status.claim.is_some_and(leads) && !status.unproven;
        let initialised = &mut self.identity.initialised;
        let version = keeping.database.end();
        initialised.unproven = (!proven).then(|| Unproven {
            reason: format!(
                "at {} its database was replaced by that of {source}, which was {} at {version}",
                moment.wall, status.standing
            ),
            until: None,
        });
        initialised.taken = Some(Taken {
            from: source.clone(),
            version,
            time: moment.wall,
        });
        if *origin == Origin::Start {
            initialised.flag = Some(source.clone());
        }
    }

    fn initialised_report(
        &self,
        source: &PeerName,
        relation: Relation,
        before: String,
        surplus: u64,
        kept: &Kept,
    ) -> InitialisedReport {
        let me = self.name();
        let unproven = self.unproven_words();
        let next = if !kept.surplus.is_empty() {
            format!(
                "look at what only {me} held: {}; to apply it again: floe app apply {0}",
                kept.surplus
            )
        } else if unproven.is_empty() {
            format!("floe registry show {me} tells how it goes on")
        } else {
            format!("let {me} catch up with a leading master; floe registry show {me} tells when it has")
        };
        InitialisedReport {
            registry: me.to_string(),
            source: source.to_string(),
            relation: relation_word(relation).to_owned(),
            replaced: true,
            before,
            version: self.database.end().to_string(),
            surplus,
            surplus_file: kept.surplus.clone(),
            kept_file: kept.database.clone(),
            kept_bytes: kept.bytes,
            kept_bytes_total: kept.bytes_total,
            unproven,
            next,
        }
    }
}

fn resting(intent: crate::pure::lineage::promote::Intent, moment: &Moment) -> Seat {
    let until = moment.now;
    Seat::Resting { until, intent }
}
