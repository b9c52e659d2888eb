//! Becoming master: survey, decide, prepare, decide again, reign. What is decided is in `lineage::promote`.

use super::super::effect::Effect;
use super::super::payload::{Payload, ReignPayload};
use super::super::state::{Preparation, Registry, Reigning, Seat, Survey, Trouble};
use crate::pure::base::{DatabaseId, EpochId, Moment, PeerName, RequestId};
use crate::pure::lineage::Epoch;
use crate::pure::lineage::promote::{Answer, Decision, Intent, Own, Proof, Silent, Terms, decide};
use crate::pure::lineage::rules::Rule;
use crate::pure::membership::{PeerKind, Role, Standing};
use crate::pure::protocol::{Message, Status};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How often a refused candidate tries a higher number before it rests.
const ATTEMPTS: u32 = 3;
/// How long a candidate rests before it asks around again, plus up to as much again.
const REST: Duration = Duration::from_millis(500);

impl Registry {
    /// The shell is up. A replica waits for a claim; a master asks around.
    pub(super) fn started(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        self.happened(moment, "started", format!("role {}", self.role), out);
        if self.role == Role::Replica {
            let changed =
                self.identity.role != Some(Role::Replica) || self.identity.file_role != Some(self.config.role);
            if changed {
                self.assign(Role::Replica, out);
            }
            return;
        }
        let newer_word = self.config.promote || self.identity.role == Some(Role::Replica);
        let unknown_past = self.identity.role.is_none() && self.database.end().serial > 0;
        let intent = if newer_word || unknown_past {
            Intent::Promotion
        } else {
            Intent::Resume
        };
        self.survey(intent, 0, moment, out);
    }

    /// The role becomes durable, with the word of the file that it answers to.
    fn assign(&mut self, role: Role, out: &mut Vec<Effect>) {
        self.role = role;
        self.identity.role = Some(role);
        self.identity.file_role = Some(self.config.role);
        out.push(Effect::Identity(Box::new(self.identity.clone())));
    }

    fn survey(&mut self, intent: Intent, attempt: u32, moment: &Moment, out: &mut Vec<Effect>) {
        let me = self.name().clone();
        let recorded = self.database.deployment().registries.keys();
        let names: BTreeSet<PeerName> = self
            .peers
            .keys()
            .chain(recorded)
            .filter(|name| **name != me)
            .cloned()
            .collect();
        let first = attempt == 0 && self.told.dialled.is_empty();
        // At the first survey nobody has been dialled yet: the unknown faces behind the locator count too.
        let addresses = self.config.locator.iter().filter(|_| first);
        let known = |address: &&crate::pure::base::Address| {
            **address == self.config.card.address || self.peers.values().any(|peer| peer.card.address == **address)
        };
        let addresses = addresses.filter(|address| !known(address)).cloned().collect();
        for peer in self.peers.values().filter(|peer| peer.linked) {
            out.push(Effect::Send {
                to: peer.card.name.clone(),
                message: Message::Survey,
            });
        }
        let linked = |name: &PeerName| self.peers.get(name).is_some_and(|peer| peer.linked);
        // Who was found out of reach since the last survey is not waited for again.
        let names = names.into_iter().filter(|name| first || linked(name)).collect();
        let until = moment.now.after(self.config.discovery_window);
        self.seat = Seat::Surveying(Survey {
            intent,
            until,
            names,
            addresses,
            attempt,
        });
        self.survey_progress(moment, out);
    }

    /// A peer answered the survey, or was found behind a locator address.
    pub(super) fn survey_answered(&mut self, from: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        let address = self.peers.get(from).map(|peer| peer.card.address.clone());
        if let Seat::Surveying(survey) = &mut self.seat {
            survey.names.remove(from);
            survey.addresses.retain(|waiting| Some(waiting) != address.as_ref());
            self.survey_progress(moment, out);
        }
    }

