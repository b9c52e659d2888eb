//! What the host offers to an allocator.
#![expect(unsafe_code, reason = "calls the functions of the host's table")]

use crate::abi;
use crate::error::Error;
use crate::text;
use std::mem::MaybeUninit;

/// How loud a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// An operator must act.
    Error,
    /// Degraded, heals itself.
    Warn,
    /// Life cycle.
    Info,
    /// Single requests.
    Debug,
}

/// The host's functions. Cheap to copy; usable as long as the allocator lives.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    table: abi::Host,
}

impl Host {
    /// The table behind the pointer, as far as both sides know it.
    ///
    /// # Errors
    /// There is none, or it is of another major version or shorter than the first release's.
    ///
    /// # Safety
    /// The pointer is null or shows a table as [`abi::Host`] demands.
    pub(crate) unsafe fn from_table(table: *const abi::Host) -> Result<Self, Error> {
        // SAFETY: null or a valid table; each has at least the fields up to `minor`, which are of the first release.
        let Some((size, major)) = (unsafe { table.as_ref() }).map(|table| (table.struct_size as usize, table.major))
        else {
            return Err(Error::internal("the host gave no table of its functions"));
        };
        if major != abi::ABI_MAJOR || size < size_of::<abi::Host>() {
            return Err(Error::unsupported(format!(
                "the host has ABI {major} with a table of {size} bytes, wanted ABI {} with at least {}",
                abi::ABI_MAJOR,
                size_of::<abi::Host>()
            )));
        }
        let mut own = MaybeUninit::<abi::Host>::zeroed();
        // SAFETY: the table is at least as long as ours, and ours was just made.
        unsafe { std::ptr::copy_nonoverlapping(table, own.as_mut_ptr(), 1) };
        // SAFETY: every field was copied from a valid table.
        let table = unsafe { own.assume_init() };
        Ok(Self { table })
    }

    /// Writes a line to the host's log; it is limited in rate, and to 512 bytes.
    pub fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Error => abi::LOG_ERROR,
            Level::Warn => abi::LOG_WARN,
            Level::Info => abi::LOG_INFO,
            Level::Debug => abi::LOG_DEBUG,
        };
        let line = &line[..line.floor_char_boundary(abi::TEXT_BYTES_MAX as usize)];
        if let Some(log) = self.table.log {
            // SAFETY: the table is valid until the process ends, and the line during the call.
            unsafe { log(self.table.ctx, level, line.into()) };
        }
    }

    /// The number of a name, as candidates, requests and attributes carry it; 0 for the empty name. The same for the
    /// process's life, not beyond.
    pub fn intern(&self, name: &str) -> u32 {
        // SAFETY: the table is valid until the process ends, and the name during the call.
        self.table
            .intern
            .map_or(0, |intern| unsafe { intern(self.table.ctx, name.into()) })
    }

    /// The name of a number; empty for 0 and for what is unknown.
    pub fn resolve(&self, id: u32) -> &'static str {
        let Some(resolve) = self.table.resolve else {
            return "";
        };
        // SAFETY: the table is valid until the process ends.
        let name = unsafe { resolve(self.table.ctx, id) };
        // SAFETY: a name that was resolved is valid until the process ends.
        unsafe { text::read(name) }
    }

    /// The host's clock in milliseconds, for measuring. A decision takes its time from the request.
    pub fn now_ms(&self) -> u64 {
        // SAFETY: the table is valid until the process ends.
        self.table.now_ms.map_or(0, |now_ms| unsafe { now_ms(self.table.ctx) })
    }
}
