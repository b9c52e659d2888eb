//! The master's side of replication: who is attached, and what each has and is sent.

use super::super::database::Database;
use super::super::effect::Effect;
use super::super::seat::{Follower, Outgoing, Pending};
use super::super::state::Registry;
use crate::pure::base::limits::{FOLLOW_WINDOW, PART_BYTES_MAX};
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::claim::RefusalCode;
use crate::pure::lineage::compare::Relation;
use crate::pure::lineage::{Epoch, Summary, Version};
use crate::pure::membership::Standing;
use crate::pure::protocol::Message;
use std::sync::Arc;
use std::time::Duration;

/// What was sent and not confirmed for this long is sent again.
const RESEND: Duration = Duration::from_secs(1);
/// So much longer for each entry in flight: a slow replica that works through a full window must not be sent it twice.
const RESEND_ENTRY: Duration = Duration::from_millis(10);

impl Registry {
    /// A replica asks to be fed from its own end on.
    pub(super) fn asked_to_feed(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        summary: &Summary,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.reign() != Some(epoch) {
            let status = Box::new(self.status());
            out.push(Effect::Send {
                to: from.clone(),
                message: Message::Status(status),
            });
            return;
        }
        let relation = self.relation(summary);
        match relation {
            Relation::Same | Relation::Older(_) => self.attach(from, summary, moment, out),
            Relation::Foreign => self.refuse(from, epoch, RefusalCode::ForeignStore, out),
            Relation::Newer(_) | Relation::Diverged { .. } | Relation::Corrupt { .. } => {
                // It obeys our epoch and has what we never wrote: one of the two disks is wrong, and we cannot know which.
                self.refuse(from, epoch, RefusalCode::Corrupt, out);
                let reason = format!(
                    "CORRUPT: {from} follows epoch {} and has another history; writes are stopped. Check both disks, then restart the intact one with --promote",
                    epoch.number
                );
                self.step_down(Standing::Outdated, reason, moment, out);
            }
        }
    }

    fn attach(&mut self, from: &PeerName, summary: &Summary, moment: &Moment, out: &mut Vec<Effect>) {
        let end = summary.end;
        let known = self.database.digest_at(end.serial).is_some();
        let snapshot = end.serial + 1 < self.database.log_first() || !known;
        let outgoing = snapshot.then(|| {
            let bytes = Arc::new(self.database.snapshot());
            let digest = Database::snapshot_digest(&bytes);
            Outgoing {
                version: self.database.end(),
                bytes,
                digest,
                offset: 0,
                wanted: true,
            }
        });
        let attached = self.reigning().and_then(|reigning| reigning.followers.get(from));
        let before = attached.map(|follower| follower.late);
        let expected = self.reigning().is_some_and(|reigning| reigning.expected.remove(from));
        let late = before.unwrap_or(!expected && end.serial < self.database.end().serial);
        let follower = Follower {
            have: end,
            sent: end.serial,
            moved: moment.now,
            late,
            snapshot: outgoing,
            holds: None,
            slow: false,
            beat: 0,
        };
        if let Some(reigning) = self.reigning() {
            reigning.refusals.remove(from);
            reigning.followers.insert(from.clone(), follower);
        }
        if before.is_none() {
            let need = if snapshot { ", needs a snapshot" } else { "" };
            self.happened(moment, "replica attached", format!("{from} at {end}{need}"), out);
        }
        self.admit(moment, out);
        self.feed(from, moment, out);
        self.tell_allocations(from, out);
    }

    /// Sends a replica what it lacks, within its window.
    pub(super) fn feed(&mut self, to: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(mut follower) = self.reigning().and_then(|reigning| reigning.followers.get(to).cloned()) else {
            return;
        };
        let Some(epoch) = self.reign() else { return };
        if let Some(snapshot) = &mut follower.snapshot {
            // Once: the replica asks for the next part, and `resend` for a lost one.
            if std::mem::replace(&mut snapshot.wanted, false) {
                out.push(Effect::Send {
                    to: to.clone(),
                    message: snapshot_part(epoch, snapshot),
                });
            }
        } else {
            let limit = follower.have.serial.saturating_add(FOLLOW_WINDOW);
            while follower.sent < limit {
                let entries = self
                    .database
                    .entries_after(follower.sent, limit - follower.sent, PART_BYTES_MAX);
                let (Some(last), Some(previous_digest)) = (entries.last(), self.database.digest_at(follower.sent))
                else {
                    break;
                };
                let (previous, sent) = (follower.sent, last.serial);
                let entries = entries.iter().map(|entry| entry.as_ref().clone()).collect();
                out.push(Effect::Send {
                    to: to.clone(),
                    message: Message::Entries {
                        epoch,
                        previous,
                        previous_digest,
                        entries,
                    },
                });
                follower.sent = sent;
                follower.moved = moment.now;
            }
        }
        if let Some(reigning) = self.reigning() {
            reigning.followers.insert(to.clone(), follower);
        }
    }