    /// A link came up while this registry is a candidate.
    pub(super) fn candidate_met(&mut self, name: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        match &mut self.seat {
            Seat::Surveying(survey) => {
                // It tells its status by itself, as everybody does on a new link.
                survey.names.insert(name.clone());
            }
            Seat::Preparing(preparation) => {
                preparation.waiting.insert(name.clone());
                let epoch = preparation.epoch;
                let database = self.database.id();
                out.push(Effect::Send {
                    to: name.clone(),
                    message: Message::Prepare { epoch, database },
                });
            }
            Seat::Resting { until, .. } => *until = moment.now,
            Seat::Idle | Seat::Leading(_) | Seat::Following(_) => {}
        }
    }

    /// A peer cannot be reached, or its link broke.
    pub(super) fn candidate_missed(&mut self, name: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        let linked = self.peers.get(name).is_some_and(|peer| peer.linked);
        match &mut self.seat {
            Seat::Surveying(survey) if !linked => {
                survey.names.remove(name);
                self.survey_progress(moment, out);
            }
            Seat::Preparing(preparation) if !linked => {
                preparation.waiting.remove(name);
                self.preparation_progress(moment, out);
            }
            Seat::Surveying(_)
            | Seat::Preparing(_)
            | Seat::Idle
            | Seat::Resting { .. }
            | Seat::Leading(_)
            | Seat::Following(_) => {}
        }
    }

    /// Ends the survey when everybody answered or refused, or its time is up.
    pub(super) fn survey_progress(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Seat::Surveying(survey) = &self.seat else { return };
        let open = !survey.names.is_empty() || !survey.addresses.is_empty();
        if open && moment.now < survey.until {
            return;
        }
        let (intent, attempt) = (survey.intent, survey.attempt);
        let decision = self.decide(intent, self.answers());
        match decision {
            Decision::Reign { number, .. } => self.prepare(intent, number, attempt, moment, out),
            other => self.not_now(intent, other, moment, out),
        }
    }

    /// What linked peers told since the survey began: what they told before does not count.
    fn answers(&self) -> Vec<Answer> {
        let waiting = |name: &PeerName| matches!(&self.seat, Seat::Surveying(survey) if survey.names.contains(name));
        self.peers
            .values()
            .filter(|peer| peer.linked && !waiting(&peer.card.name))
            .filter_map(|peer| {
                let name = peer.card.name.clone();
                match (&peer.status, &peer.node) {
                    (Some(status), _) => Some(answer_of(name, status)),
                    (None, Some(node)) => Some(Answer {
                        name,
                        promise: node.report.obeys,
                        claim: None,
                        summary: None,
                        unproven: false,
                    }),
                    (None, None) => None,
                }
            })
            .collect()
    }

    fn decide(&self, intent: Intent, answers: Vec<Answer>) -> Decision {
        let answered: BTreeSet<&PeerName> = answers.iter().map(|answer| &answer.name).collect();
        let me = self.name();
        let recorded = self.database.deployment().registries.keys();
        let met = self
            .peers
            .values()
            .filter(|peer| peer.card.kind == PeerKind::Registry)
            .map(|peer| &peer.card.name);
        let registries: BTreeSet<&PeerName> = recorded
            .chain(met)
            .filter(|name| *name != me && !answered.contains(name))
            .collect();
        let silent: Vec<Silent> = registries
            .into_iter()
            .map(|name| {
                let peer = self.peers.get(name);
                Silent {
                    name: name.clone(),
                    summary: peer.and_then(|peer| peer.summary.clone()),
                    version: peer.and_then(super::super::state::Peer::version),
                }
            })
            .collect();
        let summary = self.database.summary();
        let digest = |serial| self.database.digest_at(serial);
        let own = Own {
            name: me,
            promise: self.identity.promise,
            drawn: self.identity.drawn,
            summary: &summary,
            digest: &digest,
            unrecorded: self.is_unrecorded(),
        };
        let recorded = &self.database.deployment().registries;
        let counts = |name: &PeerName| recorded.contains_key(name);
        // Copies were counted among the registries that the log names: others prove nothing.
        let mut answers = answers;
        for answer in &mut answers {
            answer.unproven |= !counts(&answer.name);
        }
        let terms = Terms {
            min_copies: self.config.min_copies,
            registries: u64::try_from(recorded.len().max(1)).unwrap_or(u64::MAX),
            require_proof: self.config.require_proof,
            accept_loss: self.config.accept_loss,
            force: self.config.force,
        };
        decide(own, intent, &answers, &silent, terms, self.config.rules)
    }

