//! Comparing by lineage must give what comparing record by record gives, on any forest of histories.

use super::*;
use crate::pure::base::EpochId;
use crate::pure::lineage::Epoch;
use proptest::prelude::*;

/// One record, and all before it, as the comparison must not see it.
#[derive(Clone, Debug)]
struct Record {
    epoch: Epoch,
    opens: bool,
    digest: Digest,
}

/// A whole log.
#[derive(Clone, Debug, Default)]
struct Log(Vec<Record>);

impl Log {
    fn add(&mut self, epoch: Epoch, opens: bool, content: u64) {
        let before = self.0.last().map(|record| record.digest).unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&before.0);
        hasher.update(&epoch.id.to_bytes());
        hasher.update(&content.to_be_bytes());
        let digest = Digest(*hasher.finalize().as_bytes());
        self.0.push(Record { epoch, opens, digest });
    }
    fn prefix(&self, length: usize) -> Self {
        Self(self.0.iter().take(length).cloned().collect())
    }
    /// What a registry tells of it that keeps digests at epoch ends and, beyond those, at every `every`th entry.
    fn summary(&self, database: u128, every: usize) -> Summary {
        let mut summary = Summary {
            database: Some(DatabaseId::from_bits(database)),
            ..Summary::default()
        };
        for (index, record) in self.0.iter().enumerate() {
            let serial = u64::try_from(index).unwrap() + 1;
            if record.opens {
                summary.lineage.0.push(Reign {
                    epoch: record.epoch,
                    by: "r1".parse().unwrap(),
                    first: serial,
                });
                if let Some(before) = index.checked_sub(1) {
                    summary.checks.insert(serial - 1, self.0[before].digest);
                }
            }
            if (index + 1) % every == 0 {
                summary.checks.insert(serial, record.digest);
            }
            summary.end = Version {
                epoch: record.epoch.number,
                serial,
                digest: record.digest,
            };
        }
        summary
    }
    fn surplus(&self, fork: usize) -> Surplus {
        let updates = self.0.iter().skip(fork).filter(|record| !record.opens).count();
        Surplus {
            fork: u64::try_from(fork).unwrap(),
            end: u64::try_from(self.0.len()).unwrap(),
            updates: u64::try_from(updates).unwrap(),
        }
    }
}

/// The truth, record by record.
fn truth(ours: &Log, theirs: &Log) -> Relation {
    let same = |(a, b): &(&Record, &Record)| a.digest == b.digest;
    let fork = ours.0.iter().zip(&theirs.0).take_while(same).count();
    match (fork == ours.0.len(), fork == theirs.0.len()) {
        (true, true) => Relation::Same,
        (true, false) => Relation::Newer(theirs.surplus(fork)),
        (false, true) => Relation::Older(ours.surplus(fork)),
        (false, false) if fork == 0 => Relation::Foreign,
        (false, false) => Relation::Diverged {
            ours: ours.surplus(fork),
            theirs: theirs.surplus(fork),
        },
    }
}

fn mirrored(relation: Relation) -> Relation {
    match relation {
        Relation::Older(surplus) => Relation::Newer(surplus),
        Relation::Newer(surplus) => Relation::Older(surplus),
        Relation::Diverged { ours, theirs } => Relation::Diverged {
            ours: theirs,
            theirs: ours,
        },
        same => same,
    }
}

/// Grows a forest: reigns begin on a prefix of any log, write for a while, and are copied up to any point. Reigns of one
/// number are common: half of the time the number is the lowest that the log allows.
fn forest(steps: &[(u8, u8, u8)]) -> Vec<Log> {
    let mut logs = vec![Log::default()];
    for (step, (from, cut, writes)) in steps.iter().enumerate() {
        let source = &logs[usize::from(*from) % logs.len()];
        let mut log = source.prefix(usize::from(*cut) % (source.0.len() + 1));
        let before = log.0.last().map_or(0, |record| record.epoch.number);
        let epoch = Epoch {
            number: before + 1 + u64::from(cut % 2),
            id: EpochId::from_bits(u128::try_from(step).unwrap() + 1),
        };
        logs.push(log.clone());
        log.add(epoch, true, 0);
        for content in 0..*writes % 5 {
            log.add(epoch, false, u64::from(content));
        }
        logs.push(log.prefix(log.0.len().saturating_sub(usize::from(*writes % 3))));
        logs.push(log);
    }
    logs
}

