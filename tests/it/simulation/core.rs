//! The two kinds of core behind one face: what can happen to either, and what either asks for.
//!
//! What both know keeps its name here; what only a node asks for (processes) stays as the node said it.

use floe::pure::base::{Address, Moment, PeerName, ServerId, Time};
use floe::pure::lineage::Epoch;
use floe::pure::membership::{Change, Identity, PeerCard, Record, Remembered};
use floe::pure::node::{self, Node, Slice};
use floe::pure::protocol::report::Happening;
use floe::pure::protocol::{Message, ReplyTo, Request, Response, Target};
use floe::pure::registry::{self, Batch, Kept, Registry, SetAside};
use floe::pure::supervisor::{self, Marks};
use std::collections::BTreeMap;
use std::time::Duration;

/// A running peer's state machine.
#[derive(Debug)]
pub(super) enum Core {
    Registry(Box<Registry>),
    Node(Box<Node>),
}

/// What can happen to a peer.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Started,
    Linked {
        card: PeerCard,
    },
    Unlinked {
        peer: PeerName,
        reason: String,
    },
    Unreachable {
        peer: Option<PeerName>,
        address: Address,
        reason: String,
    },
    Message {
        from: PeerName,
        message: Box<Message>,
    },
    Members(Vec<Change>),
    Request {
        to: ReplyTo,
        actor: String,
        deadline: Duration,
        request: Box<Request>,
    },
    Wake,
    /// A client does not wait any more. A registry's only, here.
    Cancelled {
        to: ReplyTo,
    },
    /// A registry's only: its old database is kept, or cannot be.
    SetAside(Result<Kept, String>),
    /// A node's only.
    Server {
        id: ServerId,
        event: supervisor::Event,
    },
    /// A node's only.
    Shutdown,
}

/// What a peer asks for.
#[derive(Debug)]
pub(super) enum Effect {
    Identity(Box<Identity>),
    Commit(Batch),
    Slice(Box<Slice>),
    Marks(BTreeMap<ServerId, Marks>),
    Remember(Vec<Remembered>),
    Send {
        to: PeerName,
        message: Message,
    },
    Reply {
        to: ReplyTo,
        response: Response,
        last: bool,
    },
    /// A registry keeps its old database.
    SetAside(Box<SetAside>),
    Publish(Box<Record>),
    Dial(Vec<Target>),
    Happened(Box<Happening>),
    Wake(Time),
    /// What a node does on its machine.
    Process(Box<node::Effect>),
}

impl Core {
    pub(super) fn handle(&mut self, event: Event, moment: &Moment) -> Vec<Effect> {
        match self {
            Self::Registry(core) => {
                let Some(event) = event.for_registry() else {
                    return Vec::new();
                };
                core.handle(event, moment).into_iter().map(Effect::from).collect()
            }
            Self::Node(core) => {
                let Some(event) = event.for_node() else {
                    return Vec::new();
                };
                let effects = core.handle(event, moment);
                effects.into_iter().map(Effect::from).collect()
            }
        }
    }
    pub(super) fn registry(&self) -> Option<&Registry> {
        match self {
            Self::Registry(core) => Some(core),
            Self::Node(_) => None,
        }
    }
    pub(super) fn node(&self) -> Option<&Node> {
        match self {
            Self::Registry(_) => None,
            Self::Node(core) => Some(core),
        }
    }
    /// The epoch that it reigns in.
    pub(super) fn reign(&self) -> Option<Epoch> {
        self.registry()?.reign()
    }
}

impl Effect {
    /// Must it be on disk before anything else of its group is done?
    pub(super) fn is_durable(&self) -> bool {
        matches!(
            self,
            Self::Identity(_) | Self::Commit(_) | Self::Slice(_) | Self::Marks(_)
        )
    }
    /// Does it change what a node runs, or has to run?
    pub(super) fn is_deed(&self) -> bool {
        use node::Effect::{Delete, Kill, Spawn, Terminate};
        match self {
            Self::Slice(_) | Self::Marks(_) => true,
            Self::Process(act) => {
                matches!(**act, Spawn { .. } | Terminate { .. } | Kill { .. } | Delete { .. })
            }
            _ => false,
        }
    }
}

