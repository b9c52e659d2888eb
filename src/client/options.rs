//! How a client presents itself, and how long it waits.

use crate::pure::base::GridName;
use std::time::Duration;

/// How a client presents itself, and how long it waits.
#[derive(Clone, Debug)]
pub struct Options {
    /// For the audit trail: user@host, or what the program calls itself.
    pub actor: String,
    /// How long a call takes at most, connecting and retries included. Default 10 s.
    pub timeout: Duration,
    /// Peers of another grid refuse us; `None` takes whatever grid answers.
    pub grid: Option<GridName>,
    /// How long connecting to one address may take, hello included. Default 2 s.
    pub connect_timeout: Duration,
    /// How long one address is tried alone before the next is tried beside it. Default 50 ms.
    pub stagger: Duration,
    /// A peer that says nothing for this long while it owes answers is given up. Default 3 s.
    pub silence_max: Duration,
    /// Where no registry can be found, a node that was found may answer for its own servers alone; [`Client::answered_alone`]
    /// tells when one did. Default false: part of the truth must not pass for all of it.
    ///
    /// [`Client::answered_alone`]: super::Client::answered_alone
    pub ask_nodes: bool,
}

impl Options {
    /// The defaults.
    pub fn new(actor: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            timeout: Duration::from_secs(10),
            grid: None,
            connect_timeout: Duration::from_secs(2),
            stagger: Duration::from_millis(50),
            silence_max: Duration::from_secs(3),
            ask_nodes: false,
        }
    }
}
