//! What is asked for.
#![expect(unsafe_code, reason = "reads the records of the ABI behind their pointers")]

use super::attribute::{Attributes, Value};
use crate::abi;
use crate::error::Error;
use crate::text::slice;

/// What is asked of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Give the session some of the candidates.
    Allocate,
    /// Put the members of a group into the order in which they are offered.
    Locate,
    /// As `Allocate`, but nothing will be given; nothing may be learned from it.
    Probe,
    /// Newer than this SDK.
    Other(u32),
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a>(&'a abi::Request);

impl<'a> Request<'a> {
    /// The request behind the pointer.
    ///
    /// # Errors
    /// It is null or shorter than that of this SDK.
    ///
    /// # Safety
    /// The pointer is null or shows a request as [`abi::Request`] demands, unchanged during `'a`.
    pub(crate) unsafe fn from_record(request: *const abi::Request) -> Result<Self, Error> {
        // SAFETY: each request has at least the fields of the first release, and the size is the first of them.
        match unsafe { request.as_ref() } {
            None => Err(Error::internal("the host gave no request")),
            Some(request) if (request.struct_size as usize) < size_of::<abi::Request>() => {
                Err(Error::internal(format!(
                    "the host's request has {} bytes; this plugin wants at least {}",
                    request.struct_size,
                    size_of::<abi::Request>()
                )))
            }
            Some(request) => Ok(Self(request)),
        }
    }
    /// What to do.
    pub fn operation(self) -> Operation {
        match self.0.op {
            abi::OP_ALLOCATE => Operation::Allocate,
            abi::OP_LOCATE => Operation::Locate,
            abi::OP_PROBE => Operation::Probe,
            other => Operation::Other(other),
        }
    }
    /// Counts the decisions of this host.
    pub fn seq(self) -> u64 {
        self.0.seq
    }
    /// The time of the decision in milliseconds, from an origin that never changes while the process lives.
    pub fn now_ms(self) -> u64 {
        self.0.now_ms
    }
    /// The only source of chance.
    pub fn seed(self) -> u64 {
        self.0.seed
    }
    /// The asking session; 0 if nobody's.
    pub fn session(self) -> u64 {
        self.0.session
    }
    /// Interned name of who asks; 0 if unknown.
    pub fn principal(self) -> u32 {
        self.0.principal
    }
    /// Interned name of the group of who asks; 0 if none.
    pub fn group(self) -> u32 {
        self.0.group
    }
    /// Interned name of the type or the replica group asked for; 0 if asked by name.
    pub fn type_id(self) -> u32 {
        self.0.type_id
    }
    /// Interned name of the zone that who asks is in or prefers; 0 if unknown.
    pub fn zone(self) -> u32 {
        self.0.zone
    }
    /// Interned name of the node that who asks runs on; 0 if unknown.
    pub fn node(self) -> u32 {
        self.0.node
    }
    /// Class of the request, smaller first.
    pub fn priority(self) -> i32 {
        self.0.priority
    }
    /// How many are wanted, at least 1.
    pub fn want(self) -> usize {
        self.0.want.max(1) as usize
    }
    /// Time left to answer when the call began, in microseconds; `None`: not bounded.
    pub fn deadline_us(self) -> Option<u32> {
        (self.0.deadline_us != 0).then_some(self.0.deadline_us)
    }
    /// How long the client waits for a grant, in milliseconds; `None`: for ever.
    pub fn wait_ms(self) -> Option<u64> {
        u64::try_from(self.0.wait_ms).ok()
    }
    /// The attribute under an interned name; of a set the first member.
    pub fn attribute(self, key: u32) -> Option<Value<'a>> {
        self.attributes(key).next()
    }
    /// All members of the set under an interned name, or the one value.
    pub fn attributes(self, key: u32) -> impl Iterator<Item = Value<'a>> {
        // SAFETY: the attributes live as long as the request.
        Attributes(unsafe { slice(self.0.attrs, self.0.attr_count) }).all(key)
    }
    /// Ids of what the session holds, ascending.
    pub fn held(self) -> &'a [u64] {
        // SAFETY: the ids live as long as the request.
        unsafe { slice(self.0.held, self.0.held_count) }
    }
}
