//! The typed view of a member's gossip entries; the only file that spells a gossip key.
//!
//! Keys are short ASCII words, values ASCII of at most [`VALUE_BYTES_MAX`]. A value is a list of fields between `;`: a later
//! release may append fields, never change one, and a reader takes the fields it knows and ignores the rest, as it ignores
//! keys that it does not know. What is not there is said as `-`, not by deleting the key: gossip tells nobody of a delete.

use super::card::{PeerCard, PeerKind};
use crate::pure::base::limits::{PROTOCOL, PROTOCOL_MIN};
use crate::pure::base::{Address, EpochId, InstanceId, PeerName, hex};
use crate::pure::lineage::{Digest, Epoch, Version};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest value of a gossip key, in bytes: the longest address (a host of 253 bytes and a port). A value that outgrew a
/// datagram would block every later key of its peer.
pub const VALUE_BYTES_MAX: usize = 260;
/// Longest gossip key, in bytes.
pub const KEY_BYTES_MAX: usize = 64;

const KIND: &str = "kind";
const INSTANCE: &str = "instance";
const GENERATION: &str = "generation";
const ADDRESS: &str = "address";
const HTTP: &str = "http";
const PROTOCOLS: &str = "protocol";
const ROLE: &str = "role";
const STANDING: &str = "standing";
const CLAIM: &str = "claim";
const VERSION: &str = "version";
const OBEYS: &str = "obeys";
const SERVERS: &str = "servers";
/// Set, to anything, by a peer that is about to stop.
const LEAVING: &str = "leaving";
/// The value that says "nothing".
const NONE: &str = "-";

/// A registry's role: assigned by the operator, never voted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes updates.
    Master,
    /// Copies the master.
    #[default]
    Replica,
}
impl Role {
    /// As in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Replica => "replica",
        }
    }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who gave a registry its role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleSource {
    /// The configuration.
    #[default]
    File,
    /// A command, which came after the configuration's last change.
    Command,
}
impl RoleSource {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Command => "command",
        }
    }
}

/// What a registry may do now (design, section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Reigns: takes updates, feeds replicas, commands nodes.
    Leading,
    /// Role master with `--readonly`: looks only.
    Reviewing,
    /// Role master, surveying or not enough in sight; goes on by itself.
    Waiting,
    /// Role master, somebody holds entries that it lacks.
    Outdated,
    /// Reigned; a higher promise exists and its own log has a surplus.
    Superseded,
    /// Another id claims the same number.
    Contested,
    /// Attached to the leading master.
    Following,
    /// No leading master in reach.
    #[default]
    Detached,
    /// Newer than or diverged from the registry that leads: obeys its epoch, takes none of its data.
    Refusing,
}
impl Standing {
    /// All standings, for metrics and tests.
    pub const ALL: [Self; 9] = [
        Self::Leading,
        Self::Reviewing,
        Self::Waiting,
        Self::Outdated,
        Self::Superseded,
        Self::Contested,
        Self::Following,
        Self::Detached,
        Self::Refusing,
    ];
    /// As in JSON, gossip and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leading => "leading",
            Self::Reviewing => "reviewing",
            Self::Waiting => "waiting",
            Self::Outdated => "outdated",
            Self::Superseded => "superseded",
            Self::Contested => "contested",
            Self::Following => "following",
            Self::Detached => "detached",
            Self::Refusing => "refusing",
        }
    }
}
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a peer publishes of itself. `card` says who and where; the rest how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who and where.
    pub card: PeerCard,
    /// A registry's role.
    pub role: Option<Role>,
    /// A registry's standing.
    pub standing: Option<Standing>,
    /// The epoch that a registry reigns in.
    pub claim: Option<Epoch>,
    /// What a registry holds, or the slice that a node runs.
    pub version: Option<Version>,
    /// The epoch that the peer promised to obey.
    pub obeys: Epoch,
    /// Servers active and in all, of a node.
    pub servers: Option<(u64, u64)>,
}

impl Record {
    /// The record as gossip keys and values: always the same keys, so that none has to be deleted.
    pub fn to_keys(&self) -> Vec<(&'static str, String)> {
        let card = &self.card;
        let keys = vec![
            (KIND, card.kind.to_string()),
            (INSTANCE, card.instance.to_string()),
            (GENERATION, card.generation.to_string()),
            (ADDRESS, card.address.to_string()),
            (HTTP, text_or_none(card.http.as_ref(), Address::to_string)),
            (PROTOCOLS, format!("{PROTOCOL_MIN};{PROTOCOL}")),
            (ROLE, text_or_none(self.role, |role| role.as_str().to_owned())),
            (
                STANDING,
                text_or_none(self.standing, |standing| standing.as_str().to_owned()),
            ),
            (CLAIM, text_or_none(self.claim, epoch_text)),
            (VERSION, text_or_none(self.version, version_text)),
            (OBEYS, epoch_text(self.obeys)),
            (
                SERVERS,
                text_or_none(self.servers, |(active, total)| format!("{active};{total}")),
            ),
        ];
        debug_assert!(
            keys.iter()
                .all(|(_, value)| value.len() <= VALUE_BYTES_MAX && value.is_ascii()),
            "every value is ASCII and short: {keys:?}"
        );
        keys
    }

