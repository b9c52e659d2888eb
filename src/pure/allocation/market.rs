//! What there is to be had: how the deployment and the nodes look to whoever allocates.

use crate::pure::base::{ObjectId, PeerName, ServerId};
use crate::pure::model::AllocatableRecord;
use std::time::Duration;

/// One resource as it stands, whoever holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer<'a> {
    /// What was deployed.
    pub record: &'a AllocatableRecord,
    /// The node of its server.
    pub node: &'a PeerName,
    /// Its server belongs to one session at a time.
    pub exclusive: bool,
    /// Why it cannot be given out now: its server is disabled, or its node drained or out of reach.
    pub out: Option<&'static str>,
    /// What its server does.
    pub activity: Activity,
    /// How busy its node is, if that is known.
    pub load: Option<Load>,
    /// The zone that its node names.
    pub node_zone: Option<&'a str>,
}

/// What the server of a resource does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// Nothing is known.
    #[default]
    Unknown,
    /// It runs and is ready.
    Active,
    /// It does not run.
    Inactive,
    /// It is starting.
    Starting,
    /// It is stopping.
    Stopping,
}

/// Load averages of a node, times its load factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Over one, five and fifteen minutes.
    pub averages: [f32; 3],
    /// How long ago they were told.
    pub age: Duration,
}

/// The name of the attribute, and of the label of a node, that says in which zone something is.
pub const ZONE: &str = "zone";

impl Offer<'_> {
    /// Its id.
    pub fn id(&self) -> &ObjectId {
        &self.record.id
    }
    /// Its server.
    pub fn server(&self) -> &ServerId {
        &self.record.server
    }
    /// Its zone: its own, else its node's; empty without one.
    pub fn zone(&self) -> &str {
        let own = self.record.attributes.get(ZONE).map(String::as_str);
        own.or(self.node_zone).unwrap_or_default()
    }
}

/// All that there is.
pub trait Market: std::fmt::Debug {
    /// This very resource.
    fn offer(&self, id: &ObjectId) -> Option<Offer<'_>>;
    /// All of a type, in order of ids.
    fn offers(&self, kind: &str) -> Vec<Offer<'_>>;
}
