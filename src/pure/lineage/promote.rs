//! Becoming master, the part that is thought and not done: may I, is my log complete, is that proven, and under which
//! epoch number (design, section 5, steps 1 to 4).
//!
//! It is asked twice: after the survey, where a no costs nothing, and after the promises, where it is binding because
//! nobody who promised will acknowledge anything lower any more.

use super::claim::within_reach;
use super::compare::{Relation, Summary, compare};
use super::rules::{Rule, Rules};
use super::version::Epoch;
use crate::pure::base::{DatabaseId, PeerName};

pub use super::candidate::{Answer, Intent, Own, Silent, Terms};

/// What the candidate may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Lead, with this number at least.
    Reign {
        /// One above the highest heard of anywhere.
        number: u64,
        /// What is known about completeness, for people.
        proof: Proof,
    },
    /// Somebody reigns higher, and our log has nothing that would be lost: follow it.
    Yield {
        /// Who reigns.
        to: PeerName,
    },
    /// Somebody reigns higher, and our log has a surplus: stay up for inspection.
    Superseded {
        /// Who reigns, in which epoch.
        by: (PeerName, Epoch),
    },
    /// Somebody holds entries that this log lacks.
    Outdated {
        /// What kind of difference it is.
        code: OutdatedCode,
        /// Who holds them.
        holder: PeerName,
        /// Who has what, for people.
        reason: String,
    },
    /// Not yet: who or what is missing, for people.
    Wait {
        /// Why.
        reason: String,
    },
}

/// Why a candidate's log will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutdatedCode {
    /// A peer holds updates that it lacks.
    MasterOutOfDate,
    /// It is empty and others are not.
    EmptyMaster,
    /// Others hold another database.
    ForeignStore,
    /// Same place, other digest.
    Corrupt,
}
impl OutdatedCode {
    /// As in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MasterOutOfDate | Self::EmptyMaster => "MASTER_OUT_OF_DATE",
            Self::ForeignStore => "FOREIGN_STORE",
            Self::Corrupt => "CORRUPT",
        }
    }
}

/// What is known about completeness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Enough registries answered: nothing acknowledged is missing.
    pub proven: bool,
    /// For people.
    pub text: String,
}

/// Decides from what was heard. `answers` and `silent` name nobody twice and not the candidate itself.
pub fn decide(
    own: Own<'_>,
    intent: Intent,
    answers: &[Answer],
    silent: &[Silent],
    terms: Terms,
    rules: Rules,
) -> Decision {
    let is_foreign = |answer: &Answer| {
        let theirs = answer.summary.as_ref();
        theirs.is_some_and(|theirs| compare(own.summary, own.digest, theirs, rules) == Relation::Foreign)
    };
    let (strangers, mut answers): (Vec<Answer>, Vec<Answer>) = answers.iter().cloned().partition(is_foreign);
    let lies = leave_out_lies(own, &mut answers);
    let answers = answers.as_slice();
    if intent == Intent::Resume
        && let Some(decision) = somebody_reigns(own, answers, rules)
    {
        return decision;
    }
    if let Some(stranger) = strangers.first().filter(|_| !terms.force) {
        return stands_apart(stranger, own);
    }
    if own.summary.is_empty()
        && let Some(decision) = is_not_the_first(own, answers, terms)
    {
        return decision;
    }
    if let Some(decision) = complete(own, answers, silent, terms, rules) {
        return decision;
    }
    // Behind the question of data: a master restored from an old backup has missed promises as well as updates, and
    // waiting, or a promotion, would not help it.
    if intent == Intent::Resume
        && !own.summary.is_empty()
        && let Some(decision) = somebody_promised(own, answers, silent, rules)
    {
        return decision;
    }
    if own.unrecorded && !own.initialised && !terms.accept_loss && !terms.force {
        return Decision::Wait {
            reason: "this registry holds a beginning of a database that does not name it: it never caught up with a master. Start it with role = \"replica\"; --accept-loss overrides".to_owned(),
        };
    }
    let mut proof = proof(own, answers, silent, terms, rules);
    proof.text.push_str(&lies);
    if terms.require_proof && !proof.proven && !terms.accept_loss {
        return Decision::Wait {
            reason: format!(
                "promote_requires = \"proven\", and this is not proven: {}; goes on by itself when they come, --accept-loss overrides",
                proof.text
            ),
        };
    }
    if rules.hold(Rule::SightBeforeWriting)
        && let Some(decision) = out_of_sight(own, answers, silent, terms)
    {
        return decision;
    }
    Decision::Reign {
        number: highest_of(own, answers).saturating_add(1),
        proof,
    }
}

