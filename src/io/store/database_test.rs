//! Power cuts at every sync, flipped bits, failing disks: what was acknowledged is there, and nothing half.
//!
//! The disk below keeps a list of everything that was done to it. A crash image is made from that list: what was synced
//! is there; of what was not, each sector holds any of its contents since, on its own, which drops, tears and reorders.

use super::*;
use crate::pure::base::{EpochId, RequestId, WallTime};
use crate::pure::lineage::{Digest, Entry, EntryKind, Epoch};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

#[path = "faults_test.rs"]
mod faults;

const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Resize(usize),
    Sync,
    /// The test notes here that a commit was acknowledged.
    Acknowledged,
}

/// A disk in memory that remembers what was done to it.
#[derive(Clone, Debug, Default)]
struct Disk {
    content: Arc<Mutex<Vec<u8>>>,
    steps: Arc<Mutex<Vec<Step>>>,
    /// Syncs that still succeed; afterwards every write and sync fails.
    syncs_left: Arc<Mutex<Option<usize>>>,
    /// Steps of any kind that still succeed; afterwards every one fails, the first write after half of it is done.
    steps_left: Arc<Mutex<Option<usize>>>,
}

impl Disk {
    fn holding(content: Vec<u8>) -> Self {
        Self {
            content: Arc::new(Mutex::new(content)),
            ..Self::default()
        }
    }
    fn content(&self) -> Vec<u8> {
        self.content.lock().unwrap().clone()
    }
    fn note(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
    fn fail_if_broken(&self, is_sync: bool) -> io::Result<()> {
        match self.steps_left.lock().unwrap().as_mut() {
            Some(0) => return Err(io::Error::other("the test's disk is broken")),
            Some(left) => *left -= 1,
            None => {}
        }
        match self.syncs_left.lock().unwrap().as_mut() {
            Some(0) => Err(io::Error::other("the test's disk is broken")),
            Some(left) if is_sync => {
                *left -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().unwrap().len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.content.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let bytes = content.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        self.fail_if_broken(false)?;
        let length = usize::try_from(length).unwrap();
        self.content.lock().unwrap().resize(length, 0);
        self.note(Step::Resize(length));
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        self.fail_if_broken(true)?;
        self.note(Step::Sync);
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let half = &data[..data.len() / 2];
        let (done, broken) = match self.fail_if_broken(false) {
            Ok(()) => (data, None),
            Err(error) => (half, Some(error)),
        };
        put(&mut self.content.lock().unwrap(), start, done);
        self.note(Step::Write(start, done.to_vec()));
        broken.map_or(Ok(()), Err)
    }
}
fn put(content: &mut Vec<u8>, start: usize, data: &[u8]) {
    if content.len() < start + data.len() {
        content.resize(start + data.len(), 0);
    }
    content[start..start + data.len()].copy_from_slice(data);
}

/// Does the steps once more.
fn replay(content: &mut Vec<u8>, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Write(start, data) => put(content, *start, data),
            Step::Resize(length) => content.resize(*length, 0),
            Step::Sync | Step::Acknowledged => {}
        }
    }
}

/// Repeatable numbers: equal seeds give equal runs.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        let moment = crate::pure::base::Moment {
            dice: 1,
            ..Default::default()
        };
        usize::try_from(moment.roll(self.0, bound as u64)).unwrap()
    }
}

/// What a power cut leaves: `durable` as of the last sync, and for each sector what it held after a random one of the
/// unsynced steps. The length is also that after a random one of them.
fn crash_image(durable: &[u8], unsynced: &[Step], dice: &mut Dice) -> Vec<u8> {
    let mut live = durable.to_vec();
    let mut lengths = vec![live.len()];
    let mut contents: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
    for step in unsynced {
        match step {
            Step::Write(start, data) => {
                let touched = start / SECTOR..(start + data.len()).div_ceil(SECTOR);
                for at in touched.clone() {
                    contents.entry(at).or_insert_with(|| vec![sector_of(&live, at)]);
                }
                put(&mut live, *start, data);
                for at in touched {
                    contents.get_mut(&at).unwrap().push(sector_of(&live, at));
                }
            }
            Step::Resize(length) => {
                live.resize(*length, 0);
                lengths.push(*length);
            }
            Step::Sync | Step::Acknowledged => {}
        }
    }
    let mut image = durable.to_vec();
    for (at, versions) in &contents {
        put(&mut image, at * SECTOR, &versions[dice.below(versions.len())]);
    }
    image.resize(lengths[dice.below(lengths.len())], 0);
    image
}

