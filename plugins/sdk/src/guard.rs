//! The slots in C: each turns pointers into views, calls the allocator, and lets no panic out.
#![expect(unsafe_code, reason = "implements the functions of the ABI")]

use crate::abi::{self, Descriptor, Str, TextBuffer};
use crate::allocator::{Allocator, Choice, Outcome, Slots};
use crate::error::Error;
use crate::host::{Host, Level};
use crate::message::Watch;
use crate::view::{Candidates, Request, WaitingList};
use crate::{text, view};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What stands behind the opaque pointer.
struct Instance<A> {
    allocator: A,
    host: Host,
    /// A panic left it half changed; it answers nothing but `PANIC` until it is created again.
    poisoned: bool,
}

/// The descriptor of an allocator: what [`export_allocator!`](crate::export_allocator) exports, and the harness calls.
///
/// A name or version that is too long, and slots without `EVALUATE`, `SELECT` or `ORDER`, do not compile.
pub const fn descriptor<A: Allocator>() -> Descriptor {
    let slots = A::SLOTS;
    assert!(
        slots.has(Slots::EVALUATE) || slots.has(Slots::SELECT) || slots.has(Slots::ORDER),
        "an allocator implements at least one of evaluate, select and order"
    );
    let learns = slots.has(Slots::LEARN);
    Descriptor {
        magic: abi::MAGIC,
        abi_major: abi::ABI_MAJOR,
        // All that this SDK uses was there in the first release.
        abi_minor: 0,
        struct_size: size::<Descriptor>(),
        candidate_size: size::<abi::Candidate>(),
        request_size: size::<abi::Request>(),
        flags: A::NATURE.bits()
            | (if learns { abi::FLAG_NEEDS_RESYNC } else { 0 })
            | (if cfg!(panic = "unwind") {
                abi::FLAG_UNWIND
            } else {
                abi::FLAG_ABORT
            }),
        reserved: 0,
        name: filled(A::NAME),
        version: filled(A::VERSION),
        built_with: filled(concat!("floe-plugin-sdk ", env!("CARGO_PKG_VERSION"), ", rust")),
        create: Some(create::<A>),
        destroy: Some(destroy::<A>),
        evaluate: if slots.has(Slots::EVALUATE) {
            Some(evaluate::<A>)
        } else {
            None
        },
        select: if slots.has(Slots::SELECT) {
            Some(select::<A>)
        } else {
            None
        },
        order: if slots.has(Slots::ORDER) {
            Some(order::<A>)
        } else {
            None
        },
        observe: if learns { Some(observe::<A>) } else { None },
        resync: if learns { Some(resync::<A>) } else { None },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "records have some hundred bytes; checked below"
)]
const fn size<T>() -> u32 {
    assert!(size_of::<T>() < 4096, "records are small");
    size_of::<T>() as u32
}

/// The text and zeros up to the end, at least one.
const fn filled<const N: usize>(text: &str) -> [u8; N] {
    let from = text.as_bytes();
    assert!(
        !from.is_empty() && from.len() < N,
        "a text of the descriptor is empty or too long"
    );
    let mut to = [0; N];
    let mut at = 0;
    while at < from.len() {
        to[at] = from[at];
        at += 1;
    }
    to
}

