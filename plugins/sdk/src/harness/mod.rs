//! Asks an allocator as a daemon does: through its C table, with records in C layout. For tests; holds no policy itself.
//!
//! The candidates that it hands out are longer than this SDK knows them, with rubbish in the rest, as a newer host's
//! would be; so every test is also a test of the step. What comes back is checked by the rules of a host ([`check_choice`]).
#![expect(unsafe_code, reason = "calls the functions of the ABI")]

mod check;
mod frame;
mod library;
mod spec;
mod table;

pub use check::{check_choice, check_keys};
pub use library::{Facts, check_demands, read_descriptor};
pub use spec::{AttrSpec, CandidateSpec, EventSpec, LeaseSpec, RequestSpec, WaitingSpec};
pub use table::{intern, resolve};

use crate::abi::{self, Descriptor, TextBuffer, Verdict};
use crate::allocator::Allocator;
use crate::{guard, rank};
use frame::Frame;
use std::ffi::c_void;
use std::fmt;
use table::Log;

/// One instance of an allocator, behind its table.
#[derive(Debug)]
pub struct Harness {
    descriptor: Descriptor,
    instance: *mut c_void,
    log: &'static Log,
    seq: u64,
}

/// What an allocator answered wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It reported a fault itself.
    Reported {
        /// The code of the ABI, below 0.
        code: i32,
        /// Its sentence.
        text: String,
    },
    /// It does not have the slot.
    Absent(&'static str),
    /// It gave an answer that a host does not accept; why.
    Invalid(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported { code, text } => write!(f, "fault {code}{}: {text}", meaning(*code)),
            Self::Absent(slot) => write!(f, "no slot {slot}"),
            Self::Invalid(why) => write!(f, "invalid answer: {why}"),
        }
    }
}
impl std::error::Error for Fault {}

/// Of a fault's code; empty for one that the interface does not know.
fn meaning(code: i32) -> &'static str {
    match code {
        abi::PANIC => " (a panic)",
        abi::CONFIG => " (its configuration is wrong)",
        abi::INTERNAL => " (it is at a loss)",
        abi::UNSUPPORTED => " (it does not do this)",
        abi::BUSY => " (not now)",
        _ => "",
    }
}

/// How a question was answered, as the host sees it: a code that is no fault, and a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// `OK`, `ABSTAIN`, `DEFER` or `DENY` of [`abi`].
    pub code: i32,
    /// What was written beside it; what is no UTF-8 is replaced.
    pub text: String,
}

/// The whole of a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// How it was answered.
    pub answer: Answer,
    /// One verdict a candidate; all eligible if it does not evaluate, or abstained from it.
    pub verdicts: Vec<Verdict>,
    /// Indices of the candidates chosen, best first.
    pub chosen: Vec<usize>,
    /// With `DEFER`: when to ask again, in milliseconds.
    pub retry_after_ms: u64,
}

impl Harness {
    /// An instance of an allocator of this binary, with its configuration in JSON.
    ///
    /// # Errors
    /// What its `create` reported.
    pub fn create<A: Allocator>(config: &str) -> Result<Self, Fault> {
        // SAFETY: our own descriptor keeps the ABI's promises.
        unsafe { Self::from_descriptor(guard::descriptor::<A>(), config) }
    }

    /// An instance of an allocator that came out of a library.
    ///
    /// # Errors
    /// What its `create` reported.
    ///
    /// # Safety
    /// The functions of the descriptor keep the ABI's promises, and their library stays loaded.
    pub unsafe fn from_descriptor(descriptor: Descriptor, config: &str) -> Result<Self, Fault> {
        let create = descriptor.create.ok_or(Fault::Absent("create"))?;
        descriptor.destroy.ok_or(Fault::Absent("destroy"))?;
        let log = table::log();
        let mut instance = std::ptr::null_mut();
        called(|error| {
            // SAFETY: the table is leaked, all else is valid during the call.
            unsafe { create(table::host(log), config.into(), &raw mut instance, error) }
        })?;
        if instance.is_null() {
            return Err(Fault::Invalid("create answered OK and gave no instance".to_owned()));
        }
        Ok(Self {
            descriptor,
            instance,
            log,
            seq: 0,
        })
    }

    /// The descriptor that it was made of.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// What the allocator has logged so far, and forgets it.
    pub fn logged(&self) -> Vec<String> {
        self.log.take().into_iter().map(|(_, line)| line).collect()
    }

