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

fn check(logs: &[Log], every: (usize, usize)) -> usize {
    let mut pairs = 0;
    for ours in logs {
        for theirs in logs {
            let (mine, other) = (ours.summary(1, every.0), theirs.summary(1, every.1));
            let none = |_| None;
            let found = compare(&mine, &none, &other, Rules::default());
            assert_eq!(found, truth(ours, theirs), "{ours:?}\n{theirs:?}");
            assert_eq!(compare(&other, &none, &mine, Rules::default()), mirrored(found));
            pairs += 1;
        }
    }
    pairs
}

#[test]
fn comparing_by_lineage_is_comparing_record_by_record() {
    let steps = proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 1..8);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 900,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let pairs = std::cell::Cell::new(0);
    let outcome = runner.run(&(steps, 1_usize..6, 1_usize..6), |(steps, one, other)| {
        pairs.set(pairs.get() + check(&forest(&steps), (one, other)));
        Ok(())
    });
    outcome.unwrap();
    assert!(pairs.get() > 100_000, "only {} pairs", pairs.get());
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
