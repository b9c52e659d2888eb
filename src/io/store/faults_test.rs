//! The same disk under a database as the core really fills it: power cut between any two steps, an error at any step, a
//! flipped bit after `kill -9`. What comes back is whole by the core's own judgement: digests, lineage, seal.

use super::*;
use crate::pure::base::DatabaseId;
use crate::pure::model::Application;
use crate::pure::registry::Database as Core;
use crate::pure::registry::payload::{ApplicationPayload, Payload, ReignPayload};

/// Log entries that the core keeps: few, so that it trims all the time.
const KEEP: u64 = 5;

/// A registry's life: what its core asks the store to do.
#[derive(Clone)]
struct Life {
    core: Core,
    /// The batch to come and the core that it leads to.
    batches: Vec<(Batch, Core)>,
}

impl Life {
    fn founded() -> Self {
        let mut life = Self {
            core: Core::default(),
            batches: Vec::new(),
        };
        let batch = life.core.belong_to(DatabaseId::from_bits(77));
        life.batches.push((batch, life.core.clone()));
        life.reign();
        life
    }
    fn append(&mut self, payload: &Payload, epoch: Epoch) -> Batch {
        let end = self.core.end();
        let entry = Entry {
            serial: end.serial + 1,
            epoch,
            request: RequestId::from_bits(u128::from(end.serial) + 1),
            actor: "test".to_owned(),
            time: WallTime(5),
            kind: payload.kind(),
            bytes: payload.to_bytes(),
            digest: Digest::default(),
        };
        let entry = entry.sealed(self.core.id().unwrap(), &end.digest);
        self.core.append(Arc::new(entry), KEEP).unwrap()
    }
    fn reign(&mut self) {
        let number = self.core.end().epoch + 1;
        let id = EpochId::from_bits(u128::from(number));
        let payload = Payload::Reign(ReignPayload {
            by: "r1".parse().unwrap(),
            accepted_loss: false,
            forced: false,
            proof: String::new(),
        });
        let batch = self.append(&payload, Epoch { number, id });
        self.batches.push((batch, self.core.clone()));
    }
    fn put(&mut self, dice: &mut Dice) -> Batch {
        let name = format!("app-{}", dice.below(4));
        let before = self.core.deployment().applications.get(name.as_str());
        let revision = before.map_or(0, |record| record.revision) + 1;
        let descriptor = Application {
            description: "x".repeat([3, 200, 9_000][dice.below(3)]),
            ..Application::new(name.parse().unwrap())
        };
        let payload = Payload::PutApplication(ApplicationPayload {
            descriptor: descriptor.into(),
            revision,
            changes: None,
            rolled_back_to: None,
        });
        let epoch = self.core.lineage().last().unwrap().epoch;
        self.append(&payload, epoch)
    }
    /// Another registry of the same grid went on alone; its snapshot replaces everything here.
    fn snapshot(&mut self, dice: &mut Dice) {
        for _ in 0..=dice.below(6) {
            drop(self.put(dice));
        }
        let (bytes, end) = (self.core.snapshot(), self.core.end());
        let (core, batch) = Core::from_snapshot(&bytes, Core::snapshot_digest(&bytes), end).unwrap();
        self.core = core;
        self.batches.push((batch, self.core.clone()));
    }
    fn random(commits: usize, seed: u64) -> Self {
        let (mut life, mut dice) = (Self::founded(), Dice(seed << 40));
        while life.batches.len() < commits {
            match dice.below(8) {
                0 => life.reign(),
                // Never too rare for a short life.
                1 => life.snapshot(&mut dice),
                _ if life.batches.len() == commits / 2 => life.snapshot(&mut dice),
                _ => {
                    // Group commit: what several events asked for, in one transaction.
                    let mut batch = life.put(&mut dice);
                    for _ in 0..dice.below(3) {
                        batch.merge(life.put(&mut dice));
                    }
                    life.batches.push((batch, life.core.clone()));
                }
            }
        }
        assert!(
            life.batches.iter().any(|(batch, _)| batch.wipe),
            "seed {seed}: no snapshot"
        );
        life
    }
    /// Runs it on a disk to the end, or to an error. Gives the open database and how many commits were acknowledged.
    fn run(&self, disk: &Disk) -> (Database, usize) {
        let (mut database, _) = open(disk).unwrap();
        for (done, (batch, _)) in self.batches.iter().enumerate() {
            match database.commit(batch) {
                Ok(()) => disk.note(Step::Acknowledged),
                Err(DatabaseError::Commit { .. }) => return (database, done),
                Err(other) => panic!("after {done} commits: {other:?}"),
            }
        }
        (database, self.batches.len())
    }
    /// After so many acknowledged commits the disk holds them, or one more, and the core finds it sound.
    fn check(&self, disk: &Disk, acknowledged: usize, reproduce: &str) {
        let (_, image) = open(disk).unwrap_or_else(|error| panic!("{reproduce}: {error:?}"));
        let core = Core::restore(image).unwrap_or_else(|error| panic!("{reproduce}: {error}"));
        let states = [acknowledged.checked_sub(1), Some(acknowledged)].map(|index| match index {
            None => Some(Core::default().summary()),
            Some(index) => self.batches.get(index).map(|(_, core)| core.summary()),
        });
        assert!(
            states.contains(&Some(core.summary())),
            "{reproduce}: {} is neither the end of the {acknowledged} acknowledged commits nor of one more",
            core.end()
        );
    }
}

