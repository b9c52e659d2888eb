//! Initialisation from another registry, up to the moment that its database is here whole: the copy as it comes in, and
//! every way that ends without a change. `source` says who may be taken from, `swap` puts the copy in place.
//!
//! Invariants: nothing of the own database changes here; a registry that leads is never initialised; at a start the
//! registry takes no seat before the initialisation is through or given up.

use super::super::database::Database;
use super::super::effect::Effect;
use super::super::initialisation::{Copying, IncomingCopy, Initialisation, Origin, Step};
use super::super::state::Registry;
use super::pass::Asked;
use super::source::Weighed;
use crate::pure::base::limits::SNAPSHOT_BYTES_MAX;
use crate::pure::base::{Moment, PeerName, Time};
use crate::pure::lineage::compare::Relation;
use crate::pure::membership::Role;
use crate::pure::protocol::message::CopyPart;
use crate::pure::protocol::report::{InitialisedReport, InitialisingReport};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Message, Response};
use std::time::Duration;

/// How long the source may take to say how it stands.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// A copy that did not move for this long is asked for again from where it stands.
const STANDSTILL: Duration = Duration::from_secs(1);
/// A copy that did not move for this long is given up.
const COPY_WAIT: Duration = Duration::from_secs(15);
/// At a start, the source is looked at again this often.
const SEEK_AGAIN: Duration = Duration::from_secs(1);
/// A replica that waits this long for the source at its start goes on without: it only ever follows. A master waits on: it
/// would lead with the very database that it was told to replace, or found a grid beside the one that exists.
const START_WAIT: Duration = Duration::from_mins(1);
/// The client is told of every so many percent.
const TELL_EVERY: u64 = 2;

impl Registry {
    /// `floe registry init`.
    pub(super) fn initialise(
        &mut self,
        asked: Asked,
        source: PeerName,
        from_unproven: bool,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if let Err(failure) = self.may_be_initialised(&source) {
            return asked.fail(failure, out);
        }
        let reason = format!("from {source}, by {}", asked.actor);
        self.happened(moment, "initialising", reason, out);
        let (to, actor) = (asked.to, asked.actor);
        self.initialisation = Some(Box::new(Initialisation {
            source,
            from_unproven,
            origin: Origin::Command { to, actor },
            until: Some(asked.until),
            step: Step::Asking(moment.now),
            obstacle: String::new(),
        }));
        self.tell_step("asking", 0, 0, out);
        self.ask_source(moment, out);
    }

    /// The flag of this start. True when the registry has to wait for it before it takes a seat.
    pub(super) fn initialises_first(&mut self, moment: &Moment, out: &mut Vec<Effect>) -> bool {
        let me = self.name().clone();
        let Some(wanted) = self.config.initdb.take() else {
            if self.identity.initialised.flag.take().is_some() {
                out.push(Effect::Identity(Box::new(self.identity.clone())));
            }
            return false;
        };
        let source = wanted.from;
        if !wanted.damaged && self.identity.initialised.flag.as_ref() == Some(&source) {
            let reason = format!(
                "--initdb-from-replica {source} was carried out at an earlier start and does nothing now; `floe registry init {me} --from {source}` does it again"
            );
            self.happened(moment, "initialisation skipped", reason, out);
            return false;
        }
        self.happened(
            moment,
            "initialising",
            format!("from {source}, as this start asks"),
            out,
        );
        self.initialisation = Some(Box::new(Initialisation {
            obstacle: words_of(&not_met(&source)),
            source,
            from_unproven: wanted.from_unproven,
            origin: Origin::Start,
            until: (self.role == Role::Replica).then(|| moment.now.after(START_WAIT)),
            step: Step::Seeking(moment.now),
        }));
        true
    }

    /// Why the registry takes no seat yet; `None` when nothing holds it up.
    pub(in crate::pure::registry) fn waits_to_be_initialised(&self) -> Option<String> {
        let initialisation = self.initialisation.as_ref()?;
        if initialisation.origin != Origin::Start {
            return None;
        }
        let (me, source) = (self.name(), &initialisation.source);
        Some(match &initialisation.step {
            Step::Seeking(_) => format!(
                "{me} is to be initialised from {source} first, and waits: {}. Start {source}, or restart {me} without --initdb-from-replica",
                initialisation.obstacle
            ),
            Step::Asking(_) | Step::Copying(_) => format!("takes the database of {source}"),
            Step::Keeping(_) => format!("puts the database of {source} in place"),
        })
    }

