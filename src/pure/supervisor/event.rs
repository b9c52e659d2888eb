//! What can happen to one server, and what its life cycle asks for.

use super::exit::Exit;
use super::launch::{Ports, Probe};
use super::notice::Word;
use crate::pure::allocation::{Known, Tenure};
use crate::pure::base::RunId;
use crate::pure::model::ServerSpec;
use std::sync::Arc;

/// Who wants a server to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its definition: `always` servers start with their node.
    Always,
    /// An operator. Ends back-off and an earlier stop.
    Operator,
    /// Somebody resolves one of its adapters, or of a session's server while a session has it. Respects back-off.
    Demand,
}

/// A process of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Which start of the server it is.
    pub run: RunId,
    /// The definition that it was started by.
    pub spec: Arc<ServerSpec>,
    /// The leader of its process group.
    pub pid: u32,
    /// Its ports.
    pub ports: Ports,
    /// The session that had the server when it was started.
    pub tenure: Option<Tenure>,
}

/// One thing that happened. Events of another run than the present one are late and ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it to run.
    Start(Why),
    /// An operator stops it.
    Stop,
    /// An operator wants a new process.
    Restart,
    /// It may be started again.
    Enable,
    /// Nobody may start it; a running process is left alone.
    Disable,
    /// Its definition, new or the same.
    Respec(Arc<ServerSpec>),
    /// Its node goes, or the server was removed: stop, and never start again.
    Close,
    /// It is listed again before its removal was done: as new, by this definition.
    Reopen(Arc<ServerSpec>),
    /// A process was found that an earlier life of the node had started. Comes first, if at all.
    Adopted(Running),
    /// The process runs, and that is on disk.
    Spawned {
        /// Which.
        run: RunId,
        /// Its leader.
        pid: u32,
        /// Its ports.
        ports: Ports,
    },
    /// There is no process.
    SpawnFailed {
        /// Which.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// The probe succeeded.
    Ready {
        /// Which.
        run: RunId,
    },
    /// The leader ended, and nothing of its group is left.
    Exited {
        /// Which.
        run: RunId,
        /// How.
        how: Exit,
    },
    /// Something about a running process that people should know: a stop command failed, files could not be written.
    Noted {
        /// Which.
        run: RunId,
        /// What.
        reason: String,
    },
    /// A time that was asked for may have come.
    Timer,
    /// The process says something of itself.
    Said {
        /// Which.
        run: RunId,
        /// What.
        word: Word,
    },
    /// Its node starts nothing any more.
    Drain {
        /// Its process, if there is one, is left alone; else it is stopped.
        keep_running: bool,
    },
    /// Its node starts servers again.
    Undrain,
    /// Which session has the server, or that none has: later than what was known.
    Tenure(Known),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process. Answered by `Spawned` or `SpawnFailed`.
    Spawn {
        /// Which.
        run: RunId,
        /// What.
        spec: Arc<ServerSpec>,
        /// For whom, if it is a session's.
        tenure: Option<Tenure>,
    },
    /// Ask until the answer is good, then say `Ready`.
    Probe {
        /// Which.
        run: RunId,
        /// What to ask.
        probe: Probe,
    },
    /// Stop asking.
    StopProbe {
        /// Which.
        run: RunId,
    },
    /// It has a new definition that needs no new process: write its files, and tell it where they changed. Also what the
    /// shell needs of the newest definition (how to stop it, how much output to keep) comes by this.
    Refresh {
        /// Which.
        run: RunId,
        /// The new definition.
        spec: Arc<ServerSpec>,
    },
    /// Ask the process group to end, as the newest definition says.
    Terminate {
        /// Which.
        run: RunId,
        /// The newest definition.
        spec: Arc<ServerSpec>,
    },
    /// SIGKILL to the process group.
    Kill {
        /// Which.
        run: RunId,
    },
    /// Its report differs from before.
    Changed,
}