    /// The own log does not name this registry: it never caught up with a master.
    fn is_unrecorded(&self) -> bool {
        let recorded = &self.database.deployment().registries;
        self.database.end().serial > 0 && !recorded.contains_key(self.name())
    }

    /// The decision was not to lead.
    fn not_now(&mut self, intent: Intent, decision: Decision, moment: &Moment, out: &mut Vec<Effect>) {
        let me = self.name();
        let (standing, reason) = match decision {
            Decision::Yield { to } => {
                self.seat = Seat::Idle;
                self.trouble = None;
                return self.happened(moment, "yielded", format!("{to} reigns in a higher epoch"), out);
            }
            Decision::Superseded { by: (name, epoch) } => (
                Standing::Superseded,
                format!(
                    "{name} reigns in epoch {}, and this registry holds updates that {name} lacks; nothing was overwritten. To lead instead, restart {me} with --promote; to follow {name}, set the data folder of {me} aside and start it empty",
                    epoch.number
                ),
            ),
            Decision::Outdated { code, reason } => (
                Standing::Outdated,
                format!(
                    "{}: {reason}. Promote the one that is ahead (role = \"master\" there), or start {me} with role = \"replica\" to let it catch up; --accept-loss overrides what is only remembered, --force the rest",
                    code.as_str()
                ),
            ),
            Decision::Wait { reason } => (Standing::Waiting, reason),
            Decision::Reign { .. } => return,
        };
        let before = self.trouble.replace(Trouble {
            standing,
            reason: reason.clone(),
        });
        if before.is_none_or(|before| before.reason != reason) {
            self.happened(moment, standing.as_str(), reason, out);
        }
        self.rest(intent, moment);
    }

    pub(super) fn rest(&mut self, intent: Intent, moment: &Moment) {
        let jitter = moment.roll(1, u64::try_from(REST.as_millis()).unwrap_or(1));
        self.seat = Seat::Resting {
            until: moment.now.after(REST + Duration::from_millis(jitter)),
            intent,
        };
    }

    /// The rest is over: ask around again.
    pub(super) fn rested(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        if let Seat::Resting { until, intent } = self.seat
            && moment.now >= until
        {
            self.survey(intent, 0, moment, out);
        }
    }

    fn prepare(&mut self, intent: Intent, number: u64, attempt: u32, moment: &Moment, out: &mut Vec<Effect>) {
        let mut epoch = Epoch {
            number,
            id: EpochId::from_bits(moment.dice),
        };
        let own = self.database.lineage().last().filter(|last| last.by == *self.name());
        if !self.config.rules.hold(Rule::NewEpochAtStart)
            && let Some(last) = own.filter(|last| last.epoch == self.identity.promise)
        {
            epoch = last.epoch;
        }
        // Stored before it is asked for: a restart must know its own number from a stranger's.
        self.identity.drawn = Some(epoch);
        self.promise_to(epoch, out);
        let waiting: BTreeSet<PeerName> = self
            .peers
            .values()
            .filter(|peer| peer.linked)
            .map(|peer| peer.card.name.clone())
            .collect();
        let database = self.database.id();
        for to in &waiting {
            out.push(Effect::Send {
                to: to.clone(),
                message: Message::Prepare { epoch, database },
            });
        }
        let until = moment.now.after(self.config.discovery_window);
        let (promised, declined) = (BTreeMap::new(), None);
        self.seat = Seat::Preparing(Preparation {
            intent,
            epoch,
            until,
            waiting,
            promised,
            declined,
            attempt,
        });
        self.preparation_progress(moment, out);
    }