/// Runs a slot: catches its panic, writes its error, answers with its code.
///
/// # Safety
/// `instance` came from [`create`] for the same `A`, was not destroyed, and is used by nobody else during the call;
/// `error` is null or valid.
unsafe fn run<A: Allocator>(
    instance: *mut c_void,
    error: *mut TextBuffer,
    call: impl FnOnce(&mut A) -> Result<Outcome, Error>,
) -> i32 {
    // SAFETY: null or an instance of ours that nobody else uses now.
    let answer = match unsafe { instance.cast::<Instance<A>>().as_mut() } {
        None => Err(Error::internal("the host gave no instance")),
        Some(instance) if instance.poisoned => Err(Error::panicked(
            "this instance panicked before and must be created again",
        )),
        Some(instance) => {
            let answer = caught(|| call(&mut instance.allocator));
            if let Err(fault) = &answer
                && fault.code() == abi::PANIC
            {
                instance.poisoned = true;
                instance.host.log(Level::Error, fault.text());
            }
            answer
        }
    };
    let (code, reason) = match &answer {
        Ok(Outcome::Done) => (abi::OK, ""),
        Ok(Outcome::Abstain) => (abi::ABSTAIN, ""),
        Ok(Outcome::Defer { reason, .. }) => (abi::DEFER, reason.as_str()),
        Ok(Outcome::Deny { reason }) => (abi::DENY, reason.as_str()),
        Err(fault) => (fault.code(), fault.text()),
    };
    // SAFETY: null or valid, by the contract of this function.
    unsafe { text::write(error, reason.as_bytes()) };
    code
}

/// Whether the call panicked is in the error's code; the state behind it must not be used then.
fn caught<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let watch = Watch::begin();
    let answer = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        // A payload whose own drop panics would take the process down; what it held is lost instead.
        std::mem::forget(payload);
        Err(Error::panicked(format!("panicked: {}", Watch::last())))
    });
    drop(watch);
    answer
}

/// # Safety
/// As the ABI demands: `host` null or valid until the process ends, `config` valid during the call, `instance` and `error`
/// null or valid.
unsafe extern "C" fn create<A: Allocator>(
    host: *const abi::Host,
    config: Str,
    instance: *mut *mut c_void,
    error: *mut TextBuffer,
) -> i32 {
    let made = caught(|| {
        if instance.is_null() {
            return Err(Error::internal("the host gave no place for the instance"));
        }
        // SAFETY: null or valid, by the contract of this function.
        let host = unsafe { Host::from_table(host) }?;
        if config.len > abi::CONFIG_BYTES_MAX as usize {
            return Err(Error::config("the configuration is longer than a mebibyte"));
        }
        // SAFETY: valid during the call, and the allocator gets it for no longer.
        let config = unsafe { text::read(config) };
        Ok(Instance {
            allocator: A::create(config, host)?,
            host,
            poisoned: false,
        })
    });
    match made {
        Ok(made) => {
            // SAFETY: looked at above, and valid by the contract of this function.
            unsafe { instance.write(Box::into_raw(Box::new(made)).cast()) };
            abi::OK
        }
        Err(fault) => {
            // SAFETY: null or valid, by the contract of this function.
            unsafe { text::write(error, fault.text().as_bytes()) };
            fault.code()
        }
    }
}

/// # Safety
/// `instance` is null or came from [`create`] for the same `A`; it is used no more.
unsafe extern "C" fn destroy<A: Allocator>(instance: *mut c_void) {
    if instance.is_null() {
        return;
    }
    // SAFETY: made by `Box::into_raw` in `create`, and given back once.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance<A>>()) };
    let host = instance.host;
    if let Err(fault) = caught(|| {
        drop(instance);
        Ok(())
    }) {
        host.log(Level::Error, fault.text());
    }
}

/// # Safety
/// As the ABI demands: an instance of ours, everything else null or valid, one verdict a candidate.
unsafe extern "C" fn evaluate<A: Allocator>(
    instance: *mut c_void,
    request: *const abi::Request,
    batch: *const abi::Batch,
    verdicts: *mut abi::Verdict,
    error: *mut TextBuffer,
) -> i32 {
    let call = |allocator: &mut A| {
        // SAFETY: null or valid, by the contract of this function.
        let request = unsafe { Request::from_record(request) }?;
        // SAFETY: likewise.
        let candidates = unsafe { Candidates::from_batch(batch) }?;
        if verdicts.is_null() && !candidates.is_empty() {
            return Err(Error::internal("the host gave no room for verdicts"));
        }
        // SAFETY: one a candidate, zeroed, and nobody else's during the call.
        let verdicts = unsafe { text::slice_mut(verdicts, count(candidates)) };
        allocator.evaluate(request, candidates, verdicts)
    };
    // SAFETY: by the contract of this function.
    unsafe { run(instance, error, call) }
}

