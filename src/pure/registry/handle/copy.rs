//! Gives another registry a consistent copy of the database, whatever the own standing: the one who asks judges it.
//!
//! A copy is made once, when its first part is asked for, and sent in parts within a window. Nothing changes here.

use super::super::database::Database;
use super::super::effect::Effect;
use super::super::initialisation::OutgoingCopy;
use super::super::state::Registry;
use crate::pure::base::limits::{PART_BYTES_MAX, SNAPSHOT_BYTES_MAX};
use crate::pure::base::{Moment, PeerName};
use crate::pure::protocol::Message;
use crate::pure::protocol::message::CopyPart;
use std::sync::Arc;
use std::time::Duration;

/// Most copies that are given at once: each holds a whole database in memory.
const COPIES_MAX: usize = 2;
/// Parts under way that the taker has not confirmed: hides the way there and back, and stays far below a link's queue.
const WINDOW: usize = 4 * PART_BYTES_MAX;
/// A copy that nobody asked for during this time is dropped.
const IDLE: Duration = Duration::from_secs(30);

impl Registry {
    /// A registry wants a copy, or its next parts.
    pub(super) fn copy_wanted(
        &mut self,
        from: &PeerName,
        id: u64,
        offset: u64,
        again: bool,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if !self.peers.get(from).is_some_and(super::super::peer::Peer::is_registry) {
            return;
        }
        let known = self.copies.0.get(from).is_some_and(|copy| copy.id == id);
        if !known {
            let made = match offset {
                0 => self.make_copy(id, moment),
                _ => Err("the copy was given up because nobody asked for it".to_owned()),
            };
            match made {
                Ok(copy) => drop(self.copies.0.insert(from.clone(), copy)),
                Err(reason) => {
                    return out.push(Effect::Send {
                        to: from.clone(),
                        message: Message::CopyDenied { id, reason },
                    });
                }
            }
        }
        let Some(copy) = self.copies.0.get_mut(from) else {
            return;
        };
        copy.asked = moment.now;
        let has = usize::try_from(offset).unwrap_or(usize::MAX).min(copy.bytes.len());
        if known && has == copy.bytes.len() {
            self.copies.0.remove(from);
            return;
        }
        copy.sent = if again { has } else { copy.sent.max(has) };
        while copy.sent < copy.bytes.len() && copy.sent < has.saturating_add(WINDOW) {
            out.push(Effect::Send {
                to: from.clone(),
                message: Message::Copy(Box::new(next_part(copy))),
            });
        }
    }

    fn make_copy(&mut self, id: u64, moment: &Moment) -> Result<OutgoingCopy, String> {
        let me = self.name();
        let version = self.database.end();
        if version.serial == 0 {
            return Err(format!("{me} holds nothing that could be taken"));
        }
        // Two that take from each other would exchange what they hold.
        if let Some(other) = &self.initialisation {
            return Err(format!("{me} is being initialised itself, from {}", other.source));
        }
        if self.copies.0.len() >= COPIES_MAX {
            return Err(format!(
                "{me} gives {COPIES_MAX} copies already; come again in a moment"
            ));
        }
        let same = self.copies.0.values().find(|copy| copy.version == version);
        let (bytes, digest) = if let Some(copy) = same {
            (copy.bytes.clone(), copy.digest)
        } else {
            let bytes = Arc::new(self.database.snapshot());
            let digest = Database::snapshot_digest(&bytes);
            (bytes, digest)
        };
        if bytes.len() > SNAPSHOT_BYTES_MAX {
            let size = bytes.len();
            return Err(format!(
                "the database of {me} takes {size} bytes, at most {SNAPSHOT_BYTES_MAX} can be sent"
            ));
        }
        Ok(OutgoingCopy {
            id,
            status: self.status(),
            version,
            digest,
            bytes,
            sent: 0,
            asked: moment.now,
        })
    }

    /// Drops copies that nobody takes any more.
    pub(super) fn expire_copies(&mut self, moment: &Moment) {
        let peers = &self.peers;
        self.copies.0.retain(|name, copy| {
            moment.now.since(copy.asked) < IDLE && peers.get(name).is_some_and(|peer| peer.linked)
        });
    }
}

fn next_part(copy: &mut OutgoingCopy) -> CopyPart {
    let start = copy.sent;
    let end = start.saturating_add(PART_BYTES_MAX).min(copy.bytes.len());
    copy.sent = end;
    CopyPart {
        id: copy.id,
        status: (start == 0).then(|| Box::new(copy.status.clone())),
        version: copy.version,
        offset: u64::try_from(start).unwrap_or(u64::MAX),
        total: u64::try_from(copy.bytes.len()).unwrap_or(u64::MAX),
        digest: copy.digest,
        bytes: copy.bytes.get(start..end).unwrap_or_default().to_vec(),
    }
}
