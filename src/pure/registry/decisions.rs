//! How the last requests for resources were decided, for whoever asks why.

use crate::pure::allocation::decide::How;
use crate::pure::allocation::{SessionId, Token, Wish};
use crate::pure::base::{ObjectId, WallTime};
use crate::pure::protocol::allocation::{DecisionReport, RankedReport};
use std::collections::VecDeque;

/// Most decisions that are kept: some minutes of a busy grid, some days of a quiet one.
pub(super) const KEPT_MAX: usize = 1000;

/// One decision.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    /// When, for people.
    pub(super) at: WallTime,
    /// Whose request it was.
    pub(super) session: SessionId,
    /// What was wanted.
    pub(super) wish: Wish,
    /// What was given, with the token; nothing where it was made to wait or refused.
    pub(super) given: Option<(ObjectId, Token)>,
    /// How.
    pub(super) how: How,
}

/// The last decisions, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Decisions(VecDeque<Decision>);

impl Decisions {
    pub(super) fn add(&mut self, decision: Decision) {
        while self.0.len() >= KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(decision);
    }
    /// The one that gave this lease.
    pub(super) fn of_lease(&self, resource: &ObjectId, token: Token) -> Option<&Decision> {
        let mut latest = self.0.iter().rev();
        latest.find(|decision| {
            let given = decision.given.as_ref();
            given.is_some_and(|(id, given)| id == resource && *given == token)
        })
    }
}

impl Decision {
    pub(super) fn report(&self) -> DecisionReport {
        DecisionReport {
            session: Some(self.session),
            token: self.given.as_ref().map(|(_, token)| token.to_string()),
            at: Some(self.at),
            ..report(&self.how, &self.wish, self.given.as_ref().map(|(id, _)| id.to_string()))
        }
    }
}

/// A decision that gave nothing away: nobody's, at no time.
pub(super) fn report(how: &How, wish: &Wish, resource: Option<String>) -> DecisionReport {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let rejected = how.rejected.iter();
    DecisionReport {
        wish: wish.to_string(),
        resource,
        token: None,
        session: None,
        at: None,
        by: how.by.clone(),
        instead: how.instead.clone(),
        reason: how.reason.clone(),
        seed: format!("{:016x}", how.seed),
        candidates: count(how.candidates),
        others: count(how.others),
        rejected: rejected
            .map(|(reason, number)| (reason.clone(), count(*number)))
            .collect(),
        best: how
            .best
            .iter()
            .map(|ranked| RankedReport {
                resource: ranked.id.to_string(),
                node: ranked.node.clone(),
                score: ranked.score,
            })
            .collect(),
    }
}