    /// A replica has everything up to a version on its disk.
    pub(super) fn follower_has(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        version: Version,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.reign() != Some(epoch) {
            return;
        }
        // It obeys our epoch, so all it can have is what we wrote.
        let ours = self.database.digest_at(version.serial);
        if version.serial > self.database.end().serial || ours.is_some_and(|digest| digest != version.digest) {
            let reason = format!(
                "CORRUPT: {from} has other bytes at entry {}; writes are stopped. Check both disks, then restart the intact one with --promote",
                version.serial
            );
            self.refuse(from, epoch, RefusalCode::Corrupt, out);
            return self.step_down(Standing::Outdated, reason, moment, out);
        }
        let end = self.database.end().serial;
        let Some(follower) = self.reigning().and_then(|reigning| reigning.followers.get_mut(from)) else {
            return;
        };
        if version.serial < follower.have.serial {
            return;
        }
        follower.have = version;
        follower.moved = moment.now;
        follower.sent = follower.sent.max(version.serial);
        if follower
            .snapshot
            .as_ref()
            .is_some_and(|snapshot| version.serial >= snapshot.version.serial)
        {
            follower.snapshot = None;
        }
        follower.late &= version.serial < end;
        self.feed(from, moment, out);
        self.acknowledge(moment, out);
    }

    /// A replica wants the next part of its snapshot.
    pub(super) fn follower_wants(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        version: Version,
        offset: u64,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.reign() != Some(epoch) {
            return;
        }
        let Some(follower) = self.reigning().and_then(|reigning| reigning.followers.get_mut(from)) else {
            return;
        };
        let Some(snapshot) = follower
            .snapshot
            .as_mut()
            .filter(|snapshot| snapshot.version == version)
        else {
            return;
        };
        snapshot.offset = offset;
        snapshot.wanted = true;
        follower.moved = moment.now;
        self.feed(from, moment, out);
    }

    /// Sends again what was not confirmed in time.
    pub(super) fn resend(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(reigning) = self.reigning() else { return };
        let open = |follower: &Follower| follower.sent > follower.have.serial || follower.snapshot.is_some();
        let stuck: Vec<PeerName> = reigning
            .followers
            .iter_mut()
            .filter(|(_, follower)| open(follower) && moment.now.since(follower.moved) >= patience(follower))
            .map(|(name, follower)| {
                follower.sent = follower.have.serial;
                follower.moved = moment.now;
                if let Some(snapshot) = &mut follower.snapshot {
                    snapshot.wanted = true;
                }
                name.clone()
            })
            .collect();
        for name in stuck {
            self.feed(&name, moment, out);
        }
    }

    /// Takes an update in: it is stored; the answer waits for copies.
    pub(super) fn await_copies(&mut self, pending: Pending, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(reigning) = self.reigning() else { return };
        reigning.pending.push_back(pending);
        let followers: Vec<PeerName> = reigning.followers.keys().cloned().collect();
        for name in followers {
            self.feed(&name, moment, out);
        }
        self.acknowledge(moment, out);
    }
}

fn patience(follower: &Follower) -> Duration {
    let in_flight = follower.sent.saturating_sub(follower.have.serial).min(FOLLOW_WINDOW);
    RESEND + RESEND_ENTRY * u32::try_from(in_flight).unwrap_or(u32::MAX)
}

fn snapshot_part(epoch: Epoch, snapshot: &Outgoing) -> Message {
    let start = usize::try_from(snapshot.offset)
        .unwrap_or(usize::MAX)
        .min(snapshot.bytes.len());
    let end = start.saturating_add(PART_BYTES_MAX).min(snapshot.bytes.len());
    Message::Snapshot {
        epoch,
        version: snapshot.version,
        offset: u64::try_from(start).unwrap_or(u64::MAX),
        total: u64::try_from(snapshot.bytes.len()).unwrap_or(u64::MAX),
        digest: snapshot.digest,
        bytes: snapshot.bytes.get(start..end).unwrap_or_default().to_vec(),
    }
}
