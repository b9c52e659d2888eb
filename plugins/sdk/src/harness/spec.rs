//! Questions in plain Rust: names instead of numbers, defaults for the rest. Fields mean what they mean in [`abi`].

use crate::abi;
use crate::random;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "as in view::Value")]
pub enum AttrSpec {
    None,
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Text(String),
    Member(String),
}

/// A candidate. By default an active one of capacity 1 on no node, without a known load.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of abi::Candidate, told there")]
pub struct CandidateSpec {
    /// Its id as well, by a hash that never changes.
    pub name: String,
    pub node: String,
    pub zone: String,
    pub type_name: String,
    pub state: u32,
    pub flags: u32,
    pub loads: [f32; 3],
    pub load_age_ms: u32,
    pub cpus: u32,
    pub mem_free_mib: u32,
    pub capacity: u32,
    pub in_use: u32,
    pub pending: u32,
    pub queued: u32,
    pub weight: u32,
    pub priority: i32,
    pub attrs: Vec<(String, AttrSpec)>,
}

impl CandidateSpec {
    /// The default one with a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            node: String::new(),
            zone: String::new(),
            type_name: String::new(),
            state: abi::STATE_ACTIVE,
            flags: 0,
            loads: [f32::NAN; 3],
            load_age_ms: abi::AGE_UNKNOWN,
            cpus: 0,
            mem_free_mib: 0,
            capacity: 1,
            in_use: 0,
            pending: 0,
            queued: 0,
            weight: 0,
            priority: 0,
            attrs: Vec::new(),
        }
    }
    /// Its id, which follows from its name.
    pub fn id(&self) -> u64 {
        random::hash(&self.name).max(1)
    }
}

/// A request. By default one allocation of a type named `type`, by session 1 of `someone`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of abi::Request, told there")]
pub struct RequestSpec {
    pub op: u32,
    pub now_ms: u64,
    pub seed: u64,
    pub session: u64,
    pub principal: String,
    pub group: String,
    pub type_name: String,
    pub zone: String,
    pub node: String,
    pub priority: i32,
    pub want: u32,
    pub wait_ms: i64,
    pub deadline_us: u32,
    pub attrs: Vec<(String, AttrSpec)>,
    pub held: Vec<u64>,
}

impl Default for RequestSpec {
    fn default() -> Self {
        Self {
            op: abi::OP_ALLOCATE,
            now_ms: 1_000_000,
            seed: 0,
            session: 1,
            principal: "someone".to_owned(),
            group: String::new(),
            type_name: "type".to_owned(),
            zone: String::new(),
            node: String::new(),
            priority: 0,
            want: 1,
            wait_ms: -1,
            deadline_us: 10_000,
            attrs: Vec::new(),
            held: Vec::new(),
        }
    }
}

/// A waiting request.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of abi::Waiting, told there")]
pub struct WaitingSpec {
    pub request: RequestSpec,
    pub since_ms: u64,
    pub passed: u32,
}

/// An event about a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of abi::Event, told there")]
pub struct EventSpec {
    pub kind: u32,
    pub now_ms: u64,
    pub lease: LeaseSpec,
}

/// A lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of abi::Lease, told there")]
pub struct LeaseSpec {
    pub lease: u64,
    pub candidate: u64,
    pub session: u64,
    pub since_ms: u64,
    pub now_ms: u64,
    pub principal: String,
    pub group: String,
    pub type_name: String,
    pub zone: String,
    pub node: String,
    pub priority: i32,
}

impl LeaseSpec {
    /// The lease that a request gets of a candidate.
    pub fn granted(lease: u64, request: &RequestSpec, candidate: &CandidateSpec) -> Self {
        Self {
            lease,
            candidate: candidate.id(),
            session: request.session,
            since_ms: request.now_ms,
            now_ms: request.now_ms,
            principal: request.principal.clone(),
            group: request.group.clone(),
            type_name: request.type_name.clone(),
            zone: candidate.zone.clone(),
            node: candidate.node.clone(),
            priority: request.priority,
        }
    }
    /// The event of its beginning.
    pub fn begins(&self) -> EventSpec {
        EventSpec {
            kind: abi::EVENT_ALLOCATED,
            now_ms: self.since_ms,
            lease: self.clone(),
        }
    }
    /// The event of its end.
    pub fn ends(&self, now_ms: u64) -> EventSpec {
        EventSpec {
            kind: abi::EVENT_RELEASED,
            now_ms,
            lease: self.clone(),
        }
    }
}
