//! What the disk holds must be what memory holds, after any life, and damage must be found.

use super::*;
use crate::pure::base::{ApplicationName, EpochId, PeerName, WallTime};
use crate::pure::lineage::Epoch;
use crate::pure::model::{Application, RegistryRecord};
use crate::pure::registry::payload::{ApplicationPayload, ReignPayload};
use proptest::prelude::*;

/// A store: does what batches say.
#[derive(Clone, Debug, Default)]
struct Store(Image);

impl Store {
    fn commit(&mut self, batch: &Batch) {
        let Image { values, log } = &mut self.0;
        if batch.wipe {
            values.clear();
            log.clear();
        }
        if let Some(serial) = batch.cut_after {
            log.retain(|entry| entry.serial <= serial);
        }
        log.extend(batch.append.iter().map(|entry| entry.as_ref().clone()));
        if let Some(serial) = batch.trim_before {
            log.retain(|entry| entry.serial >= serial);
        }
        values.extend(batch.put.clone());
        for key in &batch.delete {
            values.remove(key);
        }
    }
}

/// One registry's database with its store.
#[derive(Clone, Debug, Default)]
struct Replica {
    database: Database,
    store: Store,
}

impl Replica {
    fn founded() -> Self {
        let mut replica = Self::default();
        let batch = replica.database.belong_to(DatabaseId::from_bits(77));
        replica.store.commit(&batch);
        replica.reign(1, 4);
        replica
    }
    fn entry(&self, payload: &Payload, epoch: Epoch) -> Arc<Entry> {
        let end = self.database.end();
        let entry = Entry {
            serial: end.serial + 1,
            epoch,
            request: RequestId::from_bits(u128::from(end.serial) + 1 + (u128::from(epoch.number) << 64)),
            actor: "test".to_owned(),
            time: WallTime(5),
            kind: payload.kind(),
            bytes: payload.to_bytes(),
            digest: Digest::default(),
        };
        Arc::new(entry.sealed(self.database.id().unwrap(), &end.digest))
    }
    fn append(&mut self, payload: &Payload, epoch: Epoch, keep: u64) {
        let entry = self.entry(payload, epoch);
        let batch = self.database.append(entry, keep).unwrap();
        self.store.commit(&batch);
    }
    fn reign(&mut self, id: u128, keep: u64) {
        let number = self.epoch().map_or(1, |epoch| epoch.number + 1);
        let payload = Payload::Reign(ReignPayload {
            by: "r1".parse().unwrap(),
            accepted_loss: false,
            forced: false,
            proof: String::new(),
        });
        let id = EpochId::from_bits(id + 1);
        self.append(&payload, Epoch { number, id }, keep);
    }
    fn epoch(&self) -> Option<Epoch> {
        self.database.lineage().last().map(|reign| reign.epoch)
    }
    fn put(&mut self, name: u8, keep: u64) {
        let name = format!("app-{}", name % 4);
        let before = self.database.deployment().applications.get(name.as_str());
        let before = before.map(|record| record.revision);
        let revision = self.database.history().next_revision(&name.parse().unwrap(), before);
        let descriptor = Application {
            description: format!("revision {revision}"),
            ..Application::new(name.parse().unwrap())
        };
        let payload = Payload::PutApplication(ApplicationPayload {
            descriptor: descriptor.into(),
            revision,
            changes: None,
            rolled_back_to: None,
        });
        self.append(&payload, self.epoch().unwrap(), keep);
    }
    fn remove(&mut self, name: u8, keep: u64) {
        let name: ApplicationName = format!("app-{}", name % 4).parse().unwrap();
        if self.database.deployment().applications.contains_key(&name) {
            self.append(&Payload::RemoveApplication(name), self.epoch().unwrap(), keep);
        }
    }
    fn record(&mut self, name: u8, keep: u64) {
        let name: PeerName = format!("r{}", name % 5).parse().unwrap();
        let address = format!("127.0.0.1:{}", 7400 + self.database.end().serial)
            .parse()
            .unwrap();
        self.append(
            &Payload::PutRegistry(RegistryRecord { name, address }),
            self.epoch().unwrap(),
            keep,
        );
    }
    fn restored(&self) -> Database {
        Database::restore(self.store.0.clone()).unwrap()
    }
}