    /// Nothing may be appended, followed or promised for by a candidate now: the database waits to be replaced.
    pub(super) fn is_database_held(&self) -> bool {
        let held = |initialisation: &Initialisation| {
            initialisation.origin == Origin::Start || matches!(initialisation.step, Step::Keeping(_))
        };
        self.initialisation.as_deref().is_some_and(held)
    }

    /// From whom, when it is.
    pub(super) fn is_being_initialised(&self) -> Option<&PeerName> {
        self.initialisation
            .as_deref()
            .map(|initialisation| &initialisation.source)
    }

    fn ask_source(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(initialisation) = &mut self.initialisation else {
            return;
        };
        initialisation.step = Step::Asking(moment.now);
        out.push(Effect::Send {
            to: initialisation.source.clone(),
            message: Message::Survey,
        });
    }

    /// A registry told how it stands: if it is the source, that decides whether its database is taken.
    pub(super) fn source_told(&mut self, from: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        self.master_told(from, moment, out);
        let asked = |initialisation: &Initialisation| {
            initialisation.source == *from && matches!(initialisation.step, Step::Asking(_))
        };
        if !self.initialisation.as_deref().is_some_and(asked) {
            return;
        }
        let Some(status) = self.peers.get(from).and_then(|peer| peer.status.clone()) else {
            return;
        };
        match self.weigh(&status) {
            Weighed::Take(_) => self.begin_copy(moment, out),
            Weighed::Needless(relation) => self.needless(relation, moment, out),
            Weighed::Refuse(failure) => self.initialisation_fails(&failure, moment, out),
        }
    }

    fn begin_copy(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let id = moment.roll(11, u64::MAX);
        let Some(initialisation) = &mut self.initialisation else {
            return;
        };
        initialisation.step = Step::Copying(Box::new(Copying {
            id,
            moved: moment.now,
            nudged: moment.now,
            told: 0,
            incoming: None,
        }));
        let to = initialisation.source.clone();
        out.push(want(&to, id, 0, false));
        self.tell_step("copying", 0, 0, out);
    }

    /// A part of the copy came.
    pub(super) fn copied(&mut self, from: &PeerName, part: CopyPart, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(initialisation) = self.initialisation.as_mut().filter(|known| known.source == *from) else {
            return;
        };
        let Step::Copying(copying) = &mut initialisation.step else {
            return;
        };
        if copying.id != part.id {
            return;
        }
        if part.total > u64::try_from(SNAPSHOT_BYTES_MAX).unwrap_or(u64::MAX) {
            let message = format!(
                "{from} announces a copy of {} bytes, at most {SNAPSHOT_BYTES_MAX} are taken",
                part.total
            );
            return self.initialisation_fails(&Failure::new(ErrorCode::Invalid, message, ""), moment, out);
        }
        if part.offset == 0 && copying.incoming.is_none() {
            copying.incoming = part.status.map(|status| IncomingCopy {
                status: *status,
                version: part.version,
                digest: part.digest,
                total: part.total,
                bytes: Vec::new(),
            });
        }
        let Some(incoming) = &mut copying.incoming else { return };
        let have = u64::try_from(incoming.bytes.len()).unwrap_or(u64::MAX);
        let more = u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
        if part.offset != have || have.saturating_add(more) > incoming.total {
            return;
        }
        incoming.bytes.extend_from_slice(&part.bytes);
        copying.moved = moment.now;
        let (done, total, id) = (have + more, incoming.total, copying.id);
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        let tell = percent >= copying.told + TELL_EVERY;
        if tell {
            copying.told = percent;
        }
        out.push(want(from, id, done, false));
        if tell {
            self.tell_step("copying", done, total, out);
        }
        if done == total {
            self.copy_is_whole(moment, out);
        }
    }