    /// As [`Harness::logged`], each line with its level: one of `LOG_*` of [`abi`], or what it was given.
    pub fn logged_by_level(&self) -> Vec<(u32, String)> {
        self.log.take()
    }

    /// Asks `evaluate`. The verdicts come as they are.
    ///
    /// # Errors
    /// There is no such slot, or it reported a fault.
    pub fn evaluate(
        &mut self,
        request: &RequestSpec,
        candidates: &[CandidateSpec],
    ) -> Result<(Answer, Vec<Verdict>), Fault> {
        let slot = self.descriptor.evaluate.ok_or(Fault::Absent("evaluate"))?;
        let frame = Frame::of(candidates);
        let batch = frame.batch();
        let asked = frame::asked(request, self.next());
        let mut verdicts = vec![Verdict::default(); candidates.len()];
        let answer = called(|error| {
            let request = asked.record();
            // SAFETY: all records are valid during the call, one verdict a candidate.
            unsafe {
                slot(
                    self.instance,
                    &raw const request,
                    &raw const batch,
                    verdicts.as_mut_ptr(),
                    error,
                )
            }
        })?;
        Ok((answer, verdicts))
    }

    /// Asks `select` for at most as many as the request wants. Indices come as they are, unchecked.
    ///
    /// # Errors
    /// There is no such slot, it reported a fault, or says that it chose more than there was room for.
    pub fn select(
        &mut self,
        request: &RequestSpec,
        candidates: &[CandidateSpec],
        verdicts: &[Verdict],
    ) -> Result<Decided, Fault> {
        assert_eq!(candidates.len(), verdicts.len(), "one verdict a candidate");
        let slot = self.descriptor.select.ok_or(Fault::Absent("select"))?;
        let frame = Frame::of(candidates);
        let batch = frame.batch();
        let asked = frame::asked(request, self.next());
        let cap = request.want.max(1);
        let mut indices = vec![0_u32; cap as usize];
        let mut reason = [0_u8; abi::TEXT_BYTES_MAX as usize];
        let mut decision = abi::Decision {
            struct_size: frame::size::<abi::Decision>(),
            reason: room(&mut reason),
            ..abi::Decision::default()
        };
        let mut answer = called(|error| {
            let request = asked.record();
            // SAFETY: all records are valid during the call, one verdict a candidate, `cap` indices.
            unsafe {
                slot(
                    self.instance,
                    &raw const request,
                    &raw const batch,
                    verdicts.as_ptr(),
                    indices.as_mut_ptr(),
                    cap,
                    &raw mut decision,
                    error,
                )
            }
        })?;
        let written = decision.reason.len;
        let Some(reason) = reason.get(..written as usize) else {
            return Err(Fault::Invalid(format!("a reason of {written} bytes in a room of 512")));
        };
        if decision.chosen > cap {
            return Err(Fault::Invalid(format!("chose {} with room for {cap}", decision.chosen)));
        }
        answer.text = String::from_utf8_lossy(reason).into_owned();
        // Only a choice has indices; what else is written is not looked at.
        let chosen = if answer.code == abi::OK {
            decision.chosen as usize
        } else {
            0
        };
        Ok(Decided {
            answer,
            verdicts: verdicts.to_vec(),
            chosen: indices.iter().take(chosen).map(|index| *index as usize).collect(),
            retry_after_ms: decision.retry_after_ms,
        })
    }

    /// A whole decision: evaluates if it can, selects if it can, else takes the best scores; then checks.
    ///
    /// # Errors
    /// It reported a fault, or a host would not accept the answer.
    pub fn decide(&mut self, request: &RequestSpec, candidates: &[CandidateSpec]) -> Result<Decided, Fault> {
        let mut verdicts = vec![Verdict::default(); candidates.len()];
        let mut answer = Answer {
            code: abi::ABSTAIN,
            text: String::new(),
        };
        if self.descriptor.evaluate.is_some() {
            let evaluated;
            (answer, evaluated) = self.evaluate(request, candidates)?;
            match answer.code {
                abi::OK => verdicts = evaluated,
                abi::ABSTAIN => {}
                _ => {
                    return Ok(Decided {
                        answer,
                        verdicts,
                        ..Decided::default()
                    });
                }
            }
        }
        let decided = if self.descriptor.select.is_some() {
            self.select(request, candidates, &verdicts)?
        } else {
            let best = match answer.code {
                abi::OK => rank::best(&verdicts, request.want.max(1) as usize, request.seed),
                _ => Vec::new(),
            };
            Decided {
                answer,
                verdicts,
                chosen: best.into_iter().map(|index| index as usize).collect(),
                retry_after_ms: 0,
            }
        };
        check_choice(&decided.verdicts, &decided.chosen, request.want.max(1) as usize).map_err(Fault::Invalid)?;
        Ok(decided)
    }

