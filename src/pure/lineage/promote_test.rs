//! What a candidate may do, case by case.

use super::*;
use crate::pure::base::EpochId;
use crate::pure::lineage::sight::Sight;
use crate::pure::lineage::{Digest, Serial, Version};
use crate::pure::lineage::{Lineage, Reign};

fn epoch(number: u64) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(u128::from(number)),
    }
}
fn peer(name: &str) -> PeerName {
    name.parse().unwrap()
}
/// A log of these reigns (number, whose, first entry) that ends at `end`.
fn log(reigns: &[(u64, &str, Serial)], end: Serial) -> Summary {
    let lineage = reigns.iter().map(|(number, by, first)| Reign {
        epoch: epoch(*number),
        by: peer(by),
        first: *first,
    });
    let lineage = Lineage(lineage.collect());
    let number = lineage.last().map_or(0, |reign| reign.epoch.number);
    let digest = Digest([u8::try_from(number).unwrap(); 32]);
    Summary {
        database: Some(DatabaseId::from_bits(1)).filter(|_| end > 0),
        lineage,
        end: Version {
            epoch: number,
            serial: end,
            digest: if end == 0 { Digest::default() } else { digest },
        },
        checks: [].into(),
    }
}
fn answer(name: &str, promise: u64, summary: Summary) -> Answer {
    Answer {
        name: peer(name),
        promise: epoch(promise),
        claim: None,
        summary: Some(summary),
        unproven: false,
        member: true,
        drawn: None,
        preparing: false,
    }
}
fn leading(name: &str, claim: u64, summary: Summary) -> Answer {
    Answer {
        claim: Some(epoch(claim)),
        ..answer(name, claim, summary)
    }
}
fn silent(name: &str, summary: Option<Summary>, serial: Serial) -> Silent {
    let version = Version {
        epoch: 1,
        serial,
        digest: Digest::default(),
    };
    Silent {
        name: peer(name),
        summary,
        version: Some(version).filter(|_| serial > 0),
    }
}

/// r1 is the candidate: what it has, and who says what.
struct Case {
    promise: u64,
    drawn: Option<u64>,
    unrecorded: bool,
    handed: Option<u64>,
    ordered: Option<u64>,
    initialised: bool,
    unproven: bool,
    log: Summary,
    intent: Intent,
    answers: Vec<Answer>,
    silent: Vec<Silent>,
    terms: Terms,
}

impl Case {
    fn new(intent: Intent, promise: u64, log: Summary) -> Self {
        let terms = Terms {
            min_copies: 2,
            registries: 3,
            sight: Sight::Off,
            ..Terms::default()
        };
        Self {
            promise,
            drawn: None,
            unrecorded: false,
            handed: None,
            ordered: None,
            initialised: false,
            unproven: false,
            log,
            intent,
            answers: Vec::new(),
            silent: Vec::new(),
            terms,
        }
    }
    fn hears(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }
    fn misses(mut self, silent: Silent) -> Self {
        self.silent.push(silent);
        self
    }
    fn drew(mut self, number: u64) -> Self {
        self.drawn = Some(number);
        self
    }
    fn on(mut self, change: impl FnOnce(&mut Terms)) -> Self {
        change(&mut self.terms);
        self
    }
    fn decision(&self) -> Decision {
        let name = peer("r1");
        let own = Own {
            name: &name,
            promise: if self.promise == 0 {
                Epoch::NONE
            } else {
                epoch(self.promise)
            },
            drawn: self.drawn.map(epoch),
            summary: &self.log,
            digest: &|_| None,
            unrecorded: self.unrecorded,
            handed: self.handed.map(epoch),
            ordered: self.ordered.map(epoch),
            initialised: self.initialised,
            unproven: self.unproven,
        };
        decide(
            own,
            self.intent,
            &self.answers,
            &self.silent,
            self.terms,
            Rules::default(),
        )
    }
    /// `reign NUMBER proven|known`, or the other decisions with a piece of their text.
    fn gives(&self, wanted: &str) {
        let decision = self.decision();
        let text = match &decision {
            Decision::Reign { number, proof } => {
                format!("reign {number} {}", if proof.proven { "proven" } else { "known" })
            }
            Decision::Yield { to } => format!("yield {to}"),
            Decision::Superseded { by } => format!("superseded {}", by.0),
            Decision::Outdated { code, reason, .. } => format!("{} {reason}", code.as_str()),
            Decision::Wait { reason } => format!("wait {reason}"),
        };
        assert!(text.contains(wanted), "wanted {wanted:?}, got {text:?}");
    }
}

