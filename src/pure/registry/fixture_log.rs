//! Logs with the databases that they add up to, for unit tests: every kind of entry, any reign, any trimming.

use super::Database;
use super::effect::{Batch, Image};
use super::payload::{ApplicationPayload, Payload, ReignPayload};
use crate::pure::base::{DatabaseId, EpochId, RequestId, WallTime};
use crate::pure::lineage::{Digest, Entry, Epoch};
use crate::pure::model::descriptor::{ObjectHome, ObjectRecord};
use crate::pure::model::{Application, RegistryRecord};
use std::sync::Arc;

/// A database, what its store holds, and every entry that it ever appended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) database: Database,
    pub(crate) image: Image,
    pub(crate) entries: Vec<Arc<Entry>>,
    /// How many entries are kept.
    pub(crate) keep: u64,
}

impl Written {
    /// An empty database of this id.
    pub(crate) fn founded(id: u128, keep: u64) -> Self {
        let mut written = Self {
            keep,
            ..Self::default()
        };
        let batch = written.database.belong_to(DatabaseId::from_bits(id));
        written.commit(&batch);
        written
    }
    /// The same log up to an entry, trimmed to `keep`.
    pub(crate) fn prefix(&self, length: usize, keep: u64) -> Self {
        let id = self.database.id().map_or(0, |id| u128::from_be_bytes(id.to_bytes()));
        let mut written = Self::founded(id, keep);
        for entry in self.entries.iter().take(length) {
            written.append(entry.clone());
        }
        written
    }
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.database.lineage().last().map(|reign| reign.epoch)
    }
    pub(crate) fn reign(&mut self, number: u64, id: u128) {
        let payload = Payload::Reign(ReignPayload {
            by: "r1".parse().unwrap(),
            accepted_loss: id.is_multiple_of(2),
            forced: false,
            proof: "proven \"as far as is known\"".to_owned(),
        });
        let id = EpochId::from_bits(id);
        self.write(&payload, Epoch { number, id });
    }
    /// One update in the current reign; which one, the number tells.
    pub(crate) fn update(&mut self, what: u8) {
        let Some(epoch) = self.epoch() else { return };
        let name = what / 8 % 3;
        let deployment = self.database.deployment();
        let payload = match what % 8 {
            0..=2 => self.application(name, what),
            3 if deployment.applications.contains_key(format!("app-{name}").as_str()) => {
                Payload::RemoveApplication(format!("app-{name}").parse().unwrap())
            }
            4 if deployment.groups.contains_key(format!("g-{name}").as_str()) => Payload::PutObject(ObjectRecord {
                id: format!("object-{name}").parse().unwrap(),
                kind: format!("kind-{what}"),
                home: ObjectHome::Group(format!("g-{name}").parse().unwrap()),
            }),
            5 if deployment.objects.contains_key(format!("object-{name}").as_str()) => {
                Payload::RemoveObject(format!("object-{name}").parse().unwrap())
            }
            6 if deployment.registries.contains_key(format!("r{name}").as_str()) => {
                Payload::ForgetRegistry(format!("r{name}").parse().unwrap())
            }
            _ => Payload::PutRegistry(RegistryRecord {
                name: format!("r{name}").parse().unwrap(),
                address: format!("127.0.0.1:{}", 7400 + u16::from(what)).parse().unwrap(),
            }),
        };
        self.write(&payload, epoch);
    }
    fn application(&self, name: u8, what: u8) -> Payload {
        let text = format!(
            "application = \"app-{name}\"\ndescription = \"\\\"{what}\\\" \u{e9}\"\n[[group]]\nid = \"g-{name}\"\n[[node.n{}.server]]\nid = \"s-{name}-{}\"\nrun = [\"/bin/true\", \"{what}\"]\nobject = [{{ id = \"o-{name}\", type = \"t\" }}]\n[[node.n{0}.server.adapter]]\nname = \"a\"\ngroup = \"g-{name}\"\nendpoint = \"tcp://x:1\"\n",
            what % 2,
            what % 3,
        );
        let descriptor = Application::from_toml(&text, "test.toml").unwrap();
        let before = self.database.deployment().applications.get(&descriptor.name);
        let revision = before.map_or(0, |record| record.revision) + 1;
        Payload::PutApplication(ApplicationPayload {
            descriptor: descriptor.into(),
            revision,
            changes: None,
            rolled_back_to: None,
        })
    }
    fn write(&mut self, payload: &Payload, epoch: Epoch) {
        let end = self.database.end();
        let entry = Entry {
            serial: end.serial + 1,
            epoch,
            request: RequestId::from_bits(u128::from(end.serial) + (u128::from(epoch.number) << 64)),
            actor: format!("ada{}@desk", end.serial % 2),
            time: WallTime(1_700_000_000_000 + i64::try_from(end.serial).unwrap()),
            kind: payload.kind(),
            bytes: payload.to_bytes(),
            digest: Digest::default(),
        };
        self.append(Arc::new(entry.sealed(self.database.id().unwrap(), &end.digest)));
    }
    fn append(&mut self, entry: Arc<Entry>) {
        let batch = self.database.append(entry.clone(), self.keep).unwrap();
        self.entries.push(entry);
        self.commit(&batch);
    }
    fn commit(&mut self, batch: &Batch) {
        let Image { values, log } = &mut self.image;
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

/// A forest: reigns begin on a prefix of any log, write for a while, and are copied up to any point; every log keeps as
/// many entries as it likes. Reigns of one number are common.
pub(crate) fn forest(steps: &[(u8, u8, Vec<u8>)]) -> Vec<Written> {
    let mut logs = vec![Written::founded(77, 1000)];
    for (step, (from, cut, updates)) in steps.iter().enumerate() {
        let source = &logs[usize::from(*from) % logs.len()];
        let at = usize::from(*cut) % (source.entries.len() + 1);
        let mut log = source.prefix(at, 1000);
        let before = log.epoch().map_or(0, |epoch| epoch.number);
        log.reign(before + 1 + u64::from(cut % 2), u128::try_from(step).unwrap() + 1);
        for what in updates {
            log.update(*what);
        }
        let keep = u64::from(from % 7) + 1;
        logs.push(log.prefix(log.entries.len(), keep));
        logs.push(log.prefix(log.entries.len().saturating_sub(usize::from(from % 3)), 1000));
        logs.push(log);
    }
    logs
}