fn assert_equal(one: &Database, other: &Database) {
    assert_eq!(one.summary(), other.summary());
    assert_eq!(one.id(), other.id());
    assert_eq!(one.deployment(), other.deployment());
    assert_equal_histories(one, other);
    assert_eq!(one.log_first(), other.log_first());
    for serial in 0..=one.end().serial {
        assert_eq!(one.digest_at(serial), other.digest_at(serial), "at {serial}");
        assert_eq!(one.entry(serial), other.entry(serial), "at {serial}");
        for epoch in 0..=one.end().epoch {
            let request = RequestId::from_bits(u128::from(serial) + (u128::from(epoch) << 64));
            assert_eq!(one.find(request), other.find(request), "request of {serial}");
        }
    }
}

fn assert_equal_histories(one: &Database, other: &Database) {
    let values = |database: &Database| database.history().values().collect::<BTreeMap<_, _>>();
    assert_eq!(values(one), values(other));
}

/// What may happen to a database.
#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    Remove(u8),
    Record(u8),
    Reign,
    /// Reigns that nobody followed, dropped again.
    DropReigns(u8),
    /// Another registry takes over by snapshot, and goes on.
    Snapshot,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<u8>().prop_map(Step::Put),
        1 => any::<u8>().prop_map(Step::Remove),
        2 => any::<u8>().prop_map(Step::Record),
        1 => Just(Step::Reign),
        1 => (1_u8..3).prop_map(Step::DropReigns),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

fn live(steps: &[Step], keep: u64) -> Replica {
    let mut replica = Replica::founded();
    for (number, step) in steps.iter().enumerate() {
        let id = u128::try_from(number).unwrap() * 10;
        match step {
            Step::Put(name) => replica.put(*name, keep),
            Step::Remove(name) => replica.remove(*name, keep),
            Step::Record(name) => replica.record(*name, keep),
            Step::Reign => replica.reign(id, keep),
            Step::DropReigns(count) => {
                let end = replica.database.end();
                for more in 0..*count {
                    replica.reign(id + u128::from(more), keep);
                }
                let batch = replica.database.drop_empty_surplus(end.serial).unwrap();
                replica.store.commit(&batch);
                assert_eq!(replica.database.end(), end);
            }
            Step::Snapshot => {
                let bytes = replica.database.snapshot();
                let before = replica.database.clone();
                let (database, batch) =
                    Database::from_snapshot(&bytes, Database::snapshot_digest(&bytes), before.end()).unwrap();
                replica.database = database;
                replica.store.commit(&batch);
                assert_eq!(replica.database.end(), before.end());
                assert_eq!(replica.database.deployment(), before.deployment());
                assert_equal_histories(&replica.database, &before);
                for serial in 0..=before.end().serial {
                    for epoch in 0..=before.end().epoch {
                        let request = RequestId::from_bits(u128::from(serial) + (u128::from(epoch) << 64));
                        assert_eq!(replica.database.find(request), before.find(request));
                    }
                }
            }
            Step::Restart => replica.database = replica.restored(),
        }
        assert_equal(&replica.database, &replica.restored());
    }
    replica
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_disk_holds_what_memory_holds(steps in steps(), keep in 1_u64..12) {
        live(&steps, keep);
    }

    /// Whatever was trimmed, and whether it came by entries or by snapshots.
    #[test]
    fn equal_ends_have_equal_values(steps in steps(), keep in 1_u64..12) {
        let (one, other) = (live(&steps, keep).database, live(&steps, 10_000).database);
        prop_assert_eq!(one.end(), other.end());
        prop_assert_eq!(one.deployment(), other.deployment());
        assert_equal_histories(&one, &other);
    }

    #[test]
    fn a_flipped_byte_is_found(steps in steps(), keep in 1_u64..6, place in any::<u64>(), bit in 0_u8..8) {
        let replica = live(&steps, keep);
        let image = &replica.store.0;
        for key in image.values.keys() {
            let mut damaged = image.clone();
            let value = damaged.values.get_mut(key).unwrap();
            let index = usize::try_from(place % u64::try_from(value.len()).unwrap()).unwrap();
            value[index] ^= 1 << bit;
            prop_assert!(Database::restore(damaged).is_err(), "value {key} byte {index}");
            let mut lost = image.clone();
            lost.values.remove(key);
            prop_assert!(Database::restore(lost).is_err(), "value {key} lost");
        }
        for index in 0..image.log.len() {
            let mut damaged = image.clone();
            let entry = &mut damaged.log[index];
            match place % 6 {
                0 => entry.serial ^= 1 << bit,
                1 => entry.epoch.number ^= 1 << bit,
                2 => entry.time.0 ^= 1 << bit,
                3 => entry.actor.push('x'),
                4 => entry.bytes[0] ^= 1 << bit,
                _ => entry.digest.0[3] ^= 1 << bit,
            }
            prop_assert!(Database::restore(damaged).is_err(), "entry {index}");
            let mut lost = image.clone();
            lost.log.remove(index);
            prop_assert!(Database::restore(lost).is_err(), "entry {index} lost");
        }
    }

    #[test]
    fn a_damaged_snapshot_is_refused(steps in steps(), place in any::<u64>(), bit in 0_u8..8) {
        let replica = live(&steps, 4);
        let mut bytes = replica.database.snapshot();
        let digest = Database::snapshot_digest(&bytes);
        let index = usize::try_from(place % u64::try_from(bytes.len()).unwrap()).unwrap();
        bytes[index] ^= 1 << bit;
        prop_assert!(Database::from_snapshot(&bytes, digest, replica.database.end()).is_err());
    }
}