fn own() -> Summary {
    log(&[(1, "r1", 1)], 10)
}
/// The same log under a later master.
fn later(number: u64, by: &str, first: Serial, end: Serial) -> Summary {
    log(&[(1, "r1", 1), (number, by, first)], end)
}
use Intent::{Promotion, Resume};

#[test]
fn a_restarted_master_resumes_with_a_new_number() {
    Case::new(Resume, 1, own())
        .hears(answer("r2", 1, own()))
        .hears(answer("r3", 1, log(&[(1, "r1", 1)], 8)))
        .gives("reign 2 proven");
    Case::new(Resume, 1, own())
        .hears(answer("r2", 1, own()))
        .misses(silent("r3", None, 0))
        .gives("reign 2 proven");
    Case::new(Resume, 1, own())
        .misses(silent("r2", None, 0))
        .misses(silent("r3", None, 0))
        .gives("reign 2 known");
}

#[test]
fn a_restart_deposes_nobody() {
    // r2 reigns, and has all that this one has: follow it.
    Case::new(Resume, 1, own())
        .hears(leading("r2", 2, later(2, "r2", 11, 12)))
        .gives("yield r2");
    // The own last entry beyond is only a reign that nobody followed.
    let empty = log(&[(1, "r1", 1), (2, "r1", 11)], 11);
    Case::new(Resume, 2, empty)
        .hears(leading("r2", 3, later(3, "r2", 11, 12)))
        .gives("yield r2");
    // r2 lacks what this one has: both stay as they are.
    Case::new(Resume, 1, own())
        .hears(leading("r2", 2, later(2, "r2", 8, 12)))
        .gives("superseded r2");
    // Somebody promised to a candidate that is not in sight.
    Case::new(Resume, 1, own())
        .hears(answer("r2", 2, own()))
        .misses(silent("r3", None, 0))
        .gives("wait r2 has promised epoch 2");
    Case::new(Resume, 2, own())
        .hears(answer("r2", 1, own()))
        .misses(silent("r3", None, 0))
        .gives("wait r1 has promised epoch 2");
    // Everybody answers, and nobody is after it.
    Case::new(Resume, 1, own())
        .hears(answer("r2", 2, own()))
        .gives("reign 3 proven");
    // But that candidate was this one, before it died.
    Case::new(Resume, 2, own())
        .drew(2)
        .hears(answer("r2", 2, own()))
        .gives("reign 3 proven");
    // An operator's word is another matter.
    Case::new(Promotion, 1, own())
        .hears(answer("r2", 2, own()))
        .gives("reign 3 proven");
}

#[test]
fn nobody_leads_who_lacks_updates_of_somebody_who_answers() {
    for intent in [Resume, Promotion] {
        Case::new(intent, 1, own())
            .hears(answer("r2", 1, log(&[(1, "r1", 1)], 12)))
            .gives("MASTER_OUT_OF_DATE r2 is at 1.12 and holds 2 updates (entries 11 to 12)");
    }
    Case::new(Promotion, 2, own())
        .hears(answer("r2", 2, later(2, "r2", 9, 12)))
        .gives("MASTER_OUT_OF_DATE r2");
    // Only a reign more: nothing was promised in it.
    Case::new(Promotion, 2, own())
        .hears(answer("r2", 2, later(2, "r2", 11, 11)))
        .gives("reign 3 proven");
    let mut foreign = own();
    foreign.database = Some(DatabaseId::from_bits(2));
    Case::new(Promotion, 1, own())
        .hears(answer("r2", 1, foreign))
        .gives("FOREIGN_STORE r2");
    let mut strange = own();
    strange.database = Some(DatabaseId::from_bits(2));
    // A stranger does not keep anybody from following the master of the own database.
    Case::new(Resume, 1, own())
        .hears(answer("r3", 9, strange))
        .hears(leading("r2", 2, later(2, "r2", 11, 12)))
        .gives("yield r2");
    let mut damaged = own();
    damaged.end.digest.0[0] ^= 1;
    Case::new(Promotion, 1, own())
        .hears(answer("r2", 1, damaged))
        .gives("CORRUPT r2");
    Case::new(Promotion, 1, own())
        .hears(answer("r2", 1, log(&[(1, "r1", 1)], 12)))
        .on(|terms| terms.force = true)
        .gives("reign 2 known");
    Case::new(Promotion, 1, own())
        .hears(answer("r2", 1, log(&[(1, "r1", 1)], 12)))
        .on(|terms| terms.accept_loss = true)
        .gives("MASTER_OUT_OF_DATE r2");
}

