//! The replica's side of replication: it appends what follows its own end, and nothing else.

use super::super::database::{Database, DatabaseError};
use super::super::effect::{Batch, Effect};
use super::super::seat::{Incoming, Seat, Trouble};
use super::super::state::Registry;
use crate::pure::base::limits::SNAPSHOT_BYTES_MAX;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::claim::{Authority, RefusalCode, authority};
use crate::pure::lineage::compare::Relation;
use crate::pure::lineage::{Digest, Entry, Epoch, Serial, Version};
use crate::pure::membership::Standing;
use crate::pure::protocol::Message;
use std::sync::Arc;
use std::time::Duration;

/// Asks for the feed again at most this often.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// A replica that is behind for this long and gets nothing asks again.
const STANDSTILL: Duration = Duration::from_secs(2);

/// One part of a snapshot as it came.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) version: Version,
    pub(super) offset: u64,
    pub(super) total: u64,
    pub(super) digest: Digest,
    pub(super) bytes: Vec<u8>,
}

impl Registry {
    /// Tells the master what we have, so that it sends the rest.
    pub(super) fn ask_for_feed(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let summary = Box::new(self.database.summary());
        if let Seat::Following(following) = &mut self.seat {
            following.asked = moment.now;
            following.incoming = None;
            let (to, epoch) = (following.master.clone(), following.epoch);
            out.push(Effect::Send {
                to,
                message: Message::Follow { epoch, summary },
            });
        }
    }

    /// Is this the master that we follow, in the reign that we follow?
    pub(super) fn follows(&self, from: &PeerName, epoch: Epoch) -> bool {
        matches!(&self.seat, Seat::Following(following) if following.master == *from && following.epoch == epoch)
    }

    /// Is this feed from the master that we follow? A lower epoch is told that it is over.
    fn obeys(&mut self, from: &PeerName, epoch: Epoch, out: &mut Vec<Effect>) -> bool {
        if self.follows(from, epoch) {
            return true;
        }
        match authority(self.identity.promise, epoch, self.config.rules) {
            Authority::Lower => self.refuse(from, epoch, RefusalCode::StaleMaster, out),
            Authority::Contest => self.refuse(from, epoch, RefusalCode::Contested, out),
            Authority::Higher | Authority::Same | Authority::Jump => {}
        }
        false
    }