/// # Safety
/// As the ABI demands: an instance of ours, everything else null or valid, one verdict a candidate, room for `cap` indices.
unsafe extern "C" fn select<A: Allocator>(
    instance: *mut c_void,
    request: *const abi::Request,
    batch: *const abi::Batch,
    verdicts: *const abi::Verdict,
    indices: *mut u32,
    cap: u32,
    decision: *mut abi::Decision,
    error: *mut TextBuffer,
) -> i32 {
    let call = |allocator: &mut A| {
        // SAFETY: null or valid, by the contract of this function.
        let request = unsafe { Request::from_record(request) }?;
        // SAFETY: likewise.
        let candidates = unsafe { Candidates::from_batch(batch) }?;
        // SAFETY: likewise; nobody else uses it during the call.
        let decision = unsafe { decision.as_mut() }.ok_or_else(|| Error::internal("the host gave no decision"))?;
        if verdicts.is_null() && !candidates.is_empty() {
            return Err(Error::internal("the host gave no verdicts"));
        }
        // SAFETY: one a candidate, unchanged during the call.
        let verdicts = unsafe { text::slice(verdicts, count(candidates)) };
        // SAFETY: `cap` of them, zeroed, and nobody else's during the call.
        let mut choice = Choice::new(unsafe { text::slice_mut(indices, cap) });
        let outcome = allocator.select(request, candidates, verdicts, &mut choice)?;
        // SAFETY: the room for the reason is the host's.
        unsafe { choice.write(&outcome, decision) };
        Ok(outcome)
    };
    // SAFETY: by the contract of this function.
    unsafe { run(instance, error, call) }
}

/// # Safety
/// As the ABI demands: an instance of ours, `count` waiting requests, as many keys.
unsafe extern "C" fn order<A: Allocator>(
    instance: *mut c_void,
    waiting: *const abi::Waiting,
    count: u32,
    keys: *mut u64,
    error: *mut TextBuffer,
) -> i32 {
    let call = |allocator: &mut A| {
        // SAFETY: by the contract of this function.
        let waiting = unsafe { WaitingList::from_records(waiting, count) }?;
        if keys.is_null() && !waiting.is_empty() {
            return Err(Error::internal("the host gave no room for keys"));
        }
        // SAFETY: one a request, zeroed, and nobody else's during the call.
        let keys = unsafe { text::slice_mut(keys, count) };
        allocator.order(waiting, keys)
    };
    // SAFETY: by the contract of this function.
    unsafe { run(instance, error, call) }
}

/// # Safety
/// As the ABI demands: an instance of ours, `count` events.
unsafe extern "C" fn observe<A: Allocator>(
    instance: *mut c_void,
    events: *const abi::Event,
    count: u32,
    error: *mut TextBuffer,
) -> i32 {
    let call = |allocator: &mut A| {
        // SAFETY: by the contract of this function.
        let mut events = unsafe { view::events(events, count) }?;
        allocator.observe(&mut events).map(|()| Outcome::Done)
    };
    // SAFETY: by the contract of this function.
    unsafe { run(instance, error, call) }
}

/// # Safety
/// As the ABI demands: an instance of ours, `count` leases.
unsafe extern "C" fn resync<A: Allocator>(
    instance: *mut c_void,
    leases: *const abi::Lease,
    count: u32,
    phase: u32,
    error: *mut TextBuffer,
) -> i32 {
    let call = |allocator: &mut A| {
        // SAFETY: by the contract of this function.
        let mut leases = unsafe { view::leases(leases, count) }?;
        let (first, last) = (phase & abi::RESYNC_FIRST != 0, phase & abi::RESYNC_LAST != 0);
        allocator.resync(&mut leases, first, last).map(|()| Outcome::Done)
    };
    // SAFETY: by the contract of this function.
    unsafe { run(instance, error, call) }
}

fn count(candidates: Candidates<'_>) -> u32 {
    u32::try_from(candidates.len()).unwrap_or(u32::MAX)
}