/// The highest number that the candidate knows of, by itself and from `answers`.
fn highest_of(own: Own<'_>, answers: &[Answer]) -> u64 {
    let heard = answers.iter().flat_map(|answer| [Some(answer.promise), answer.claim]);
    let reigned = own.summary.lineage.last().map(|reign| reign.epoch);
    let all = heard.chain([Some(own.promise), reigned]).flatten();
    all.map(|epoch| epoch.number).max().unwrap_or(0)
}

/// Forgets numbers that no grid came to: the next number is counted from the highest heard, so one lie would use up all of
/// them. Who named them, for people; empty when nobody did.
fn leave_out_lies(own: Own<'_>, answers: &mut [Answer]) -> String {
    let highest = highest_of(own, &[]);
    let mut lies = Vec::new();
    for answer in answers {
        let claim = answer.claim.unwrap_or(Epoch::NONE);
        let named = answer.promise.number.max(claim.number);
        if within_reach(highest, named) {
            continue;
        }
        if !within_reach(highest, answer.promise.number) {
            answer.promise = Epoch::NONE;
        }
        answer.claim = answer.claim.filter(|claim| within_reach(highest, claim.number));
        lies.push(format!("; not believed: {} names epoch {named}", answer.name));
    }
    lies.concat()
}

fn stands_apart(stranger: &Answer, own: Own<'_>) -> Decision {
    let theirs = stranger.summary.as_ref().map_or_else(|| "none".to_owned(), database);
    Decision::Outdated {
        code: OutdatedCode::ForeignStore,
        holder: stranger.name.clone(),
        reason: format!(
            "{} holds another database ({theirs} there, {} here)",
            stranger.name,
            database(own.summary)
        ),
    }
}

/// Nobody founds a grid beside one that exists: others hold a database, or obeyed a master whose log cannot be seen.
fn is_not_the_first(own: Own<'_>, answers: &[Answer], terms: Terms) -> Option<Decision> {
    let held = |answer: &Answer| {
        answer
            .summary
            .as_ref()
            .map(|held| held.end)
            .filter(|end| end.serial > 0)
    };
    if let Some((holder, end)) = answers.iter().find_map(|answer| Some((&answer.name, held(answer)?))) {
        return Some(Decision::Outdated {
            code: OutdatedCode::EmptyMaster,
            holder: holder.clone(),
            reason: format!(
                "this registry's database is empty, but {holder} holds {end}, which --initdb-from-replica {holder} takes"
            ),
        });
    }
    let promised = answers
        .iter()
        .map(|answer| (Some(&answer.name), answer.promise))
        .chain([(None, own.promise)]);
    let others = promised.filter(|(_, promise)| *promise != Epoch::NONE && own.drawn != Some(*promise));
    let (who, promise) = others
        .max_by_key(|(_, promise)| *promise)
        .filter(|_| !terms.accept_loss)?;
    let who = who.map_or_else(|| "it".to_owned(), ToString::to_string);
    Some(Decision::Wait {
        reason: format!(
            "this registry's database is empty, but {who} has promised epoch {} to a master: a grid exists already. Start this registry with role = \"replica\"; --accept-loss founds a new grid",
            promise.number
        ),
    })
}

/// The last reign of this registry that its log knows of.
fn last_reign(own: Own<'_>) -> Epoch {
    let mut reigns = own.summary.lineage.0.iter().rev();
    reigns
        .find(|reign| reign.by == *own.name)
        .map_or(Epoch::NONE, |reign| reign.epoch)
}

/// What others are measured against: the epoch of an order that was interrupted, else its last reign.
fn own_epoch(own: Own<'_>) -> Epoch {
    own.ordered.unwrap_or_else(|| last_reign(own))
}

/// A restart deposes nobody: somebody reigns higher than this registry last did.
fn somebody_reigns(own: Own<'_>, answers: &[Answer], rules: Rules) -> Option<Decision> {
    let mine = own_epoch(own);
    let other = |claim: Epoch| claim.number >= mine.number && own.drawn != Some(claim) && claim != mine;
    let reigns = answers.iter().filter(|answer| answer.claim.is_some_and(other));
    let master = reigns.max_by_key(|answer| answer.claim)?;
    let theirs = master
        .summary
        .as_ref()
        .map(|theirs| compare(own.summary, own.digest, theirs, rules));
    let harmless = match theirs {
        Some(Relation::Same | Relation::Newer(_)) => true,
        Some(Relation::Older(ours) | Relation::Diverged { ours, .. }) => ours.is_empty(),
        Some(Relation::Foreign | Relation::Corrupt { .. }) | None => false,
    };
    Some(if harmless {
        Decision::Yield {
            to: master.name.clone(),
        }
    } else {
        Decision::Superseded {
            by: (master.name.clone(), master.claim.unwrap_or(Epoch::NONE)),
        }
    })
}

