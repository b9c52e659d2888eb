//! What happened, and what is held.
#![expect(unsafe_code, reason = "reads the records of the ABI behind their pointers")]

use super::records::Records;
use crate::abi;
use crate::error::Error;

/// Something that happened. Ids and names are 0 where they do not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of abi::Event, told there")]
pub struct Event {
    pub kind: u32,
    pub seq: u64,
    pub now_ms: u64,
    pub lease: u64,
    pub candidate: u64,
    pub session: u64,
    pub principal: u32,
    pub group: u32,
    pub type_id: u32,
    pub zone: u32,
    pub node: u32,
    pub priority: i32,
}

impl Event {
    fn of(event: &abi::Event) -> Self {
        Self {
            kind: event.kind,
            seq: event.seq,
            now_ms: event.now_ms,
            lease: event.lease,
            candidate: event.candidate,
            session: event.session,
            principal: event.principal,
            group: event.group,
            type_id: event.type_id,
            zone: event.zone,
            node: event.node,
            priority: event.priority,
        }
    }
    /// The lease that it granted, if it did.
    pub fn granted(&self) -> Option<Lease> {
        (self.kind == abi::EVENT_ALLOCATED).then_some(Lease {
            lease: self.lease,
            candidate: self.candidate,
            session: self.session,
            since_ms: self.now_ms,
            now_ms: self.now_ms,
            principal: self.principal,
            group: self.group,
            type_id: self.type_id,
            zone: self.zone,
            node: self.node,
            priority: self.priority,
        })
    }
    /// Whether its lease ended by it.
    pub fn ends_lease(&self) -> bool {
        matches!(self.kind, abi::EVENT_RELEASED | abi::EVENT_EXPIRED | abi::EVENT_REVOKED)
    }
}

/// A lease that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of abi::Lease, told there")]
pub struct Lease {
    pub lease: u64,
    pub candidate: u64,
    pub session: u64,
    pub since_ms: u64,
    pub now_ms: u64,
    pub principal: u32,
    pub group: u32,
    pub type_id: u32,
    pub zone: u32,
    pub node: u32,
    pub priority: i32,
}

impl Lease {
    fn of(lease: &abi::Lease) -> Self {
        Self {
            lease: lease.lease,
            candidate: lease.candidate,
            session: lease.session,
            since_ms: lease.since_ms,
            now_ms: lease.now_ms,
            principal: lease.principal,
            group: lease.group,
            type_id: lease.type_id,
            zone: lease.zone,
            node: lease.node,
            priority: lease.priority,
        }
    }
}

/// Copies events out.
///
/// # Errors
/// They do not lie as they must.
///
/// # Safety
/// The pointer shows `count` records as [`abi::Event`] demands, unchanged during `'a`.
pub(crate) unsafe fn events<'a>(
    first: *const abi::Event,
    count: u32,
) -> Result<impl Iterator<Item = Event> + use<'a>, Error> {
    // SAFETY: by the contract of this function.
    let records: Records<'a, _> = unsafe { Records::new(first, count) }?;
    Ok(records.iter().map(Event::of))
}

/// Copies leases out.
///
/// # Errors
/// They do not lie as they must.
///
/// # Safety
/// The pointer shows `count` records as [`abi::Lease`] demands, unchanged during `'a`.
pub(crate) unsafe fn leases<'a>(
    first: *const abi::Lease,
    count: u32,
) -> Result<impl Iterator<Item = Lease> + use<'a>, Error> {
    // SAFETY: by the contract of this function.
    let records: Records<'a, _> = unsafe { Records::new(first, count) }?;
    Ok(records.iter().map(Lease::of))
}