#[test]
fn an_entry_that_does_not_fit_changes_nothing() {
    let mut replica = Replica::founded();
    replica.put(1, 100);
    let before = replica.database.clone();
    let good = replica.entry(
        &Payload::RemoveApplication("app-1".parse().unwrap()),
        replica.epoch().unwrap(),
    );
    let id = replica.database.id().unwrap();
    let change = |change: &dyn Fn(&mut Entry)| {
        let mut entry = good.as_ref().clone();
        change(&mut entry);
        Arc::new(entry.sealed(id, &before.end().digest))
    };
    let mut unsealed = good.as_ref().clone();
    unsealed.digest.0[0] ^= 1;
    let bad = [
        ("a gap", change(&|entry| entry.serial += 1)),
        ("a repetition", change(&|entry| entry.serial -= 1)),
        ("another epoch", change(&|entry| entry.epoch.number += 1)),
        ("no content", change(&|entry| entry.bytes.clear())),
        (
            "what is not there",
            change(&|entry| {
                entry.bytes = Payload::RemoveApplication("app-9".parse().unwrap()).to_bytes();
            }),
        ),
        ("another digest", Arc::new(unsealed)),
    ];
    for (what, entry) in bad {
        assert!(replica.database.append(entry, 100).is_err(), "{what}");
        assert_equal(&replica.database, &before);
    }
    let reign = |number| {
        Payload::Reign(ReignPayload {
            by: "r1".parse().unwrap(),
            accepted_loss: false,
            forced: false,
            proof: number,
        })
    };
    let again = replica.entry(
        &reign(String::new()),
        Epoch {
            number: 1,
            id: EpochId::from_bits(99),
        },
    );
    assert!(
        replica.database.append(again, 100).is_err(),
        "a reign whose number does not grow"
    );
    assert!(replica.database.append(good, 100).is_ok());
}

#[test]
fn a_database_from_before_histories_opens_and_its_history_begins_then() {
    let mut replica = Replica::founded();
    replica.put(1, 4);
    replica.put(1, 4);
    let values = &mut replica.store.0.values;
    values.retain(|key, _| !key.starts_with("revision/"));
    let sealed = Seal::of(values).bytes(replica.database.end());
    values.insert(SEAL_KEY.to_owned(), sealed);
    replica.database = replica.restored();
    let name: ApplicationName = "app-1".parse().unwrap();
    assert_eq!(replica.database.history().before(&name, Some(2)), None);
    replica.put(1, 4);
    assert_eq!(replica.database.history().before(&name, Some(3)), Some(2));
    assert_equal(&replica.database, &replica.restored());
}

#[test]
fn a_retry_is_recognised_for_so_many_entries() {
    let mut requests = Requests::default();
    for serial in 1..=3 {
        requests.keep(Done {
            request: RequestId::from_bits(u128::from(serial)),
            serial,
            epoch: 1,
            application: Some("shop".parse().unwrap()),
            object: None,
            revision: serial,
        });
    }
    assert_eq!(requests.expire(REQUESTS_KEPT), Vec::<Serial>::new());
    assert_eq!(requests.expire(REQUESTS_KEPT + 2), [1, 2]);
    assert_eq!(requests.serial(RequestId::from_bits(2)), None);
    assert_eq!(requests.serial(RequestId::from_bits(3)), Some(3));
}

#[test]
fn some_digests_outlive_the_entries() {
    let mut replica = Replica::founded();
    let mut at_check = None;
    for number in 0..1100 {
        replica.put(u8::try_from(number % 4).unwrap(), 4);
        if replica.database.end().serial == CHECK_EVERY {
            at_check = Some(replica.database.end().digest);
        }
    }
    assert_eq!(replica.database.digest_at(CHECK_EVERY), at_check);
    assert_eq!(replica.database.digest_at(CHECK_EVERY - 1), None);
    assert_equal(&replica.database, &replica.restored());
}