    pub(super) fn promised(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        status: Option<Status>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if let (Some(peer), Some(status)) = (self.peers.get_mut(from), &status) {
            peer.summary = Some(status.summary.clone());
            peer.status = Some(status.clone());
        }
        let Seat::Preparing(preparation) = &mut self.seat else {
            return;
        };
        if preparation.epoch != epoch {
            return;
        }
        preparation.waiting.remove(from);
        let name = from.clone();
        let answer = match &status {
            Some(status) => answer_of(name, status),
            None => Answer {
                name,
                promise: epoch,
                claim: None,
                summary: None,
                unproven: false,
            },
        };
        preparation.promised.insert(from.clone(), answer);
        self.preparation_progress(moment, out);
    }

    pub(super) fn declined(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        promise: Epoch,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let Seat::Preparing(preparation) = &mut self.seat else {
            return;
        };
        if preparation.epoch != epoch {
            return;
        }
        preparation.waiting.remove(from);
        if preparation
            .declined
            .as_ref()
            .is_none_or(|(_, before)| before.number < promise.number)
        {
            preparation.declined = Some((from.clone(), promise));
        }
        self.preparation_progress(moment, out);
    }

    /// Ends the preparation when everybody answered, or its time is up.
    pub(super) fn preparation_progress(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Seat::Preparing(preparation) = &self.seat else {
            return;
        };
        if !preparation.waiting.is_empty() && moment.now < preparation.until {
            return;
        }
        let (intent, epoch, attempt) = (preparation.intent, preparation.epoch, preparation.attempt);
        // A registry of another database declines whatever the number is: it counts as one that did not answer.
        let declined = preparation.declined.clone();
        if let Some((who, promise)) = declined.filter(|(_, promise)| promise.number >= epoch.number) {
            if attempt + 1 < ATTEMPTS {
                let number = promise.number.saturating_add(1);
                return self.prepare(intent, number, attempt + 1, moment, out);
            }
            let reason = format!(
                "{who} declined epoch {}: it has promised epoch {}",
                epoch.number, promise.number
            );
            return self.not_now(intent, Decision::Wait { reason }, moment, out);
        }
        let answers: Vec<Answer> = preparation
            .promised
            .values()
            .map(|answer| {
                // Its promise is ours by now, and a claim that it had has ended with it.
                Answer {
                    promise: epoch,
                    claim: None,
                    ..answer.clone()
                }
            })
            .collect();
        match self.decide(Intent::Promotion, answers) {
            Decision::Reign { proof, .. } => self.begin_reign(epoch, proof, moment, out),
            other => self.not_now(intent, other, moment, out),
        }
    }

    fn begin_reign(&mut self, epoch: Epoch, proof: Proof, moment: &Moment, out: &mut Vec<Effect>) {
        if self.database.id().is_none() {
            let id = DatabaseId::from_bits(moment.dice.rotate_left(64) ^ u128::from(moment.roll(3, u64::MAX)));
            out.push(Effect::Commit(self.database.found(id)));
        }
        let opened = self.database.lineage().last().is_some_and(|last| last.epoch == epoch);
        let unrecorded = self.is_unrecorded();
        self.trouble = None;
        self.seat = Seat::Leading(Box::new(Reigning {
            epoch,
            proof: proof.clone(),
            followers: BTreeMap::new(),
            pending: VecDeque::new(),
            acknowledged: None,
            unrecorded,
            refusals: BTreeMap::new(),
        }));
        if !opened {
            let payload = Payload::Reign(ReignPayload {
                by: self.name().clone(),
                accepted_loss: self.config.accept_loss,
                forced: self.config.force,
                proof: proof.text.clone(),
            });
            self.append_own(payload, RequestId::from_bits(moment.dice ^ 1), moment, out);
        }
        // Behind the reign: a crash between the two must not leave a master that never reigned.
        self.assign(Role::Master, out);
        // Asked for once: what comes later is a plain master.
        self.config.promote = false;
        self.config.accept_loss = false;
        self.config.force = false;
        self.happened(
            moment,
            "leading",
            format!("epoch {}, {}", epoch.number, proof.text),
            out,
        );
        self.acknowledge(moment, out);
    }
}

fn answer_of(name: PeerName, status: &Status) -> Answer {
    Answer {
        name,
        promise: status.promise,
        claim: status.claim,
        summary: Some(status.summary.clone()),
        unproven: status.unproven,
    }
}