#[test]
fn what_is_remembered_of_the_silent_counts_until_the_operator_says_otherwise() {
    let ahead = || Case::new(Promotion, 1, own()).hears(answer("r2", 1, own()));
    ahead()
        .misses(silent("r3", Some(log(&[(1, "r1", 1)], 12)), 12))
        .gives("MASTER_OUT_OF_DATE r3");
    ahead()
        .misses(silent("r3", None, 12))
        .gives("MASTER_OUT_OF_DATE r3 was at 1.12");
    ahead()
        .misses(silent("r3", Some(own()), 12))
        .gives("MASTER_OUT_OF_DATE r3 was at 1.12");
    ahead()
        .misses(silent("r3", Some(later(2, "r3", 11, 11)), 11))
        .gives("reign 2 proven");
    ahead()
        .misses(silent("r3", Some(log(&[(1, "r1", 1)], 8)), 8))
        .gives("reign 2 proven");
    for change in [
        |terms: &mut Terms| terms.accept_loss = true,
        |terms: &mut Terms| terms.force = true,
    ] {
        ahead().misses(silent("r3", None, 12)).on(change).gives("reign 2");
    }
}

#[test]
fn a_proof_wants_enough_registries_that_lost_nothing() {
    let alone = |min_copies, registries| {
        let case = Case::new(Promotion, 1, own());
        case.on(|terms| (terms.min_copies, terms.registries) = (min_copies, registries))
    };
    alone(1, 1).gives("reign 2 proven");
    alone(1, 2).gives("reign 2 known");
    alone(2, 2).gives("reign 2 proven");
    alone(2, 3).gives("reign 2 known");
    alone(3, 3).gives("reign 2 proven");
    alone(3, 5).hears(answer("r2", 1, own())).gives("reign 2 known");
    alone(3, 5)
        .hears(answer("r2", 1, own()))
        .hears(answer("r3", 1, own()))
        .gives("reign 2 proven");
    let amnesiac = Answer {
        unproven: true,
        ..answer("r2", 1, own())
    };
    alone(2, 3).hears(amnesiac).gives("reign 2 known");
    let node = Answer {
        summary: None,
        ..answer("n1", 1, own())
    };
    alone(2, 3).hears(node).gives("reign 2 known");
    alone(2, 3)
        .on(|terms| terms.require_proof = true)
        .gives("wait promote_requires");
    alone(2, 3)
        .on(|terms| (terms.require_proof, terms.accept_loss) = (true, true))
        .gives("reign 2 known");
}

#[test]
fn who_is_not_in_its_own_log_leads_only_by_an_operators_word() {
    let unrecorded = || {
        let case = Case::new(Promotion, 1, own()).hears(answer("r2", 1, own()));
        Case {
            unrecorded: true,
            ..case
        }
    };
    unrecorded().gives("wait this registry holds a beginning");
    // Its own copy proves nothing.
    unrecorded().on(|terms| terms.accept_loss = true).gives("reign 2 known");
}

