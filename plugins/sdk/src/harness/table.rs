//! The host's side of the table: names and a log. Names are one list for the process, as the ABI promises.
#![expect(unsafe_code, reason = "implements the functions of the host's table")]

use crate::abi;
use crate::text;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// Most names, and most bytes of them: who opens sessions chooses some, and they stay until the process ends.
const NAMES_MAX: usize = 200_000;
const NAMES_BYTES_MAX: usize = 32 << 20;
/// Most lines of the log that wait to be fetched; what comes then is lost.
const LINES_MAX: usize = 1000;

#[derive(Debug, Default)]
struct Names {
    numbers: BTreeMap<&'static str, u32>,
    by_number: Vec<&'static str>,
    bytes: usize,
}

static NAMES: Mutex<Names> = Mutex::new(Names {
    numbers: BTreeMap::new(),
    by_number: Vec::new(),
    bytes: 0,
});
/// What the clock of a process counts from; it reads a million then, so that a time before it is one as well.
static START: OnceLock<Instant> = OnceLock::new();
const START_MS: u64 = 1_000_000;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of a name; 0 for the empty one, and for a new one when there is no more room.
pub fn intern(name: &str) -> u32 {
    if name.is_empty() {
        return 0;
    }
    let mut names = locked(&NAMES);
    if let Some(number) = names.numbers.get(name) {
        return *number;
    }
    if names.by_number.len() >= NAMES_MAX || names.bytes.saturating_add(name.len()) > NAMES_BYTES_MAX {
        return 0;
    }
    names.bytes += name.len();
    // Kept for ever, as a resolved name must be.
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.by_number.push(name);
    let number = u32::try_from(names.by_number.len()).unwrap_or(0);
    names.numbers.insert(name, number);
    number
}

/// The name of a number; empty for 0 and what is unknown.
pub fn resolve(number: u32) -> &'static str {
    let Some(at) = number.checked_sub(1) else { return "" };
    locked(&NAMES).by_number.get(at as usize).copied().unwrap_or_default()
}

/// The lines that an allocator logged.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<(u32, String)>>);

impl Log {
    pub(super) fn take(&self) -> Vec<(u32, String)> {
        std::mem::take(&mut *locked(&self.0))
    }
}

/// A log that stays until the process ends, as the ABI promises of a host's context.
pub(super) fn log() -> &'static Log {
    Box::leak(Box::default())
}

/// A table for an instance, with its log behind it; stays until the process ends.
pub(super) fn host(log: &'static Log) -> *const abi::Host {
    Box::leak(Box::new(abi::Host {
        struct_size: super::frame::size::<abi::Host>(),
        major: abi::ABI_MAJOR,
        minor: abi::ABI_MINOR,
        ctx: std::ptr::from_ref(log).cast_mut().cast(),
        log: Some(on_log),
        intern: Some(on_intern),
        resolve: Some(on_resolve),
        now_ms: Some(on_now_ms),
    }))
}

unsafe extern "C" fn on_log(ctx: *mut c_void, level: u32, line: abi::Str) {
    // SAFETY: the context is a log that stays until the process ends.
    let log = unsafe { &*ctx.cast::<Log>() };
    // SAFETY: the line is valid during the call.
    let line = unsafe { text::read(line) };
    let line = &line[..line.floor_char_boundary(abi::TEXT_BYTES_MAX as usize)];
    let mut lines = locked(&log.0);
    if lines.len() < LINES_MAX {
        lines.push((level, line.to_owned()));
    }
}
unsafe extern "C" fn on_intern(_ctx: *mut c_void, name: abi::Str) -> u32 {
    // SAFETY: the name is valid during the call.
    intern(unsafe { text::read(name) })
}
unsafe extern "C" fn on_resolve(_ctx: *mut c_void, number: u32) -> abi::Str {
    resolve(number).into()
}
#[expect(clippy::disallowed_methods, reason = "the table has a clock, for measuring only")]
unsafe extern "C" fn on_now_ms(_ctx: *mut c_void) -> u64 {
    let since = START.get_or_init(Instant::now).elapsed();
    START_MS.saturating_add(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