/// Too few of the registries that the log names are in contact: the others may be following somebody else.
fn out_of_sight(own: Own<'_>, answers: &[Answer], silent: &[Silent], terms: Terms) -> Option<Decision> {
    let members = answers
        .iter()
        .filter(|answer| answer.member && answer.summary.is_some());
    let seen = u64::try_from(members.count()).unwrap_or(u64::MAX).saturating_add(1);
    let needed = terms.sight.needed(terms.registries);
    let missing: Vec<String> = silent.iter().map(|peer| peer.name.to_string()).collect();
    (seen < needed).then(|| Decision::Wait {
        reason: format!(
            "{seen} of {} registries in sight, {needed} are needed (sight = \"{}\"); missing: {}. It goes on by itself when they come; if they are gone for good: floe registry lead {} --alone",
            terms.registries,
            terms.sight,
            if missing.is_empty() { "none that was met".to_owned() } else { missing.join(", ") },
            own.name
        ),
    })
}

/// A promise that nobody has reigned or will reign by: who drew it says that it collects promises for it no more, and no
/// candidate ever draws an epoch twice; or every registry answers, and none of them leads or wants to; or it was drawn by
/// whom this registry handed its reign over to, who was given time enough and is not heard. An epoch that stands in a log
/// was reigned in, and its master may come back to it, unless it is there and may not: it lacks what this log holds.
fn is_dead(promise: Epoch, own: Own<'_>, answers: &[Answer], silent: &[Silent], rules: Rules) -> bool {
    let idle = |answer: &Answer| !answer.preparing && answer.claim.is_none();
    let others = answers.iter().filter_map(|answer| answer.summary.as_ref());
    let mut reigns = others.chain([own.summary]).flat_map(|summary| &summary.lineage.0);
    if let Some(reign) = reigns.find(|reign| reign.epoch == promise) {
        let master = answers.iter().find(|answer| answer.name == reign.by);
        return master.is_some_and(|master| idle(master) && lacks_ours(master, own, rules));
    }
    match answers.iter().find(|answer| answer.drawn == Some(promise)) {
        Some(drawer) => !drawer.preparing && drawer.claim != Some(promise),
        // Who drew it may have drawn a higher one since.
        None => own.handed == Some(promise) || (silent.is_empty() && answers.iter().all(idle)),
    }
}

/// It holds nothing that this log lacks, and this log holds updates that it lacks.
fn lacks_ours(answer: &Answer, own: Own<'_>, rules: Rules) -> bool {
    let relation = answer
        .summary
        .as_ref()
        .map(|theirs| compare(own.summary, own.digest, theirs, rules));
    match relation {
        Some(Relation::Older(ours)) => !ours.is_empty(),
        Some(Relation::Diverged { ours, theirs }) => !ours.is_empty() && theirs.is_empty(),
        _ => false,
    }
}

/// A restart deposes nobody: somebody promised a higher epoch to a candidate that is not in sight.
fn somebody_promised(own: Own<'_>, answers: &[Answer], silent: &[Silent], rules: Rules) -> Option<Decision> {
    let mine = own_epoch(own);
    let promised = answers
        .iter()
        .map(|answer| (Some(&answer.name), answer.promise))
        .chain([(None, own.promise)]);
    let higher = promised.filter(|(_, promise)| {
        promise.number > mine.number
            && own.drawn != Some(*promise)
            && *promise != mine
            && !is_dead(*promise, own, answers, silent, rules)
    });
    let (who, promise) = higher.max_by_key(|(_, promise)| *promise)?;
    let me = own.name;
    let who = who.map_or_else(|| me.to_string(), ToString::to_string);
    Some(Decision::Wait {
        reason: format!(
            "{who} has promised epoch {} to another candidate, which does not reign; waiting for it. To lead instead: floe registry promote {me}",
            promise.number
        ),
    })
}