#[test]
fn the_number_is_above_everything_heard() {
    Case::new(Promotion, 4, own())
        .hears(answer("r2", 6, own()))
        .gives("reign 7");
    let node = Answer {
        summary: None,
        ..answer("n1", 9, own())
    };
    Case::new(Promotion, 4, own())
        .hears(answer("r2", 6, own()))
        .hears(node)
        .gives("reign 10");
    Case::new(Promotion, 4, later(5, "r2", 10, 10)).gives("reign 6");
}

#[test]
fn a_number_that_no_grid_came_to_uses_up_nothing() {
    for lie in [u64::MAX, u64::MAX - 1, 1 << 40] {
        for intent in [Resume, Promotion] {
            let heard = || Case::new(intent, 4, later(4, "r1", 11, 11));
            heard().hears(answer("r2", lie, own())).gives("reign 5 proven");
            heard().hears(leading("r2", lie, own())).gives("reign 5 proven");
            let case = heard().hears(answer("r2", lie, own()));
            let Decision::Reign { proof, .. } = case.decision() else {
                panic!("it leads");
            };
            assert!(proof.text.contains(&format!("r2 names epoch {lie}")), "{}", proof.text);
        }
        let node = Answer {
            summary: None,
            ..answer("n1", lie, own())
        };
        Case::new(Promotion, 4, own())
            .hears(node)
            .misses(silent("r2", None, 0))
            .gives("reign 5");
        Case::new(Resume, 0, log(&[], 0))
            .hears(answer("r2", lie, log(&[], 0)))
            .gives("reign 1");
    }
}

#[test]
fn a_master_restored_from_an_old_backup_is_told_what_it_lacks_and_not_to_wait() {
    // Its identity is as old as its database: it does not know of epoch 3, which reigns no longer.
    let theirs = later(3, "r2", 11, 15);
    Case::new(Resume, 1, own())
        .hears(answer("r2", 3, theirs.clone()))
        .hears(answer("r3", 3, theirs.clone()))
        .gives("MASTER_OUT_OF_DATE r2 is at 3.15 and holds 4 updates (entries 11 to 15) that this registry, at 1.10, lacks");
    // The same while the one that reigned is away and only remembered.
    Case::new(Resume, 1, own())
        .hears(answer("r3", 3, own()))
        .misses(silent("r2", Some(theirs.clone()), 15))
        .gives("MASTER_OUT_OF_DATE r2 is at 3.15");
    // Who overrides what is known to be missing still deposes nobody by a plain restart.
    for change in [
        |terms: &mut Terms| terms.accept_loss = true,
        |terms: &mut Terms| terms.force = true,
    ] {
        Case::new(Resume, 1, own())
            .hears(answer("r3", 3, own()))
            .misses(silent("r2", Some(theirs.clone()), 15))
            .on(change)
            .gives("wait r3 has promised epoch 3");
    }
    // Who reigns is followed, however old the own log is.
    Case::new(Resume, 1, own())
        .hears(leading("r2", 3, theirs.clone()))
        .gives("yield r2");
}

#[test]
fn an_empty_master_founds_only_where_nobody_reigned() {
    let empty = || Case::new(Resume, 0, log(&[], 0)).on(|terms| terms.registries = 1);
    let nothing = |name, promise| {
        let mut answer = answer(name, promise, log(&[], 0));
        if promise == 0 {
            answer.promise = Epoch::NONE;
        }
        answer
    };
    empty().gives("reign 1 proven");
    empty().hears(nothing("r2", 0)).gives("reign 1 proven");
    empty()
        .hears(answer("r2", 1, own()))
        .gives("MASTER_OUT_OF_DATE this registry's database is empty, but r2 holds 1.10");
    empty()
        .hears(nothing("r2", 1))
        .gives("wait this registry's database is empty, but r2 has promised epoch 1");
    empty().hears(nothing("r2", 1)).drew(1).gives("reign 2");
    empty()
        .hears(nothing("r2", 1))
        .on(|terms| terms.accept_loss = true)
        .gives("reign 2");
    // Whoever reigns is followed: there is nothing here to be lost.
    empty().hears(leading("r2", 1, own())).gives("yield r2");
    let promoted = Case {
        intent: Promotion,
        ..empty()
    };
    promoted
        .hears(leading("r2", 1, own()))
        .gives("MASTER_OUT_OF_DATE this registry's database is empty, but r2 holds");
    empty()
        .misses(silent("r2", Some(own()), 10))
        .gives("MASTER_OUT_OF_DATE r2");
}