impl Event {
    fn for_registry(self) -> Option<registry::Event> {
        use registry::Event as To;
        Some(match self {
            Self::Started => To::Started,
            Self::Linked { card } => To::Linked { card },
            Self::Unlinked { peer, reason } => To::Unlinked { peer, reason },
            Self::Unreachable { peer, address, reason } => To::Unreachable { peer, address, reason },
            Self::Message { from, message } => To::Message { from, message },
            Self::Members(changes) => To::Members(changes),
            Self::Request {
                to,
                actor,
                deadline,
                request,
            } => To::Request {
                to,
                actor,
                deadline,
                request,
            },
            Self::Wake => To::Wake,
            Self::Cancelled { to } => To::Cancelled { to },
            Self::SetAside(outcome) => To::SetAside(outcome),
            Self::Server { .. } | Self::Shutdown => return None,
        })
    }
    fn for_node(self) -> Option<node::Event> {
        use node::Event as To;
        Some(match self {
            Self::Started => To::Started,
            Self::Linked { card } => To::Linked { card },
            Self::Unlinked { peer, reason } => To::Unlinked { peer, reason },
            Self::Unreachable { peer, address, reason } => To::Unreachable { peer, address, reason },
            Self::Message { from, message } => To::Message { from, message },
            Self::Members(changes) => To::Members(changes),
            Self::Request {
                to,
                actor,
                deadline,
                request,
            } => To::Request {
                to,
                actor,
                deadline,
                request,
            },
            Self::Wake => To::Wake,
            Self::Server { id, event } => To::Server { id, event },
            Self::Shutdown => To::Shutdown,
            Self::SetAside(_) | Self::Cancelled { .. } => return None,
        })
    }
}

impl From<registry::Effect> for Effect {
    fn from(effect: registry::Effect) -> Self {
        use registry::Effect as From;
        match effect {
            From::Identity(identity) => Self::Identity(identity),
            From::Commit(batch) => Self::Commit(batch),
            From::SetAside(aside) => Self::SetAside(aside),
            From::Remember(peers) => Self::Remember(peers),
            From::Send { to, message } => Self::Send { to, message },
            From::Reply { to, response, last } => Self::Reply { to, response, last },
            From::Publish(record) => Self::Publish(record),
            From::Dial(targets) => Self::Dial(targets),
            From::Happened(happening) => Self::Happened(happening),
            From::Wake(at) => Self::Wake(at),
        }
    }
}
impl From<node::Effect> for Effect {
    fn from(effect: node::Effect) -> Self {
        use node::Effect as From;
        match effect {
            From::Identity(identity) => Self::Identity(identity),
            From::Slice(slice) => Self::Slice(slice),
            From::Marks(marks) => Self::Marks(marks),
            From::Remember(peers) => Self::Remember(peers),
            From::Send { to, message } => Self::Send { to, message },
            From::Reply { to, response, last } => Self::Reply { to, response, last },
            From::Publish(record) => Self::Publish(record),
            From::Dial(targets) => Self::Dial(targets),
            From::Happened(happening) => Self::Happened(happening),
            From::Wake(at) => Self::Wake(at),
            From::Spawn { .. }
            | From::Probe { .. }
            | From::StopProbe { .. }
            | From::Refresh { .. }
            | From::Terminate { .. }
            | From::Kill { .. }
            | From::Delete { .. }
            | From::ReadLogs { .. }
            | From::Drained(_)
            | From::Past { .. }
            | From::Signal { .. }
            | From::ReadUsage { .. }
            | From::Finished => Self::Process(Box::new(effect)),
        }
    }
}