/// Of what was not synced, a power cut keeps all, nothing, all but half of the last write, or any mixture.
fn after_power_cut(durable: &[u8], unsynced: &[Step], way: u64, dice: &mut Dice) -> Vec<u8> {
    let mut image = durable.to_vec();
    match way {
        0 => {}
        1 => replay(&mut image, unsynced),
        2 => {
            let (last, before) = unsynced.split_last().map_or((None, unsynced), |(l, b)| (Some(l), b));
            replay(&mut image, before);
            if let Some(Step::Write(start, data)) = last {
                put(&mut image, *start, &data[..data.len() / 2]);
            }
        }
        _ => return crash_image(durable, unsynced, dice),
    }
    image
}

#[test]
fn a_power_cut_between_any_two_steps_leaves_a_sound_database_with_everything_acknowledged() {
    let start = fresh();
    let seed = 3;
    let life = Life::random(9, seed);
    let disk = Disk::holding(start.clone());
    drop(life.run(&disk));
    let steps = disk.steps.lock().unwrap().clone();
    let (mut durable, mut since, mut acknowledged, mut cuts) = (start, 0, 0, 0);
    for (at, step) in steps.iter().enumerate() {
        for way in 0..4 {
            // With nothing or one thing unsynced, the ways are the same.
            if at - since < 2 && way > 1 {
                continue;
            }
            let reproduce = format!("seed {seed}, cut at step {at}, way {way}");
            let mut dice = Dice((at as u64) << 20 ^ way << 50);
            let image = after_power_cut(&durable, &steps[since..at], way, &mut dice);
            life.check(&Disk::holding(image), acknowledged, &reproduce);
            cuts += 1;
        }
        match step {
            Step::Acknowledged => acknowledged += 1,
            Step::Sync => {
                replay(&mut durable, &steps[since..at]);
                since = at + 1;
            }
            Step::Write(..) | Step::Resize(_) => {}
        }
    }
    assert!(cuts > 150, "only {cuts} cuts");
}

