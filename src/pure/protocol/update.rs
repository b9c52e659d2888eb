//! Updates on conditions, what they do to servers that run, and what has become of them on the nodes.

use crate::pure::base::{ApplicationName, PeerName, ServerId};
use crate::pure::lineage::{Serial, Version};
use crate::pure::model::{Application, Plan};
use crate::pure::supervisor::report::ServerState;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Most servers that a report names one by one; the rest is counted, so that a report fits into a frame.
pub const AFFECTED_MAX: usize = 1000;
/// Most servers that an outcome names one by one.
pub const OUTCOME_ROWS_MAX: usize = 200;

/// What an update does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Deploys an application, new or changed.
    Put(Box<Application>),
    /// Deploys an earlier revision again.
    Rollback {
        /// The application.
        name: ApplicationName,
        /// To which revision; `None`: the one before, or the last one of a removed application.
        to: Option<u64>,
    },
    /// Removes an application and its servers.
    Remove {
        /// The application.
        name: ApplicationName,
    },
}

/// What must hold, or nothing is stored. The master checks it where it stores: nothing comes between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// The application is at this revision (0: it does not exist).
    #[serde(default)]
    pub if_revision: Option<u64>,
    /// Nothing was changed in the database since this version.
    #[serde(default)]
    pub if_version: Option<VersionText>,
    /// No server that runs is restarted, stopped, moved or removed.
    #[serde(default)]
    pub no_restart: bool,
}

/// A version as people write it: `4.93`. It names an entry, without the digest that proves which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionText {
    /// The number of the epoch.
    pub epoch: u64,
    /// The serial.
    pub serial: Serial,
}
impl fmt::Display for VersionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.serial)
    }
}
impl From<Version> for VersionText {
    fn from(version: Version) -> Self {
        Self {
            epoch: version.epoch,
            serial: version.serial,
        }
    }
}
impl FromStr for VersionText {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').and_then(|(epoch, serial)| {
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            (digits(epoch) && digits(serial)).then_some(Self {
                epoch: epoch.parse().ok()?,
                serial: serial.parse().ok()?,
            })
        });
        parts.ok_or_else(|| "wants a version of the database such as 4.93".to_owned())
    }
}

/// What an update does to one server that runs, or may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// It is stopped and started again where it is.
    Restart,
    /// It is stopped there, then may start on another node.
    Move,
    /// It is stopped and deleted.
    Remove,
}
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Restart => "restart",
            Self::Move => "move",
            Self::Remove => "remove",
        })
    }
}

/// A server that runs, or may run, and is not left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedServer {
    /// Which.
    pub server: ServerId,
    /// Where it runs.
    pub node: PeerName,
    /// What is done to it.
    pub deed: Deed,
    /// Its state as the registry knows it. `unknown` counts as running.
    pub state: ServerState,
    /// Why the state is not known; empty when it is.
    pub reason: String,
}
impl fmt::Display for AffectedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} on {}", self.deed, self.server, self.state, self.node)?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        f.write_str(")")
    }
}

/// All servers that run, or may run, and are not left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// At most [`AFFECTED_MAX`], in order of ids within each deed.
    pub servers: Vec<AffectedServer>,
    /// How many more there are.
    pub more: u64,
}

/// What an update would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The application.
    pub application: String,
    /// Its revision now; 0 when it does not exist.
    pub revision: u64,
    /// The version of the database that this was planned against.
    pub version: String,
    /// What it means to change.
    pub plan: Plan,
    /// What that does to servers that run now.
    pub affected: Affected,
}

/// How far the nodes are with an update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The application's revision now; `None` when it does not exist.
    pub revision: Option<u64>,
    /// Servers that the update put, changed or took away.
    pub servers: u64,
    /// Of those: as wanted.
    pub done: u64,
    /// Of those: on their way.
    pub waiting: u64,
    /// Of those: not as wanted, for a reason that waiting does not mend.
    pub failed: u64,
    /// Those that are not as wanted, the failed ones first; at most [`OUTCOME_ROWS_MAX`].
    pub rows: Vec<OutcomeRow>,
}

/// One server that is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRow {
    /// Which.
    pub server: ServerId,
    /// The node that is to act.
    pub node: PeerName,
    /// Its state there.
    pub state: ServerState,
    /// Waiting does not mend it.
    pub failed: bool,
    /// Why it is not as wanted.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        let version: VersionText = "4.93".parse().unwrap();
        assert_eq!(
            (version.epoch, version.serial, version.to_string()),
            (4, 93, "4.93".to_owned())
        );
        for bad in [
            "",
            "4",
            ".",
            "4.",
            ".93",
            "4.93.1",
            "a.b",
            "+4.93",
            "4.99999999999999999999",
        ] {
            assert!(bad.parse::<VersionText>().is_err(), "{bad:?}");
        }
    }
}