/// What a comparison came to, for counting: a test that never meets a case proves nothing about it.
fn kind(relation: Relation) -> &'static str {
    match relation {
        Relation::Same => "same",
        Relation::Older(surplus) | Relation::Newer(surplus) if surplus.is_empty() => "one ahead by reigns only",
        Relation::Older(_) | Relation::Newer(_) => "one ahead",
        Relation::Diverged { ours, theirs } if ours.is_empty() && theirs.is_empty() => "diverged by reigns only",
        Relation::Diverged { ours, theirs } if ours.is_empty() || theirs.is_empty() => "diverged, one by reigns only",
        Relation::Diverged { .. } => "diverged",
        Relation::Foreign => "foreign",
        Relation::Corrupt { .. } => "corrupt",
    }
}

/// Two reigns of one number opened at the same place: only the id tells them apart.
fn contested(ours: &Log, theirs: &Log) -> bool {
    let mut pairs = ours.0.iter().zip(&theirs.0).filter(|(a, b)| a.opens && b.opens);
    pairs.any(|(a, b)| a.epoch.contests(b.epoch))
}

type Seen = BTreeMap<&'static str, u64>;

/// Every pair of the forest, with our log kept from any entry on, and from the other side.
fn check(logs: &[Log], every: (usize, usize), kept_from: usize, seen: &mut Seen) {
    let summaries = |every| logs.iter().map(|log| log.summary(1, every)).collect::<Vec<_>>();
    let (mine, other) = (summaries(every.0), summaries(every.1));
    for (ours, mine) in logs.iter().zip(&mine) {
        let kept = |serial: Serial| {
            let index = usize::try_from(serial).ok()?.checked_sub(1)?;
            ours.0
                .get(index)
                .filter(|_| index >= kept_from)
                .map(|record| record.digest)
        };
        for (theirs, other) in logs.iter().zip(&other) {
            let found = compare(mine, &kept, other, Rules::default());
            assert_eq!(found, truth(ours, theirs), "{ours:?}\n{theirs:?}");
            assert_eq!(compare(other, &|_| None, mine, Rules::default()), mirrored(found));
            *seen.entry(kind(found)).or_default() += 1;
            *seen.entry("of one number").or_default() += u64::from(contested(ours, theirs));
            *seen.entry("pairs").or_default() += 1;
        }
    }
}

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(strategy, |value| {
        test(value);
        Ok(())
    });
    outcome.unwrap();
}

fn steps() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 1..8)
}

#[test]
fn comparing_by_lineage_is_comparing_record_by_record() {
    let seen = std::cell::RefCell::new(Seen::new());
    let strategy = (steps(), 1_usize..6, 1_usize..6, 0_usize..20);
    run(2500, &strategy, |(steps, one, other, kept_from)| {
        check(&forest(&steps), (one, other), kept_from, &mut seen.borrow_mut());
    });
    let seen = seen.into_inner();
    assert!(seen["pairs"] > 300_000, "{seen:?}");
    let cases = [
        "same",
        "one ahead",
        "one ahead by reigns only",
        "diverged",
        "diverged, one by reigns only",
        "diverged by reigns only",
        "foreign",
        "of one number",
    ];
    for case in cases {
        assert!(seen.get(case).is_some_and(|count| *count > 100), "{case}: {seen:?}");
    }
    assert_eq!(seen.get("corrupt"), None);
}

/// Other bytes at one place and so other digests from there on, under the same lineage.
fn damaged(log: &Log, at: usize) -> Log {
    let mut copy = log.prefix(at);
    for (index, record) in log.0.iter().enumerate().skip(at) {
        copy.add(record.epoch, record.opens, 1000 + u64::try_from(index).unwrap());
    }
    copy
}

