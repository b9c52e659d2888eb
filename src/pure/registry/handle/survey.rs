//! Before a registry becomes master: who is asked, who answered, and what follows from it. Nobody promises anything here.

use super::super::effect::Effect;
use super::super::seat::{Seat, Survey, Trouble};
use super::super::state::Registry;
use super::candidacy::answer_of;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::promote::{Answer, Decision, Intent, Own, Silent, Terms, decide};
use crate::pure::membership::{PeerKind, Standing};
use crate::pure::protocol::Message;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a candidate rests before it asks around again, plus up to as much again.
const REST: Duration = Duration::from_millis(500);

impl Registry {
    pub(super) fn survey(&mut self, intent: Intent, attempt: u32, moment: &Moment, out: &mut Vec<Effect>) {
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
    pub(super) fn answers(&self) -> Vec<Answer> {
        let waiting = |name: &PeerName| matches!(&self.seat, Seat::Surveying(survey) if survey.names.contains(name));
        self.peers
            .values()
            .filter(|peer| peer.linked && !waiting(&peer.card.name))
            .filter_map(|peer| {
                let name = peer.card.name.clone();
                match (&peer.status, &peer.node) {
                    (Some(status), _) => Some(answer_of(name, status)),
                    (None, Some(node)) if self.is_foreign(node.report.database) => None,
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

    pub(super) fn decide(&self, intent: Intent, answers: Vec<Answer>) -> Decision {
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
                    version: peer.and_then(super::super::peer::Peer::version),
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
            initialised: self.is_initialised(),
            unproven: self.identity.initialised.unproven.is_some(),
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
    pub(super) fn is_unrecorded(&self) -> bool {
        let recorded = &self.database.deployment().registries;
        self.database.end().serial > 0 && !recorded.contains_key(self.name())
    }

    /// The decision was not to lead.
    pub(super) fn not_now(&mut self, intent: Intent, decision: Decision, moment: &Moment, out: &mut Vec<Effect>) {
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
                    "{name} reigns in epoch {}, and this registry holds updates that {name} lacks; nothing was overwritten. `floe registry compare {me} {name}` shows what each has. To lead instead, restart {me} with --promote; to follow {name}: `floe registry init {me} --from {name}`, which keeps what {me} holds in files",
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
        self.trouble = Some(Trouble { standing, reason });
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
            && !self.is_database_held()
        {
            self.survey(intent, 0, moment, out);
        }
    }
}
