//! A session: whoever knows its secret holds what it holds, from any connection, for as long as it is renewed.

use crate::pure::base::{Secret, WallTime};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long a session lives without a renewal, unless it asks for something else (design, section 9).
pub const TTL_DEFAULT: Duration = Duration::from_secs(10);
/// Shortest time to live: renewals come four times as often, and a pause of the machine must not end a session.
pub const TTL_MIN: Duration = Duration::from_secs(1);
/// Longest time to live: what a dead client holds is lost to the others for that long.
pub const TTL_MAX: Duration = Duration::from_hours(24);
/// Most sessions at a time.
pub const SESSIONS_MAX: usize = 10_000;
/// Longest name of a session, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Names a session, for everybody: drawn from its secret, so that opening it twice opens it once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(u64);

impl SessionId {
    /// The id of the session that this secret opens.
    pub fn of(secret: Secret) -> Self {
        Self(fingerprint(secret).0)
    }
    /// As a number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:016x}", self.0))
    }
}
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for SessionId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or("a session id is 16 hexadecimal digits")
    }
}
impl TryFrom<String> for SessionId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

/// A session as every registry keeps it. The secret itself is kept by nobody but its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What only the right secret gives.
    check: u64,
    /// For people: `nightly build`.
    pub name: String,
    /// How long it lives without a renewal, in milliseconds: from `TTL_MIN` to `TTL_MAX`.
    pub ttl_ms: u64,
    /// Who opened it, for people.
    pub actor: String,
    /// When, for people.
    pub opened: WallTime,
}

impl Session {
    /// A session that this secret opens.
    pub fn new(secret: Secret, name: String, ttl: Duration, actor: String, opened: WallTime) -> Self {
        let (id, check) = fingerprint(secret);
        Self {
            id: SessionId(id),
            check,
            name,
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            actor,
            opened,
        }
    }
    /// Is this its secret?
    pub fn admits(&self, secret: Secret) -> bool {
        fingerprint(secret) == (self.id.0, self.check)
    }
    /// How long it lives without a renewal.
    pub fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }
}

/// Cannot be turned back into the secret: tables and disks show what is drawn from it.
fn fingerprint(secret: Secret) -> (u64, u64) {
    let mut hasher = blake3::Hasher::new_derive_key("floe 2026 session of a secret 1");
    hasher.update(&secret.to_bytes());
    let mut halves = [[0; 8]; 2];
    hasher.finalize_xof().fill(halves.as_flattened_mut());
    let [id, check] = halves.map(u64::from_be_bytes);
    (id, check)
}
