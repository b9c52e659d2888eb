//! What a candidate may do, case by case.

use super::*;
use crate::pure::base::EpochId;
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
            ..Terms::default()
        };
        Self {
            promise,
            drawn: None,
            unrecorded: false,
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
            Decision::Outdated { code, reason } => format!("{} {reason}", code.as_str()),
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
        .gives("wait r2 has promised epoch 2");
    Case::new(Resume, 2, own())
        .hears(answer("r2", 1, own()))
        .gives("wait this registry has promised epoch 2");
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
        .gives("wait not proven");
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
