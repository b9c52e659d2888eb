//! From specs to records in C layout. Each record is longer than this SDK knows it, and the rest is rubbish.
#![expect(unsafe_code, reason = "lays records of the ABI out by hand")]

use super::spec::{AttrSpec, CandidateSpec, EventSpec, LeaseSpec, RequestSpec, WaitingSpec};
use super::table::intern;
use crate::abi;

/// What a newer host's records would be longer by.
const LONGER: usize = 24;
/// What stands there.
const RUBBISH: u64 = 0xa5a5_a5a5_a5a5_a5a5;

/// The size of a record, as the records carry it.
pub(super) fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).expect("records are small")
}
/// The size that records in a row say of themselves here.
fn longer<T>() -> u32 {
    size::<T>() + u32::try_from(LONGER).expect("a small constant")
}

/// Records in a row, each followed by rubbish.
#[derive(Debug)]
pub(super) struct Row<T> {
    words: Vec<u64>,
    count: u32,
    kind: std::marker::PhantomData<T>,
}

impl<T: Copy> Row<T> {
    fn of(records: impl ExactSizeIterator<Item = T>) -> Self {
        const { assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() <= 8) };
        let step = size_of::<T>() + LONGER;
        let count = records.len();
        let mut words = vec![RUBBISH; count * step / 8];
        for (index, record) in records.enumerate() {
            // SAFETY: the step is that of the words made above, the index below the count.
            let place = unsafe { words.as_mut_ptr().byte_add(index * step) };
            // SAFETY: within the words, aligned to 8, and followed by at least the size of a record.
            unsafe { place.cast::<T>().write(record) };
        }
        Self {
            words,
            count: u32::try_from(count).expect("tests are small"),
            kind: std::marker::PhantomData,
        }
    }
    pub(super) fn first(&self) -> *const T {
        if self.count == 0 {
            return std::ptr::null();
        }
        self.words.as_ptr().cast()
    }
    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

/// Candidates with all that they point to.
#[derive(Debug)]
pub(super) struct Frame {
    row: Row<abi::Candidate>,
    /// Behind the pointers of the row.
    _attrs: Vec<Vec<abi::Attr>>,
}

impl Frame {
    /// The texts stay those of the specs, which outlive the call.
    pub(super) fn of(specs: &[CandidateSpec]) -> Self {
        let attrs: Vec<_> = specs.iter().map(|spec| attributes(&spec.attrs)).collect();
        let records = specs.iter().zip(&attrs).map(|(spec, attrs)| abi::Candidate {
            id: spec.id(),
            name: spec.name.as_str().into(),
            node: intern(&spec.node),
            zone: intern(&spec.zone),
            type_id: intern(&spec.type_name),
            state: spec.state,
            flags: spec.flags,
            load1: spec.loads[0],
            load5: spec.loads[1],
            load15: spec.loads[2],
            load_age_ms: spec.load_age_ms,
            cpus: spec.cpus,
            mem_free_mib: spec.mem_free_mib,
            capacity: spec.capacity,
            in_use: spec.in_use,
            pending: spec.pending,
            queued: spec.queued,
            weight: spec.weight,
            priority: spec.priority,
            attr_count: u32::try_from(attrs.len()).expect("tests are small"),
            attrs: pointer(attrs),
        });
        Self {
            row: Row::of(records),
            _attrs: attrs,
        }
    }
    /// Valid as long as the frame and the specs that it was made of.
    pub(super) fn batch(&self) -> abi::Batch {
        abi::Batch {
            struct_size: size::<abi::Batch>(),
            stride: longer::<abi::Candidate>(),
            count: self.row.count(),
            reserved: 0,
            generation: 1,
            base: self.row.first(),
        }
    }
}

/// A request with what it points to.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    spec: &'a RequestSpec,
    seq: u64,
    attrs: Vec<abi::Attr>,
}

pub(super) fn asked(spec: &RequestSpec, seq: u64) -> Asked<'_> {
    Asked {
        spec,
        seq,
        attrs: attributes(&spec.attrs),
    }
}