    /// Entries came: those that follow our end are appended and, once durable, confirmed.
    pub(super) fn fed(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        previous: (Serial, Digest),
        entries: Vec<Entry>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if !self.obeys(from, epoch, out) {
            return;
        }
        let mut batches: Vec<Batch> = Vec::new();
        let mut fault = None;
        if self
            .database
            .digest_at(previous.0)
            .is_some_and(|digest| digest != previous.1)
        {
            fault = Some(DatabaseError::Digest { at: previous.0 });
        }
        let mut gap = previous.0 > self.database.end().serial;
        for entry in entries {
            if fault.is_some() || gap {
                break;
            }
            if entry.serial <= self.database.end().serial {
                let known = self.database.digest_at(entry.serial);
                if known.is_some_and(|known| known != entry.digest) {
                    fault = Some(DatabaseError::Digest { at: entry.serial });
                    break;
                }
                continue;
            }
            // The master's own reign is the last of its log; what is beyond would raise our promise at the next start.
            if entry.epoch.number > epoch.number {
                fault = Some(DatabaseError::Epoch { at: entry.serial });
                break;
            }
            match self.database.append(Arc::new(entry), self.config.log_keep) {
                Ok(batch) => batches.push(batch),
                Err(DatabaseError::Gap { .. }) => gap = true,
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        out.extend(batches.into_iter().map(Effect::Commit));
        if let Some(fault) = fault {
            return self.corrupt_feed(from, epoch, &fault, moment, out);
        }
        if gap {
            if matches!(&self.seat, Seat::Following(following) if moment.now.since(following.asked) >= ASK_AGAIN) {
                self.ask_for_feed(moment, out);
            }
            return;
        }
        self.confirm(from, epoch, out);
    }

    /// Tells the master what is on this disk.
    fn confirm(&mut self, master: &PeerName, epoch: Epoch, out: &mut Vec<Effect>) {
        let version = self.database.end();
        if let Some(peer) = self.peers.get_mut(master) {
            peer.fed = Some(version);
        }
        out.push(Effect::Send {
            to: master.clone(),
            message: Message::Have { epoch, version },
        });
    }

    fn corrupt_feed(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        fault: &DatabaseError,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let reason = format!(
            "CORRUPT: what {from} sends does not fit what is here: {fault}; nothing was overwritten. Check both disks"
        );
        self.refuse(from, epoch, RefusalCode::Corrupt, out);
        self.happened(moment, RefusalCode::Corrupt.as_str(), reason.clone(), out);
        self.seat = Seat::Idle;
        self.trouble = Some(Trouble {
            standing: Standing::Refusing,
            reason,
        });
        // Not judged again before the peer tells something new.
        if let Some(peer) = self.peers.get_mut(from) {
            peer.status = None;
        }
    }

    /// A part of a snapshot came. It replaces the database only when all of it is there, and only if ours is a prefix.
    pub(super) fn fed_snapshot(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        part: Part,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if !self.obeys(from, epoch, out) {
            return;
        }
        let end = self.database.end().serial;
        if part.version.serial <= end {
            // It was installed, and the word of that got lost.
            return self.confirm(from, epoch, out);
        }
        let Seat::Following(following) = &mut self.seat else {
            return;
        };
        if part.total > u64::try_from(SNAPSHOT_BYTES_MAX).unwrap_or(u64::MAX) {
            return;
        }
        if part.offset == 0 {
            let (version, digest, total) = (part.version, part.digest, part.total);
            following.incoming = Some(Incoming {
                version,
                digest,
                total,
                bytes: Vec::new(),
            });
        }
        let Some(incoming) = following
            .incoming
            .as_mut()
            .filter(|incoming| incoming.version == part.version)
        else {
            return;
        };
        let have = u64::try_from(incoming.bytes.len()).unwrap_or(u64::MAX);
        let more = u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
        let fits = part.offset == have && have.saturating_add(more) <= incoming.total;
        if fits {
            incoming.bytes.extend_from_slice(&part.bytes);
            following.asked = moment.now;
        }
        let offset = if fits { have + more } else { have };
        if offset < incoming.total {
            let version = part.version;
            out.push(Effect::Send {
                to: from.clone(),
                message: Message::SnapshotNext { epoch, version, offset },
            });
            return;
        }
        let incoming = following.incoming.take();
        if let Some(incoming) = incoming {
            self.install(from, epoch, &incoming, moment, out);
        }
    }

    fn install(&mut self, from: &PeerName, epoch: Epoch, incoming: &Incoming, moment: &Moment, out: &mut Vec<Effect>) {
        let opened = Database::from_snapshot(&incoming.bytes, incoming.digest, incoming.version);
        let (database, batch) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.corrupt_feed(from, epoch, &error, moment, out),
        };
        let last = database.lineage().last().map_or(0, |reign| reign.epoch.number);
        match self.relation(&database.summary()) {
            _ if last > epoch.number => {
                let error = DatabaseError::Epoch {
                    at: database.end().serial,
                };
                return self.corrupt_feed(from, epoch, &error, moment, out);
            }
            Relation::Newer(_) | Relation::Same => {}
            Relation::Older(_) | Relation::Diverged { .. } | Relation::Foreign | Relation::Corrupt { .. } => {
                let error = DatabaseError::Values("the snapshot does not contain what is here".to_owned());
                return self.corrupt_feed(from, epoch, &error, moment, out);
            }
        }
        self.replace_database(database, batch, true, out);
        let version = self.database.end();
        self.happened(moment, "snapshot installed", format!("{version} from {from}"), out);
        self.confirm(from, epoch, out);
    }

    /// A feed that stands still is asked for again.
    pub(super) fn nudge(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let end = self.database.end().serial;
        let Seat::Following(following) = &mut self.seat else {
            return;
        };
        let master = self.peers.get(&following.master);
        let known = master.and_then(super::super::peer::Peer::version);
        if known.is_none_or(|version| version.serial <= end) {
            following.behind = None;
            return;
        }
        // Gossip may be faster than the feed: behind is who stays so without any progress.
        let (since, at) = *following.behind.get_or_insert((moment.now, end));
        if at != end {
            following.behind = Some((moment.now, end));
        } else if moment.now.since(since.max(following.asked)) >= STANDSTILL {
            self.ask_for_feed(moment, out);
        }
    }
}