fn sector_of(content: &[u8], at: usize) -> Vec<u8> {
    let end = content.len().min((at + 1) * SECTOR);
    let mut bytes = content.get(at * SECTOR..end).unwrap_or_default().to_vec();
    bytes.resize(SECTOR, 0);
    bytes
}

fn entry(serial: Serial, size: usize) -> Arc<Entry> {
    Arc::new(Entry {
        serial,
        epoch: Epoch {
            number: 1,
            id: EpochId::from_bits(1),
        },
        request: RequestId::from_bits(serial.into()),
        actor: "test".to_owned(),
        time: WallTime(0),
        kind: EntryKind::PutApplication,
        bytes: vec![u8::try_from(serial % 251).unwrap(); size],
        digest: Digest::default(),
    })
}

/// The documented order of a batch, on a plain value: what the store is compared with.
fn apply_to_model(image: &mut Image, batch: &Batch) {
    if batch.wipe {
        *image = Image::default();
    }
    if let Some(cut) = batch.cut_after {
        image.log.retain(|entry| entry.serial <= cut);
    }
    image
        .log
        .extend(batch.append.iter().map(|entry| entry.as_ref().clone()));
    if let Some(trim) = batch.trim_before {
        image.log.retain(|entry| entry.serial >= trim);
    }
    image.values.extend(batch.put.clone());
    for name in &batch.delete {
        image.values.remove(name);
    }
}

/// A batch as the core could make it after `image`: mostly appends, now and then a cut, a trim or a snapshot.
fn random_batch(image: &Image, dice: &mut Dice) -> Batch {
    let mut batch = Batch::default();
    let mut end = image.log.last().map_or(0, |entry| entry.serial);
    let first = image.log.first().map_or(1, |entry| entry.serial);
    match dice.below(12) {
        0 => {
            batch.wipe = true;
            end = dice.below(100) as u64;
        }
        1 if end > first => {
            end -= 1;
            batch.cut_after = Some(end);
        }
        2 => batch.trim_before = Some(first + (end - first.min(end)) / 2),
        _ => {}
    }
    for _ in 0..dice.below(4) {
        end += 1;
        let size = [20, 300, 9_000][dice.below(3)];
        batch.append.push(entry(end, size));
    }
    for _ in 0..dice.below(4) {
        let name = format!("value/{}", dice.below(12));
        batch.put.insert(name, vec![7; dice.below(3_000)]);
    }
    if dice.below(4) == 0 {
        batch.delete.push(format!("value/{}", dice.below(12)));
    }
    batch
}

/// A fresh database's bytes.
fn fresh() -> Vec<u8> {
    let disk = Disk::default();
    Database::create_backend("test", disk.clone()).unwrap();
    disk.content()
}

fn open(disk: &Disk) -> Result<(Database, Image), DatabaseError> {
    Database::open_backend("test".to_owned(), disk.clone())
}

/// Runs random batches on a copy of `start` and gives the disk with its steps, and the images after 0, 1, 2, ... commits.
fn run(start: Vec<u8>, commits: usize, dice: &mut Dice) -> (Disk, Vec<Image>) {
    let disk = Disk::holding(start);
    let (mut database, mut image) = open(&disk).unwrap();
    let mut images = vec![image.clone()];
    for _ in 0..commits {
        let batch = random_batch(&image, dice);
        database.commit(&batch).unwrap();
        disk.note(Step::Acknowledged);
        apply_to_model(&mut image, &batch);
        images.push(image.clone());
    }
    drop(database);
    (disk, images)
}

/// Cuts the power at each sync of a run, before it took effect, `variants` ways each; every image must open as one of the
/// states that could be there. Gives how many cuts that were.
fn cut_everywhere(start: &[u8], disk: &Disk, images: &[Image], seed: u64, variants: u64) -> usize {
    let steps = disk.steps.lock().unwrap().clone();
    let mut durable = start.to_vec();
    let (mut acknowledged, mut since, mut cuts) = (0, 0, 0);
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Acknowledged => acknowledged += 1,
            Step::Sync => {
                for variant in 0..variants {
                    let mut dice = Dice(seed ^ (at as u64) << 20 ^ variant << 50);
                    let image = crash_image(&durable, &steps[since..at], &mut dice);
                    let reproduce = format!("seed {seed}, cut at step {at}, variant {variant}");
                    check_after_cut(image, images, acknowledged, &reproduce);
                    cuts += 1;
                }
                replay(&mut durable, &steps[since..at]);
                since = at + 1;
            }
            Step::Write(..) | Step::Resize(_) => {}
        }
    }
    cuts
}

