//! Before a registry becomes master: who is asked, who answered, and what follows from it. Nobody promises anything here.

use super::super::effect::Effect;
use super::super::order::Stage;
use super::super::seat::{Seat, Survey, Trouble};
use super::super::state::Registry;
use super::candidacy::answer_of;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::claim::{Data, judge};
use crate::pure::lineage::promote::{Answer, Decision, Intent, OutdatedCode, Own, Silent, Terms, decide};
use crate::pure::lineage::{Digest, Epoch, Serial, Summary};
use crate::pure::membership::{PeerKind, Standing};
use crate::pure::protocol::Message;
use crate::pure::protocol::request::ErrorCode;
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
        self.order_heard(from, moment, out);
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
                preparation.asked.insert(name.clone());
                let epoch = preparation.epoch;
                let database = self.database.id();
                out.push(Effect::Send {
                    to: name.clone(),
                    message: Message::Prepare { epoch, database },
                });
            }
            Seat::Resting { until, .. } => *until = moment.now,
            Seat::Idle | Seat::Reviewing | Seat::Leading(_) | Seat::Following(_) => {}
        }
    }

    /// A peer cannot be reached, or its link broke.
    pub(super) fn candidate_missed(&mut self, name: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        self.order_heard(name, moment, out);
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
            | Seat::Reviewing
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
        let decision = self.decide(intent, self.answers(), moment);
        match decision {
            Decision::Reign { number, .. } => self.prepare(intent, number, attempt, moment, out),
            other => self.not_now(intent, other, moment, out),
        }
    }

    /// What linked peers told since the survey began: what they told before does not count.
    pub(super) fn answers(&self) -> Vec<Answer> {
        let surveyed = |name: &PeerName| matches!(&self.seat, Seat::Surveying(survey) if survey.names.contains(name));
        let ordered = |name: &PeerName| {
            let stage = self.order.as_ref().map(|order| &order.stage);
            matches!(stage, Some(Stage::Asking { waiting, .. }) if waiting.contains(name))
        };
        let waiting = |name: &PeerName| surveyed(name) || ordered(name);
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
                        member: false,
                        drawn: None,
                        preparing: false,
                    }),
                    (None, None) => None,
                }
            })
            .collect()
    }

    pub(super) fn decide(&self, intent: Intent, answers: Vec<Answer>, moment: &Moment) -> Decision {
        let digest = |serial| self.database.digest_at(serial);
        self.decide_with(&self.database.summary(), &digest, intent, answers, moment)
    }

    /// As if this registry held the log of the master that it follows, which hands that over first.
    pub(super) fn decide_holding(
        &self,
        summary: &Summary,
        intent: Intent,
        answers: Vec<Answer>,
        moment: &Moment,
    ) -> Decision {
        self.decide_with(summary, &|_| None, intent, answers, moment)
    }

    fn decide_with(
        &self,
        summary: &Summary,
        digest: &dyn Fn(Serial) -> Option<Digest>,
        intent: Intent,
        answers: Vec<Answer>,
        moment: &Moment,
    ) -> Decision {
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
        let own = Own {
            name: me,
            promise: self.identity.promise,
            drawn: self.identity.drawn,
            summary,
            digest,
            unrecorded: self.is_unrecorded(),
            handed: self.handed_in_vain(moment),
            ordered: self.identity.ordered,
            initialised: self.is_initialised(),
            unproven: self.identity.initialised.unproven.is_some(),
        };
        let recorded = &self.database.deployment().registries;
        let counts = |name: &PeerName| recorded.contains_key(name);
        // Copies were counted among the registries that the log names: others prove nothing.
        let mut answers = answers;
        for answer in &mut answers {
            answer.member = counts(&answer.name);
        }
        let order = self.order.as_ref();
        let terms = Terms {
            min_copies: self.config.min_copies,
            registries: u64::try_from(recorded.len().max(1)).unwrap_or(u64::MAX),
            require_proof: self.config.require_proof,
            sight: self.sight(),
            accept_loss: order.map_or(self.config.accept_loss, |order| order.accept_loss),
            force: order.map_or(self.config.force, |order| order.force),
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
        let me = self.name().clone();
        let (standing, reason) = match decision {
            Decision::Yield { to } => {
                let reason = format!("{to} reigns in a higher epoch");
                if self.order.is_some() {
                    self.give_up(ErrorCode::Precondition, &reason, moment, out);
                }
                self.seat = Seat::Idle;
                self.trouble = None;
                return self.happened(moment, "yielded", reason, out);
            }
            Decision::Superseded { by: (name, epoch) } => {
                return self.superseded(intent, &name, epoch, moment, out);
            }
            Decision::Outdated {
                code: OutdatedCode::ForeignStore,
                holder,
                reason,
            } => (
                Standing::Outdated,
                format!(
                    "FOREIGN_STORE: {reason}: a wrong address in the locator list, or a wrong data folder. To give up what {me} holds (it is kept in files): floe registry init {me} --from {holder}; --force leads all the same"
                ),
            ),
            Decision::Outdated { code, holder, reason } => (
                Standing::Outdated,
                format!(
                    "{}: {reason}. Promote the one that is ahead: floe registry promote {holder}; {me} follows it then. `floe registry compare {me} {holder}` shows the difference. To lead all the same: floe registry promote {me} --accept-loss where it is only remembered, --force where it answers",
                    code.as_str()
                ),
            ),
            Decision::Wait { reason } => (Standing::Waiting, reason),
            Decision::Reign { .. } => return,
        };
        if self.order.is_some() {
            return self.give_up(ErrorCode::Precondition, &reason, moment, out);
        }
        self.trouble = Some(Trouble { standing, reason });
        self.rest(intent, moment);
    }

    /// Somebody else reigns, and what this registry holds alone is not given up: it obeys for fencing, and says so on
    /// both sides.
    fn superseded(&mut self, intent: Intent, by: &PeerName, epoch: Epoch, moment: &Moment, out: &mut Vec<Effect>) {
        let me = self.name();
        let reason = format!(
            "{by} reigns in epoch {}, and {me} holds updates that {by} lacks; nothing was overwritten. `floe registry compare {me} {by}` shows them. To lead instead: floe registry promote {me} --force; to give them up (they are exported first): floe registry init {me} --from {by}",
            epoch.number
        );
        if self.order.is_some() {
            return self.give_up(ErrorCode::Precondition, &reason, moment, out);
        }
        let standing = Standing::Superseded;
        let news = self.trouble.as_ref().is_none_or(|trouble| trouble.reason != reason);
        self.trouble = Some(Trouble { standing, reason });
        self.rest(intent, moment);
        let summary = self.peers.get(by).and_then(|peer| peer.summary.clone());
        let Some(summary) = summary.filter(|_| news) else {
            return;
        };
        let verdict = judge(self.identity.promise, epoch, self.relation(&summary), self.config.rules);
        if verdict.obey {
            self.promise_to(epoch, out);
        }
        if let Data::Refuse(code) = verdict.data {
            self.refuse(by, epoch, code, out);
        }
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