/// The rule of the whole process: the first error of the disk ends it, and the update is in doubt.
#[test]
fn an_error_at_any_step_is_final_and_leaves_the_update_whole_or_not_at_all() {
    let start = fresh();
    let life = Life::random(6, 4);
    let all = {
        let disk = Disk::holding(start.clone());
        let ran = life.run(&disk);
        let all = disk.steps.lock().unwrap().len();
        drop(ran);
        all
    };
    let opened = {
        let disk = Disk::holding(start.clone());
        let _open = open(&disk).unwrap();
        disk.steps.lock().unwrap().len()
    };
    let mut errors = 0;
    for good in opened..all {
        let disk = Disk::holding(start.clone());
        *disk.steps_left.lock().unwrap() = Some(good);
        let (mut database, acknowledged) = life.run(&disk);
        if acknowledged == life.batches.len() {
            continue;
        }
        errors += 1;
        *disk.steps_left.lock().unwrap() = None;
        let next = &life.batches[acknowledged].0;
        let error = database.commit(next).unwrap_err();
        assert!(
            matches!(error, DatabaseError::Failed { .. }),
            "the disk is well: {error:?}"
        );
        drop(database);
        // The process ends; the system may still write what it holds, or lose it with the power.
        let steps = disk.steps.lock().unwrap().clone();
        let synced = steps
            .iter()
            .rposition(|step| matches!(step, Step::Sync))
            .map_or(0, |at| at + 1);
        let mut durable = start.clone();
        replay(&mut durable, &steps[..synced]);
        for (what, content) in [("kept", disk.content()), ("lost", durable)] {
            let reproduce = format!("error after {good} steps, {what}");
            life.check(&Disk::holding(content), acknowledged, &reproduce);
        }
    }
    assert!(errors > 20, "only {errors} errors");
}

/// After `kill -9`, without a clean end: each start refuses in words, or serves exactly what was there.
#[test]
fn a_flipped_bit_after_kill_is_refused_or_harmless() {
    let life = Life::random(8, 6);
    let disk = Disk::holding(fresh());
    let (database, done) = life.run(&disk);
    assert_eq!(done, life.batches.len());
    let killed = disk.content();
    drop(database);
    let changed: Vec<usize> = {
        // What the last commit wrote is where a silent step back would hide.
        let steps = disk.steps.lock().unwrap().clone();
        let ends: Vec<usize> = (0..steps.len())
            .filter(|at| matches!(steps[*at], Step::Acknowledged))
            .collect();
        let last = &steps[ends[done - 2]..ends[done - 1]];
        let writes = last.iter().filter_map(|step| match step {
            Step::Write(start, data) => Some(*start..start + data.len()),
            _ => None,
        });
        writes.flatten().filter(|at| *at >= 320 && killed[*at] != 0).collect()
    };
    let whole = life.batches[done - 1].1.summary();
    let mut dice = Dice(12);
    let flags = (72..80).map(|bit| (bit / 8, bit % 8));
    let slots = (64 * 8..320 * 8).step_by(19).map(|bit| (bit / 8, bit % 8));
    let last: Vec<_> = (0..80)
        .map(|_| (changed[dice.below(changed.len())], dice.below(8)))
        .collect();
    let (mut found, mut harmless) = (0, 0);
    for (at, bit) in flags.chain(slots).chain(last) {
        let mut bytes = killed.clone();
        bytes[at] ^= 1 << bit;
        let opened = catch_unwind(AssertUnwindSafe(|| open(&Disk::holding(bytes))));
        match opened.unwrap_or_else(|panic| panic!("bit {bit} of byte {at}: panicked with {panic:?}")) {
            Ok((_, image)) => {
                let core = Core::restore(image).unwrap_or_else(|error| panic!("bit {bit} of byte {at}: {error}"));
                assert_eq!(core.end(), whole.end, "bit {bit} of byte {at}: other data is served");
                assert_eq!(core.summary(), whole);
                harmless += 1;
            }
            Err(error) => {
                let text = error.to_string();
                let words =
                    text.starts_with("test ") && (text.contains("damaged") || text.contains("no floe database"));
                assert!(words || text == "open test", "bit {bit} of byte {at}: {text}");
                found += 1;
            }
        }
    }
    assert!(found > 50 && harmless > 20, "{found} found, {harmless} harmless");
}