fn check_after_cut(crashed: Vec<u8>, images: &[Image], acknowledged: usize, reproduce: &str) {
    let disk = Disk::holding(crashed);
    let (mut database, image) = open(&disk).unwrap_or_else(|error| panic!("{reproduce}: {error:?}"));
    let in_flight = (acknowledged + 1).min(images.len() - 1);
    assert!(
        image == images[acknowledged] || image == images[in_flight],
        "{reproduce}: neither the {acknowledged} acknowledged commits nor one more"
    );
    let mut after = image.clone();
    let batch = Batch {
        put: BTreeMap::from([("after".to_owned(), vec![1])]),
        ..Batch::default()
    };
    database.commit(&batch).unwrap();
    apply_to_model(&mut after, &batch);
    drop(database);
    let (_, again) = open(&disk).unwrap();
    assert_eq!(again, after, "{reproduce}: writes after the recovery");
}

#[test]
fn a_power_cut_at_any_sync_keeps_what_was_acknowledged() {
    let start = fresh();
    let mut cuts = 0;
    for seed in 0..2 {
        let (disk, images) = run(start.clone(), 25, &mut Dice(seed << 40));
        cuts += cut_everywhere(&start, &disk, &images, seed, 3);
    }
    assert!(
        cuts > 200,
        "only {cuts} cuts: the test cuts too rarely to prove anything"
    );
}

#[test]
fn a_power_cut_during_the_recovery_from_one_is_survived() {
    let start = fresh();
    let (disk, images) = run(start.clone(), 6, &mut Dice(9));
    // Without the clean end: the state right after the last acknowledged commit.
    let steps = disk.steps.lock().unwrap().clone();
    let end = steps
        .iter()
        .rposition(|step| matches!(step, Step::Acknowledged))
        .unwrap();
    let mut whole = start;
    replay(&mut whole, &steps[..end]);
    let disk = Disk::holding(whole.clone());
    drop(open(&disk).unwrap());
    let last = images.last().unwrap().clone();
    let cuts = cut_everywhere(&whole, &disk, &[last], 77, 8);
    assert!(cuts > 0);
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let (disk, images) = run(fresh(), 12, &mut Dice(5));
    let clean = disk.content();
    let whole = images.last().unwrap();
    let mut dice = Dice(11);
    let flags = (72..80).map(|bit| (bit / 8, bit % 8));
    let header = (0..320 * 8).step_by(11).map(|bit| (bit / 8, bit % 8));
    let used: Vec<usize> = (320..clean.len()).filter(|at| clean[*at] != 0).collect();
    let anywhere: Vec<_> = (0..200)
        .map(|_| (used[dice.below(used.len())], dice.below(8)))
        .collect();
    let (mut found, mut harmless) = (0, 0);
    for (at, bit) in flags.chain(header).chain(anywhere) {
        let mut bytes = clean.clone();
        bytes[at] ^= 1 << bit;
        match catch_unwind(AssertUnwindSafe(|| open(&Disk::holding(bytes)))) {
            Ok(Ok((_, image))) => {
                assert!(image == *whole, "bit {bit} of byte {at}: other data is served");
                harmless += 1;
            }
            Ok(Err(_)) => found += 1,
            Err(panic) => panic!("bit {bit} of byte {at}: panicked with {panic:?}"),
        }
    }
    assert!(found > 0 && harmless > 0, "{found} found, {harmless} harmless");
}

#[test]
fn the_first_error_of_the_disk_is_final_and_leaves_old_or_new() {
    let start = fresh();
    for syncs in 0..6 {
        let disk = Disk::holding(start.clone());
        let (mut database, before) = open(&disk).unwrap();
        *disk.syncs_left.lock().unwrap() = Some(syncs);
        let mut images = vec![before.clone()];
        let mut serial = 0;
        let error = loop {
            serial += 1;
            let batch = Batch {
                append: vec![entry(serial, 100)],
                ..Batch::default()
            };
            let mut next = images.last().unwrap().clone();
            apply_to_model(&mut next, &batch);
            images.push(next);
            if let Err(error) = database.commit(&batch) {
                break error;
            }
        };
        assert!(matches!(error, DatabaseError::Commit { .. }), "{error:?}");
        *disk.syncs_left.lock().unwrap() = None;
        let error = database.commit(&Batch::default()).unwrap_err();
        assert!(
            matches!(error, DatabaseError::Failed { .. }),
            "the disk is well again, but: {error:?}"
        );
        drop(database);
        let (_, image) = open(&Disk::holding(disk.content())).unwrap();
        let old_or_new = &images[images.len() - 2..];
        assert!(
            old_or_new.contains(&image),
            "{syncs} syncs: neither the last acknowledged nor the failed commit"
        );
    }
}