    /// The record that a peer's keys say, read through `lookup`; keys that are not asked for are ignored.
    ///
    /// # Errors
    /// Which key is missing or wrong, and how.
    pub fn from_keys<'a>(name: &PeerName, lookup: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let fields = Fields { lookup };
        fields.check_protocols()?;
        Ok(Self {
            card: PeerCard {
                name: name.clone(),
                kind: fields.required(KIND, |text| word(&text, &[PeerKind::Registry, PeerKind::Node]))?,
                instance: fields.required(INSTANCE, |text| parsed::<InstanceId>(text.first()?))?,
                generation: fields.required(GENERATION, |text| number(text.first()?))?,
                address: fields.required(ADDRESS, |text| parsed::<Address>(text.first()?))?,
                http: fields.optional(HTTP, |text| parsed::<Address>(text.first()?))?,
            },
            role: fields.optional(ROLE, |text| word(&text, &[Role::Master, Role::Replica]))?,
            standing: fields.optional(STANDING, |text| word(&text, &Standing::ALL))?,
            claim: fields.optional(CLAIM, epoch)?,
            version: fields.optional(VERSION, version)?,
            obeys: fields.required(OBEYS, epoch)?,
            servers: fields.optional(SERVERS, |text| Some((number(text.first()?)?, number(text.get(1)?)?)))?,
        })
    }
}

/// The key, beside those of the record, that says whether the peer is about to stop; the others take it for dead at once then.
pub fn leaving_key(leaving: bool) -> (&'static str, String) {
    (LEAVING, if leaving { "1" } else { NONE }.to_owned())
}
/// Is the peer with these keys about to stop?
pub fn is_leaving<'a>(lookup: impl Fn(&str) -> Option<&'a str>) -> bool {
    lookup(LEAVING).is_some_and(|value| value != NONE)
}

/// One member's keys, with the errors that name them.
struct Fields<F> {
    lookup: F,
}
impl<'a, F: Fn(&str) -> Option<&'a str>> Fields<F> {
    fn required<T>(&self, key: &'static str, read: impl Fn(Vec<&'a str>) -> Option<T>) -> Result<T, String> {
        let value = (self.lookup)(key).ok_or_else(|| format!("key {key:?} is missing"))?;
        if value.len() > VALUE_BYTES_MAX || !value.is_ascii() {
            return Err(format!(
                "key {key:?} is no ASCII text of at most {VALUE_BYTES_MAX} bytes"
            ));
        }
        read(value.split(';').collect()).ok_or_else(|| format!("key {key:?} has an unknown value {value:?}"))
    }
    fn optional<T>(&self, key: &'static str, read: impl Fn(Vec<&'a str>) -> Option<T>) -> Result<Option<T>, String> {
        self.required(key, |text| match text.first() {
            Some(&NONE) => Some(None),
            _ => read(text).map(Some),
        })
    }
    /// The range is for tools: whether two peers can talk is decided by the hello of a connection.
    fn check_protocols(&self) -> Result<(), String> {
        let (oldest, newest) =
            self.required(PROTOCOLS, |text| Some((number(text.first()?)?, number(text.get(1)?)?)))?;
        if oldest > newest {
            return Err(format!("key {PROTOCOLS:?} has a range from {oldest} to {newest}"));
        }
        Ok(())
    }
}

fn text_or_none<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), text)
}
fn epoch_text(epoch: Epoch) -> String {
    format!("{};{}", epoch.number, epoch.id)
}
fn version_text(version: Version) -> String {
    format!("{};{};{}", version.epoch, version.serial, version.digest)
}
fn epoch(text: Vec<&str>) -> Option<Epoch> {
    Some(Epoch {
        number: number(text.first()?)?,
        id: parsed::<EpochId>(text.get(1)?)?,
    })
}
fn version(text: Vec<&str>) -> Option<Version> {
    Some(Version {
        epoch: number(text.first()?)?,
        serial: number(text.get(1)?)?,
        digest: Digest(hex::bytes32(text.get(2)?)?),
    })
}
/// Digits only: `u64` alone would also take a sign.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}
/// The one of `all` that is written like the first field.
fn word<T: Copy + fmt::Display>(text: &[&str], all: &[T]) -> Option<T> {
    let text = text.first()?;
    all.iter().copied().find(|candidate| candidate.to_string() == **text)
}

/// A member as gossip sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it says of itself.
    pub record: Record,
    /// Does gossip's failure detector think that it lives?
    pub alive: bool,
}

#[cfg(test)]
#[path = "record_test.rs"]
mod tests;