    /// The source gives no copy.
    pub(super) fn copy_denied(
        &mut self,
        from: &PeerName,
        id: u64,
        reason: &str,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let ours = |initialisation: &Initialisation| {
            initialisation.source == *from && matches!(&initialisation.step, Step::Copying(copying) if copying.id == id)
        };
        if self.initialisation.as_deref().is_some_and(ours) {
            let failure = Failure::new(ErrorCode::Unavailable, reason, "come again in a moment");
            self.initialisation_fails(&failure, moment, out);
        }
    }

    /// All parts are here: nothing of them is used before every check of a start has passed over them.
    fn copy_is_whole(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(initialisation) = &mut self.initialisation else {
            return;
        };
        let source = initialisation.source.clone();
        let Step::Copying(copying) = &mut initialisation.step else {
            return;
        };
        let Some(incoming) = copying.incoming.take() else {
            return;
        };
        let opened = Database::from_snapshot(&incoming.bytes, incoming.digest, incoming.version);
        let (database, batch) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let message =
                    format!("CORRUPT: the copy that came from {source} is not sound: {error}; nothing was changed");
                let hint = format!("check the disk of {source} and its log, or name another registry");
                return self.initialisation_fails(&Failure::new(ErrorCode::Internal, message, hint), moment, out);
            }
        };
        let mut status = incoming.status;
        status.summary = database.summary();
        match self.weigh(&status) {
            Weighed::Take(relation) => {
                self.keep_the_old(database, batch, status, relation, incoming.total, moment, out);
            }
            Weighed::Needless(relation) => self.needless(relation, moment, out),
            Weighed::Refuse(failure) => self.initialisation_fails(&failure, moment, out),
        }
    }

    /// Our log holds all that the source's does: nothing is to be done, at no start either.
    fn needless(&mut self, relation: Relation, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(initialisation) = self.initialisation.take() else {
            return;
        };
        let (me, source) = (self.name().clone(), initialisation.source);
        let text = format!("the log of {me} holds everything that {source} holds; nothing was changed");
        self.happened(moment, "initialisation needless", text.clone(), out);
        match initialisation.origin {
            Origin::Start => {
                self.identity.initialised.flag = Some(source);
                out.push(Effect::Identity(Box::new(self.identity.clone())));
                self.take_seat(moment, out);
            }
            Origin::Command { to, .. } => {
                let version = self.database.end().to_string();
                let report = InitialisedReport {
                    registry: me.to_string(),
                    source: source.to_string(),
                    relation: relation_word(relation).to_owned(),
                    before: version.clone(),
                    version,
                    unproven: self.unproven_words(),
                    next: text,
                    ..InitialisedReport::default()
                };
                out.push(Effect::Reply {
                    to,
                    response: Response::Initialised(Box::new(report)),
                    last: true,
                });
            }
        }
    }

    /// It does not go on. A client is told; a start looks again, and says meanwhile what is in its way.
    pub(super) fn initialisation_fails(&mut self, failure: &Failure, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(mut initialisation) = self.initialisation.take() else {
            return;
        };
        let reason = words_of(failure);
        match initialisation.origin.clone() {
            Origin::Command { to, .. } => {
                let text = format!("from {}: {reason}", initialisation.source);
                self.happened(moment, "initialisation failed", text, out);
                out.push(Effect::Reply {
                    to,
                    response: Response::Failed(failure.clone()),
                    last: true,
                });
            }
            Origin::Start => {
                initialisation.step = Step::Seeking(moment.now.after(SEEK_AGAIN));
                if initialisation.obstacle != reason {
                    initialisation.obstacle.clone_from(&reason);
                    let text = format!("from {}: {reason}", initialisation.source);
                    self.happened(moment, "initialisation waits", text, out);
                }
                self.initialisation = Some(initialisation);
            }
        }
    }

    /// After each event: links that came or broke, and time that ran out.
    pub(super) fn initialise_on(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        self.expire_copies(moment);
        let Some(initialisation) = &mut self.initialisation else {
            return;
        };
        let source = initialisation.source.clone();
        if initialisation.until.is_some_and(|until| moment.now >= until) {
            return self.initialisation_ends(moment, out);
        }
        let late = |since: Time, limit| moment.now.since(since) >= limit;
        let known = |failure: Failure| match failure.code {
            ErrorCode::NotFound => not_met(&source),
            _ => failure,
        };
        let reached = self.in_reach(&source).map_err(known);
        let Some(initialisation) = &mut self.initialisation else {
            return;
        };
        match (&mut initialisation.step, reached) {
            (Step::Keeping(_), _) => {}
            (Step::Seeking(at), Ok(())) if moment.now >= *at => self.ask_source(moment, out),
            (Step::Seeking(_), Ok(())) => {}
            (_, Err(failure)) => {
                self.initialisation_fails(&failure, moment, out);
                // A link that comes up is used at once.
                if let Some(Step::Seeking(at)) = self.initialisation.as_mut().map(|waiting| &mut waiting.step) {
                    *at = moment.now;
                }
            }
            (Step::Asking(since), Ok(())) if late(*since, ANSWER_WAIT) => {
                let message = format!("registry {source} does not answer");
                let hint = format!("look at the log of {source}");
                self.initialisation_fails(&Failure::new(ErrorCode::Unavailable, message, hint), moment, out);
            }
            (Step::Copying(copying), Ok(())) if late(copying.moved, COPY_WAIT) => {
                let message = format!("the copy from {source} did not go on for {} s", COPY_WAIT.as_secs());
                let hint = format!("look at the log of {source}, then try again");
                self.initialisation_fails(&Failure::new(ErrorCode::Unavailable, message, hint), moment, out);
            }
            (Step::Copying(copying), Ok(())) if late(copying.moved.max(copying.nudged), STANDSTILL) => {
                copying.nudged = moment.now;
                let have = copying.incoming.as_ref().map_or(0, |copy| copy.bytes.len());
                let offset = u64::try_from(have).unwrap_or(u64::MAX);
                out.push(want(&source, copying.id, offset, true));
            }
            (Step::Asking(_) | Step::Copying(_), Ok(())) => {}
        }
    }

    /// Its time is over.
    fn initialisation_ends(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(initialisation) = &mut self.initialisation else {
            return;
        };
        let source = initialisation.source.clone();
        if let Step::Keeping(keeping) = &mut initialisation.step {
            // The shell is at work; what it says will find nobody who wants it.
            keeping.abandoned = true;
            initialisation.until = None;
            return;
        }
        match initialisation.origin {
            Origin::Command { .. } => {
                let message = format!("the initialisation from {source} was not through in time; nothing was changed");
                let failure = Failure::new(ErrorCode::TimedOut, message, "give it longer, or look at both logs");
                self.initialisation_fails(&failure, moment, out);
            }
            Origin::Start => {
                let reason = format!(
                    "from {source}: {}; this replica goes on with what it has",
                    initialisation.obstacle
                );
                self.initialisation = None;
                self.happened(moment, "initialisation given up", reason, out);
                self.take_seat(moment, out);
            }
        }
    }

    pub(super) fn tell_step(&self, step: &str, done: u64, total: u64, out: &mut Vec<Effect>) {
        if let Some(initialisation) = &self.initialisation
            && let Origin::Command { to, .. } = &initialisation.origin
        {
            out.push(Effect::Reply {
                to: *to,
                response: Response::Initialising(InitialisingReport {
                    step: step.to_owned(),
                    done,
                    total,
                }),
                last: false,
            });
        }
    }
}

/// What a start says of a registry that nobody has told of: it may still come.
fn not_met(source: &PeerName) -> Failure {
    let message = format!("registry {source} has not been met yet");
    Failure::new(
        ErrorCode::Unavailable,
        message,
        "some peer of its grid must stand in peer.locator",
    )
}

/// A failure in one line.
fn words_of(failure: &Failure) -> String {
    if failure.hint.is_empty() {
        return failure.message.clone();
    }
    format!("{} ({})", failure.message, failure.hint)
}

fn want(to: &PeerName, id: u64, offset: u64, again: bool) -> Effect {
    Effect::Send {
        to: to.clone(),
        message: Message::CopyWanted { id, offset, again },
    }
}

/// One word for how the source's log stood to the own one.
pub(super) fn relation_word(relation: Relation) -> &'static str {
    match relation {
        Relation::Same => "same",
        Relation::Older(_) => "older",
        Relation::Newer(_) => "newer",
        Relation::Diverged { .. } => "diverged",
        Relation::Foreign => "foreign",
        Relation::Corrupt { .. } => "corrupt",
    }
}

#[cfg(test)]
#[path = "init_test.rs"]
mod tests;