#[test]
fn a_master_out_of_sight_of_the_others_waits() {
    let sees = |sight, registries, others: &[&str]| {
        let case = Case::new(Promotion, 1, own());
        let case = case.on(|terms| (terms.sight, terms.registries) = (sight, registries));
        others
            .iter()
            .fold(case, |case, name| case.hears(answer(name, 1, own())))
    };
    sees(Sight::Majority, 3, &[]).gives("wait 1 of 3 registries in sight, 2 are needed");
    sees(Sight::Majority, 3, &["r2"]).gives("reign 2");
    sees(Sight::Majority, 2, &[]).gives("reign 2");
    sees(Sight::Majority, 5, &["r2"]).gives("wait 2 of 5 registries in sight, 3 are needed");
    sees(Sight::Any, 5, &["r2"]).gives("reign 2");
    sees(Sight::Any, 2, &[]).gives("wait 1 of 2");
    sees(Sight::Off, 5, &[]).gives("reign 2");
    // Neither a node nor a registry that the log does not name counts.
    let node = Answer {
        summary: None,
        ..answer("n1", 1, own())
    };
    let stranger = Answer {
        member: false,
        ..answer("r9", 1, own())
    };
    sees(Sight::Majority, 3, &[]).hears(node).gives("wait 1 of 3");
    sees(Sight::Majority, 3, &[]).hears(stranger).gives("wait 1 of 3");
}

#[test]
fn a_promise_that_nobody_will_reign_by_holds_nobody_back() {
    let drawer = |preparing, drawn: u64, claim: Option<u64>| Answer {
        drawn: Some(epoch(drawn)),
        preparing,
        claim: claim.map(epoch),
        ..answer("r2", 5, own())
    };
    let resuming = || {
        let case = Case::new(Resume, 1, own()).hears(answer("r3", 5, own()));
        case.misses(silent("r4", None, 0))
    };
    // Drawn by whom nobody hears: it may reign.
    resuming().gives("wait r3 has promised epoch 5");
    resuming()
        .hears(drawer(true, 5, None))
        .gives("wait r2 has promised epoch 5");
    resuming()
        .hears(drawer(false, 4, None))
        .gives("wait r2 has promised epoch 5");
    resuming().hears(drawer(false, 5, None)).gives("reign 6");
    resuming().hears(drawer(false, 5, Some(5))).gives("yield r2");
    // It reigned in it, and stopped for a while.
    let reigned = later(5, "r2", 11, 11);
    let master = Answer {
        summary: Some(reigned.clone()),
        ..drawer(false, 5, None)
    };
    resuming().hears(master.clone()).gives("wait r2 has promised epoch 5");
    let follower = Case {
        log: reigned,
        ..resuming()
    };
    follower.hears(master).gives("wait r2 has promised epoch 5");
    // It handed over for that epoch and waited long enough; a drawer that answers has the last word.
    let handed = |case: Case| Case {
        handed: Some(5),
        ..case
    };
    handed(resuming()).gives("reign 6");
    handed(resuming())
        .hears(drawer(true, 5, None))
        .gives("wait r2 has promised epoch 5");
}

#[test]
fn an_order_that_a_crash_interrupted_goes_on_unless_somebody_reigns_above_it() {
    let ordered = || Case {
        ordered: Some(5),
        ..Case::new(Resume, 5, own()).drew(5)
    };
    // The master that was to be replaced still reigns, below the promise that was asked for.
    ordered().hears(leading("r2", 4, own())).gives("reign 6");
    ordered().hears(leading("r2", 6, own())).gives("yield r2");
    // It went on writing: its data stays, and so does it.
    let further = log(&[(1, "r1", 1)], 12);
    ordered()
        .hears(leading("r2", 4, further))
        .gives("MASTER_OUT_OF_DATE r2 is at 1.12");
}