#[test]
fn a_gap_in_the_log_is_refused_before_anything_is_written() {
    let (disk, images) = run(fresh(), 0, &mut Dice(0));
    let (mut database, _) = open(&disk).unwrap();
    let batch = Batch {
        append: vec![entry(1, 1), entry(3, 1)],
        put: BTreeMap::from([("a".to_owned(), vec![])]),
        ..Batch::default()
    };
    assert!(matches!(
        database.commit(&batch),
        Err(DatabaseError::Gap { due: 2, found: 3 })
    ));
    drop(database);
    assert_eq!(open(&disk).unwrap().1, images[0]);
}

#[test]
fn a_batch_is_applied_in_the_documented_order() {
    let disk = Disk::holding(fresh());
    let (mut database, mut model) = open(&disk).unwrap();
    let text = |name: &str| (name.to_owned(), name.as_bytes().to_vec());
    let batches = [
        Batch {
            append: (1..=5).map(|serial| entry(serial, 9)).collect(),
            put: BTreeMap::from([text("a"), text("b")]),
            ..Batch::default()
        },
        Batch {
            cut_after: Some(3),
            append: vec![entry(4, 8), entry(5, 8)],
            trim_before: Some(3),
            put: BTreeMap::from([text("c")]),
            delete: vec!["a".to_owned(), "c".to_owned(), "never there".to_owned()],
            ..Batch::default()
        },
        Batch {
            wipe: true,
            append: vec![entry(90, 8), entry(91, 8)],
            put: BTreeMap::from([text("d")]),
            ..Batch::default()
        },
        Batch {
            cut_after: Some(0),
            append: vec![entry(1, 8)],
            ..Batch::default()
        },
    ];
    for batch in batches {
        database.commit(&batch).unwrap();
        apply_to_model(&mut model, &batch);
        drop(database);
        let (again, image) = open(&disk).unwrap();
        assert_eq!(image, model);
        database = again;
    }
    assert_eq!((model.log.len(), model.values.len()), (1, 1));
}

#[test]
fn only_a_missing_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database.redb");
    std::fs::write(beside(&path), "left by a crash").unwrap();
    let (mut database, image) = Database::open(&path).unwrap();
    assert_eq!(image, Image::default());
    assert!(matches!(Database::open(&path), Err(DatabaseError::InUse { .. })));
    let batch = Batch {
        append: vec![entry(1, 1)],
        ..Batch::default()
    };
    database.commit(&batch).unwrap();
    assert!(database.size_bytes().unwrap() > 0);
    drop(database);
    assert_eq!(Database::open(&path).unwrap().1.log.len(), 1);

    let whole = std::fs::read(&path).unwrap();
    let other = Disk::default();
    drop(redb::Builder::new().create_with_backend(other.clone()).unwrap());
    let cases: [(&str, &[u8], &str); 6] = [
        ("nothing", b"", "is empty"),
        ("text", b"hello, this is a text", "no floe database"),
        ("zeros", &[0; 8192], "no floe database"),
        ("another program's database", &other.content(), "no floe database"),
        ("half", &whole[..whole.len() / 2], "damaged"),
        ("a few bytes", &whole[..20], ""),
    ];
    for (name, bytes, words) in cases {
        std::fs::write(&path, bytes).unwrap();
        let error = Database::open(&path).expect_err(name).to_string();
        assert!(error.contains(words), "{name}: {error}");
        if !name.contains("another") {
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name} was changed");
        }
    }
}

#[test]
fn another_format_is_refused_by_number() {
    let disk = Disk::default();
    {
        let inner = redb::Builder::new().create_with_backend(disk.clone()).unwrap();
        let transaction = inner.begin_write().unwrap();
        let meta = redb::TableDefinition::<&str, u64>::new("floe.meta");
        transaction.open_table(meta).unwrap().insert("format", 99).unwrap();
        transaction.commit().unwrap();
    }
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, DatabaseError::Format { found: 99, .. }), "{error}");
}