impl Asked<'_> {
    /// Valid as long as this and the spec that it was made of.
    pub(super) fn record(&self) -> abi::Request {
        let Self { spec, seq, attrs } = self;
        abi::Request {
            struct_size: size::<abi::Request>(),
            op: spec.op,
            seq: *seq,
            now_ms: spec.now_ms,
            seed: spec.seed,
            session: spec.session,
            principal: intern(&spec.principal),
            group: intern(&spec.group),
            type_id: intern(&spec.type_name),
            zone: intern(&spec.zone),
            node: intern(&spec.node),
            priority: spec.priority,
            want: spec.want,
            deadline_us: spec.deadline_us,
            wait_ms: spec.wait_ms,
            attr_count: u32::try_from(attrs.len()).expect("tests are small"),
            held_count: u32::try_from(spec.held.len()).expect("tests are small"),
            attrs: pointer(attrs),
            held: pointer(&spec.held),
        }
    }
}

pub(super) fn waiting(specs: &[WaitingSpec], requests: &[abi::Request]) -> Row<abi::Waiting> {
    Row::of(specs.iter().zip(requests).map(|(spec, request)| abi::Waiting {
        struct_size: longer::<abi::Waiting>(),
        passed: spec.passed,
        since_ms: spec.since_ms,
        request,
    }))
}

pub(super) fn events(specs: &[EventSpec]) -> Row<abi::Event> {
    Row::of(specs.iter().enumerate().map(|(index, spec)| abi::Event {
        struct_size: longer::<abi::Event>(),
        kind: spec.kind,
        seq: index as u64 + 1,
        now_ms: spec.now_ms,
        lease: spec.lease.lease,
        candidate: spec.lease.candidate,
        session: spec.lease.session,
        principal: intern(&spec.lease.principal),
        group: intern(&spec.lease.group),
        type_id: intern(&spec.lease.type_name),
        zone: intern(&spec.lease.zone),
        node: intern(&spec.lease.node),
        priority: spec.lease.priority,
    }))
}

pub(super) fn leases(specs: &[&LeaseSpec]) -> Row<abi::Lease> {
    Row::of(specs.iter().map(|spec| abi::Lease {
        struct_size: longer::<abi::Lease>(),
        reserved: 0,
        lease: spec.lease,
        candidate: spec.candidate,
        session: spec.session,
        since_ms: spec.since_ms,
        now_ms: spec.now_ms,
        principal: intern(&spec.principal),
        group: intern(&spec.group),
        type_id: intern(&spec.type_name),
        zone: intern(&spec.zone),
        node: intern(&spec.node),
        priority: spec.priority,
    }))
}

/// Ordered by key, members of a set by text.
fn attributes(specs: &[(String, AttrSpec)]) -> Vec<abi::Attr> {
    let mut specs: Vec<_> = specs.iter().map(|(key, value)| (intern(key), value)).collect();
    specs.sort_by(|(key, value), (other_key, other)| key.cmp(other_key).then_with(|| member(value).cmp(member(other))));
    let records = specs.into_iter().map(|(key, value)| {
        let (kind, num, text) = match value {
            AttrSpec::None => (abi::ATTR_NONE, 0, ""),
            AttrSpec::Integer(number) => (abi::ATTR_INTEGER, *number, ""),
            AttrSpec::Float(number) => (abi::ATTR_FLOAT, number.to_bits().cast_signed(), ""),
            AttrSpec::Boolean(truth) => (abi::ATTR_BOOLEAN, i64::from(*truth), ""),
            AttrSpec::Text(text) => (abi::ATTR_TEXT, 0, text.as_str()),
            AttrSpec::Member(text) => (abi::ATTR_MEMBER, 0, text.as_str()),
        };
        abi::Attr {
            key,
            kind,
            num,
            text: text.into(),
        }
    });
    records.collect()
}

fn member(value: &AttrSpec) -> &str {
    match value {
        AttrSpec::Member(text) => text,
        AttrSpec::None | AttrSpec::Integer(_) | AttrSpec::Float(_) | AttrSpec::Boolean(_) | AttrSpec::Text(_) => "",
    }
}

/// Null where there is nothing, as a host may do.
fn pointer<T>(items: &[T]) -> *const T {
    if items.is_empty() {
        return std::ptr::null();
    }
    items.as_ptr()
}
