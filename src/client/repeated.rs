//! An update that was sent more than once: what people are told about it.

use crate::pure::base::PeerName;
use std::fmt;

/// Most reasons that are kept; the first ones.
const REASONS_MAX: usize = 4;

/// How often an update was sent and why. Each time with the same request id, so it was applied once at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeated {
    /// How often it was sent.
    pub times: u32,
    /// To whom it was sent last.
    pub last: Option<PeerName>,
    /// Why its outcome was not known after a try, each reason once.
    pub doubts: Vec<String>,
}

impl Repeated {
    pub(super) fn sent(&mut self, to: &PeerName) {
        self.times = self.times.saturating_add(1);
        self.last = Some(to.clone());
    }
    pub(super) fn doubt(&mut self, why: &str) {
        if self.doubts.len() < REASONS_MAX && !self.doubts.iter().any(|known| known == why) {
            self.doubts.push(why.to_owned());
        }
    }
    /// A redirect to the master alone is nobody's concern.
    pub(super) fn is_worth_telling(&self) -> bool {
        self.times > 1 && !self.doubts.is_empty()
    }
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.last.as_ref().map(|last| format!(", last to {last}"));
        write!(
            f,
            "the outcome was not known at first ({}): sent {} times with the same request id{}",
            self.doubts.join("; "),
            self.times,
            last.unwrap_or_default()
        )
    }
}
