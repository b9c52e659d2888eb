//! Everything that the node's core can ask for.
//!
//! The shell carries out what one event asked for in two steps: first everything durable (`Identity`, `Slice`, `Marks`,
//! `Drained`: they stand first in the list), synced; then the rest, in order. So nothing is said or done that is not on disk.

use super::slice::Slice;
use crate::pure::allocation::Tenure;
use crate::pure::base::{PeerName, RunId, ServerId, Signal, Time};
use crate::pure::membership::{Identity, Record, Remembered};
use crate::pure::model::ServerSpec;
use crate::pure::protocol::node::{Drained, Past};
use crate::pure::protocol::report::{Happening, LogPosition};
use crate::pure::protocol::{Message, ReplyTo, Response, Target};
use crate::pure::supervisor::{Marks, Probe};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// A client of the node.
    Client(ReplyTo),
    /// A registry, with the number of its `Ask`.
    Peer(PeerName, u64),
}

/// What somebody wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedLog {
    /// Standard error instead of standard output.
    pub stderr: bool,
    /// A log file that the server declares, by name, instead of either. It is declared.
    pub file: Option<String>,
    /// How many lines from the end.
    pub lines: u32,
    /// From there on instead of from the end.
    pub at: Option<LogPosition>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write the identity file; durable before anything else.
    Identity(Box<Identity>),
    /// Write the slice; durable before anything else.
    Slice(Box<Slice>),
    /// Write what operators said of servers, those that differ from the default; durable before anything else.
    Marks(BTreeMap<ServerId, Marks>),
    /// Write the file of remembered peers. A hint: it may be lost.
    Remember(Vec<Remembered>),
    /// Send to a linked peer; silently dropped when it no longer is.
    Send {
        /// The peer.
        to: PeerName,
        /// What.
        message: Message,
    },
    /// Answer a client.
    Reply {
        /// Which request.
        to: ReplyTo,
        /// What.
        response: Response,
        /// False while more follow.
        last: bool,
    },
    /// Publish in gossip.
    Publish(Box<Record>),
    /// Keep a link to each of these, dialling for ever.
    Dial(Vec<Target>),
    /// Start a process: intent on disk first, then the process, then its pid on disk, then `Spawned`. Or `SpawnFailed`.
    Spawn {
        /// The server.
        server: ServerId,
        /// This start.
        run: RunId,
        /// What.
        spec: Arc<ServerSpec>,
        /// For `FLOE_PEERS`.
        peers: String,
        /// For whom, if it is a session's.
        tenure: Option<Tenure>,
    },
    /// Ask the server until its answer is good, then say `Ready`.
    Probe {
        /// The server.
        server: ServerId,
        /// Which start.
        run: RunId,
        /// What to ask.
        probe: Probe,
    },
    /// Stop asking.
    StopProbe {
        /// The server.
        server: ServerId,
        /// Which start.
        run: RunId,
    },
    /// A running server has a new definition that needs no new process: write its files, tell it where they changed.
    Refresh {
        /// The server.
        server: ServerId,
        /// Which start.
        run: RunId,
        /// The new definition.
        spec: Arc<ServerSpec>,
    },
    /// Ask the process group to end: by the stop command or the signal of the newest definition.
    Terminate {
        /// The server.
        server: ServerId,
        /// Which start.
        run: RunId,
        /// The newest definition.
        spec: Arc<ServerSpec>,
    },
    /// SIGKILL to the process group.
    Kill {
        /// The server.
        server: ServerId,
        /// Which start.
        run: RunId,
    },
    /// Delete the directory of a server that was removed and has no process.
    Delete {
        /// The server.
        server: ServerId,
    },
    /// See what a server uses, then say `UsageRead`.
    ReadUsage {
        /// The server.
        server: ServerId,
        /// Who asked.
        to: Asker,
    },
    /// Read a server's output or a log file that it declares, then say `LogsRead`.
    ReadLogs {
        /// The server, as it is defined now.
        spec: Arc<ServerSpec>,
        /// What.
        wanted: WantedLog,
        /// Who asked.
        to: Asker,
    },
    /// Something happened: log it, count it.
    Happened(Box<Happening>),
    /// Hand in `Event::Wake` at this time. Only the latest one counts.
    Wake(Time),
    /// The node may stop now.
    Finished,
    /// Write whether the node is drained; durable before anything else.
    Drained(Option<Drained>),
    /// Write what is remembered of a server, if it has a directory. A hint: it may be lost.
    Past {
        /// The server.
        server: ServerId,
        /// What.
        past: Box<Past>,
    },
    /// A signal to the process, not to its group.
    Signal {
        /// The server.
        server: ServerId,
        /// Which start.
        run: RunId,
        /// Which signal.
        signal: Signal,
    },
}