/// Nobody who answered is newer or diverged, and nothing remembered of the silent is beyond our end.
fn complete(own: Own<'_>, answers: &[Answer], silent: &[Silent], terms: Terms, rules: Rules) -> Option<Decision> {
    let outdated = |code, holder: &PeerName, reason| {
        let holder = holder.clone();
        Some(Decision::Outdated { code, holder, reason })
    };
    if rules.hold(Rule::CompleteOrRefuse) && !terms.force {
        for answer in answers {
            let Some(theirs) = &answer.summary else { continue };
            let name = &answer.name;
            match compare(own.summary, own.digest, theirs, rules) {
                Relation::Newer(surplus) | Relation::Diverged { theirs: surplus, .. } if !surplus.is_empty() => {
                    return outdated(OutdatedCode::MasterOutOfDate, name, ahead(name, surplus, theirs, own));
                }
                Relation::Corrupt { at } => {
                    let reason = format!("{name} has other bytes at entry {at}: one of the two is damaged");
                    return outdated(OutdatedCode::Corrupt, name, reason);
                }
                Relation::Same
                | Relation::Older(_)
                | Relation::Newer(_)
                | Relation::Diverged { .. }
                | Relation::Foreign => {}
            }
        }
    }
    if terms.accept_loss || terms.force {
        return None;
    }
    silent.iter().find_map(|peer| {
        let name = &peer.name;
        if let Some(theirs) = &peer.summary
            && let Relation::Newer(surplus) | Relation::Diverged { theirs: surplus, .. } =
                compare(own.summary, own.digest, theirs, rules)
            && !surplus.is_empty()
        {
            let reason = format!(
                "{}, as it last told; it does not answer now",
                ahead(name, surplus, theirs, own)
            );
            return outdated(OutdatedCode::MasterOutOfDate, name, reason);
        }
        let version = peer.version.filter(|version| version.serial > own.summary.end.serial)?;
        // A summary of the same end was judged above, and found to hold nothing but `Reign` entries beyond ours.
        if peer
            .summary
            .as_ref()
            .is_some_and(|known| known.end.serial >= version.serial)
        {
            return None;
        }
        let reason = format!(
            "{name} was at {version} when last heard, this registry is at {}; it does not answer now",
            own.summary.end
        );
        outdated(OutdatedCode::MasterOutOfDate, name, reason)
    })
}

fn ahead(name: &PeerName, surplus: super::Surplus, theirs: &Summary, own: Own<'_>) -> String {
    let updates = surplus.updates;
    let s = if updates == 1 { "" } else { "s" };
    format!(
        "{name} is at {} and holds {updates} update{s} (entries {} to {}) that this registry, at {}, lacks",
        theirs.end,
        surplus.fork + 1,
        surplus.end,
        own.summary.end
    )
}

fn database(summary: &Summary) -> String {
    summary.database.map_or_else(|| "none".to_owned(), DatabaseId::short)
}

/// Is it proven that nothing acknowledged is missing? With k copies of every update among N registries, any N-k+1 of them
/// include one copy.
fn proof(own: Own<'_>, answers: &[Answer], silent: &[Silent], terms: Terms, rules: Rules) -> Proof {
    let registries = answers.iter().filter(|answer| answer.summary.is_some());
    let doubtful = |unproven: bool| unproven && rules.hold(Rule::UnprovenDoesNotCount);
    let counts = |answer: &&Answer| answer.member && !doubtful(answer.unproven);
    let counted = registries.clone().filter(counts).count() + usize::from(!own.unrecorded && !doubtful(own.unproven));
    let counted = u64::try_from(counted).unwrap_or(u64::MAX);
    let mut needed = (terms.registries + 1).saturating_sub(terms.min_copies).max(1);
    if !rules.hold(Rule::Coverage) {
        needed = needed.saturating_sub(1);
    }
    let heard: Vec<String> = registries.map(|answer| answer.name.to_string()).collect();
    let missing: Vec<String> = silent.iter().map(|peer| peer.name.to_string()).collect();
    let list = |names: Vec<String>| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    let left_out = answers.iter().filter(|answer| {
        let theirs = answer.summary.as_ref();
        let relation = theirs.map(|theirs| compare(own.summary, own.digest, theirs, rules));
        matches!(relation, Some(Relation::Newer(theirs) | Relation::Diverged { theirs, .. }) if !theirs.is_empty())
    });
    let left_out: Vec<String> = left_out.map(|answer| answer.name.to_string()).collect();
    let (heard, missing) = (list(heard), list(missing));
    let overridden = rules.hold(Rule::CompleteOrRefuse) && !left_out.is_empty();
    let proven = counted >= needed && !overridden;
    let text = if overridden {
        format!(
            "forced: what only {} hold is left out (heard: {heard}; not heard: {missing})",
            left_out.join(", ")
        )
    } else if proven {
        format!("proven: nothing acknowledged is missing (heard: {heard})")
    } else {
        format!(
            "known to be complete against: {heard}; not heard: {missing} ({counted} of {needed} registries needed for a proof)"
        )
    };
    Proof { proven, text }
}

#[cfg(test)]
#[path = "promote_test.rs"]
mod tests;
