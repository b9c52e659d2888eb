//! Who waits.
#![expect(unsafe_code, reason = "reads the records of the ABI behind their pointers")]

use super::records::Records;
use super::request::Request;
use crate::abi;
use crate::error::Error;

/// One request in a queue.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// The request itself.
    pub request: Request<'a>,
    /// When it began to wait, in milliseconds.
    pub since_ms: u64,
    /// How often it was passed over by somebody who came later.
    pub passed: u32,
}

/// The requests of a queue, in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub struct WaitingList<'a> {
    records: Records<'a, abi::Waiting>,
}

impl<'a> WaitingList<'a> {
    /// The list behind the pointer; every record of it is looked at.
    ///
    /// # Errors
    /// It does not lie as it must, or one names no request.
    ///
    /// # Safety
    /// The pointer shows `count` records as [`abi::Waiting`] demands, unchanged during `'a`.
    pub(crate) unsafe fn from_records(first: *const abi::Waiting, count: u32) -> Result<Self, Error> {
        // SAFETY: by the contract of this function.
        let records = unsafe { Records::new(first, count) }?;
        for waiting in records.iter() {
            // SAFETY: likewise.
            unsafe { Request::from_record(waiting.request) }?;
        }
        Ok(Self { records })
    }
    /// How many wait.
    pub fn len(self) -> usize {
        self.records.count
    }
    /// Whether nobody waits.
    pub fn is_empty(self) -> bool {
        self.records.count == 0
    }
    /// All of them in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Waiting<'a>> {
        self.records.iter().map(|waiting| Waiting {
            // SAFETY: looked at when the list was made.
            request: unsafe { Request::from_record(waiting.request) }.expect("looked at when the list was made"),
            since_ms: waiting.since_ms,
            passed: waiting.passed,
        })
    }
}