    /// Asks `order`; the indices of those who wait in the order in which a host serves them, if nobody was passed over
    /// too often.
    ///
    /// # Errors
    /// There is no such slot, or it reported a fault.
    pub fn order(&mut self, waiting: &[WaitingSpec]) -> Result<(Answer, Vec<usize>), Fault> {
        let slot = self.descriptor.order.ok_or(Fault::Absent("order"))?;
        let seq = self.next();
        let asked: Vec<_> = waiting
            .iter()
            .map(|waiting| frame::asked(&waiting.request, seq))
            .collect();
        let requests: Vec<_> = asked.iter().map(frame::Asked::record).collect();
        let list = frame::waiting(waiting, &requests);
        let mut keys = vec![0_u64; waiting.len()];
        let answer = called(|error| {
            // SAFETY: all records are valid during the call, one key a waiting request.
            unsafe { slot(self.instance, list.first(), list.count(), keys.as_mut_ptr(), error) }
        })?;
        let mut served: Vec<usize> = (0..waiting.len()).collect();
        if answer.code == abi::OK {
            served.sort_by_key(|index| (keys.get(*index).copied(), *index));
        }
        Ok((answer, served))
    }

    /// Tells events, if it wants to hear them.
    ///
    /// # Errors
    /// It reported a fault.
    pub fn observe(&mut self, events: &[EventSpec]) -> Result<(), Fault> {
        let Some(slot) = self.descriptor.observe else {
            return Ok(());
        };
        let records = frame::events(events);
        // SAFETY: all records are valid during the call.
        called(|error| unsafe { slot(self.instance, records.first(), records.count(), error) })?;
        Ok(())
    }

    /// Tells all that is held, in parts of `part` leases, if it wants to hear it.
    ///
    /// # Errors
    /// It reported a fault.
    pub fn resync(&mut self, leases: &[LeaseSpec], part: usize) -> Result<(), Fault> {
        let Some(slot) = self.descriptor.resync else {
            return Ok(());
        };
        let parts = leases.len().div_ceil(part.max(1)).max(1);
        for at in 0..parts {
            let first = if at == 0 { abi::RESYNC_FIRST } else { 0 };
            let last = if at + 1 == parts { abi::RESYNC_LAST } else { 0 };
            let leases: Vec<_> = leases.iter().skip(at * part.max(1)).take(part.max(1)).collect();
            let records = frame::leases(&leases);
            // SAFETY: all records are valid during the call.
            called(|error| unsafe { slot(self.instance, records.first(), records.count(), first | last, error) })?;
        }
        Ok(())
    }

    fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if let Some(destroy) = self.descriptor.destroy {
            // SAFETY: the instance came from `create`, and nothing uses it any more.
            unsafe { destroy(self.instance) };
        }
    }
}

/// Room for a text of the plugin.
fn room(bytes: &mut [u8; abi::TEXT_BYTES_MAX as usize]) -> TextBuffer {
    TextBuffer {
        buf: bytes.as_mut_ptr(),
        cap: abi::TEXT_BYTES_MAX,
        len: 0,
    }
}

/// Calls with room for an error; a code below 0 or an unknown one is a fault.
fn called(call: impl FnOnce(*mut TextBuffer) -> i32) -> Result<Answer, Fault> {
    let mut bytes = [0_u8; abi::TEXT_BYTES_MAX as usize];
    let mut error = room(&mut bytes);
    let code = call(&raw mut error);
    let Some(text) = bytes.get(..error.len as usize) else {
        return Err(Fault::Invalid(format!(
            "an error of {} bytes in a room of 512",
            error.len
        )));
    };
    let text = String::from_utf8_lossy(text).into_owned();
    match code {
        abi::OK..=abi::DENY => Ok(Answer { code, text }),
        ..0 => Err(Fault::Reported { code, text }),
        _ => Err(Fault::Invalid(format!("the unknown code {code}"))),
    }
}