/// The serials up to `fork` whose digest a side knows, from what it told or kept.
fn known(log: &Log, every: usize, kept_from: usize, fork: Serial) -> std::collections::BTreeSet<Serial> {
    let summary = log.summary(1, every);
    let kept = (u64::try_from(kept_from).unwrap() + 1)..=summary.end.serial;
    let told = summary.checks.keys().copied().chain([summary.end.serial]);
    told.chain(kept).filter(|serial| *serial <= fork).collect()
}

#[test]
fn damage_is_corrupt_at_the_first_place_that_both_know_and_changes_no_verdict_else() {
    let seen = std::cell::RefCell::new(Seen::new());
    let strategy = (steps(), 1_usize..6, 0_usize..20, any::<u16>());
    run(1500, &strategy, |(steps, every, kept_from, pick)| {
        let logs = forest(&steps);
        let pick = usize::from(pick);
        let (ours, theirs) = (&logs[pick % logs.len()], &logs[pick / 7 % logs.len()]);
        if theirs.0.is_empty() {
            return;
        }
        let at = pick / 3 % theirs.0.len();
        let broken = damaged(theirs, at);
        let whole = truth(ours, theirs);
        let fork = match whole {
            Relation::Same => ours.0.len() as Serial,
            Relation::Older(surplus) | Relation::Newer(surplus) => surplus.fork,
            Relation::Diverged { ours, .. } => ours.fork,
            Relation::Foreign | Relation::Corrupt { .. } => 0,
        };
        let mine = known(ours, every, kept_from, fork);
        let told = known(&broken, every, usize::MAX - 1, fork);
        // Every digest from the damaged record on is another one.
        let first = mine.intersection(&told).find(|serial| **serial > at as Serial);
        let wanted = first.map_or(whole, |at| Relation::Corrupt { at: *at });
        let kept = |serial: Serial| {
            let index = usize::try_from(serial).ok()?.checked_sub(1)?;
            ours.0
                .get(index)
                .filter(|_| index >= kept_from)
                .map(|record| record.digest)
        };
        let found = compare(
            &ours.summary(1, every),
            &kept,
            &broken.summary(1, every),
            Rules::default(),
        );
        assert_eq!(found, wanted, "damaged at {at}: {ours:?}\n{theirs:?}");
        *seen.borrow_mut().entry(kind(found)).or_default() += 1;
    });
    let seen = seen.into_inner();
    assert!(seen.get("corrupt").is_some_and(|count| *count > 100), "{seen:?}");
}

#[test]
fn damage_below_the_fork_is_found_wherever_both_kept_a_digest() {
    let mut log = Log::default();
    let epoch = |number| Epoch {
        number,
        id: EpochId::from_bits(u128::from(number)),
    };
    for number in 1..4 {
        log.add(epoch(number), true, 0);
        for content in 0..5 {
            log.add(epoch(number), false, content);
        }
    }
    let whole = log.summary(1, 2);
    let short = log.prefix(15).summary(1, 2);
    for at in whole
        .checks
        .keys()
        .copied()
        .filter(|at| short.checks.contains_key(at))
        .chain([15])
    {
        let mut damaged = short.clone();
        match damaged.checks.get_mut(&at) {
            Some(digest) => digest.0[7] ^= 1,
            None => damaged.end.digest.0[7] ^= 1,
        }
        let digest = |serial: Serial| Some(log.0.get(usize::try_from(serial).ok()?.checked_sub(1)?)?.digest);
        assert_eq!(
            compare(&whole, &digest, &damaged, Rules::default()),
            Relation::Corrupt { at }
        );
    }
    let mut foreign = whole.clone();
    foreign.database = Some(DatabaseId::from_bits(9));
    assert_eq!(
        compare(&whole, &|_| None, &foreign, Rules::default()),
        Relation::Foreign
    );
}
