//! Why a client has no answer.

use crate::pure::base::Address;
use crate::pure::protocol::{ErrorCode, Failure};
use std::fmt::Write;
use std::time::Duration;

/// Why a client has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No address led to a peer that could be asked. Nothing was changed.
    #[error("nobody could be reached{}", list(tried))]
    NobodyReachable {
        /// What was tried, and why it did not work.
        tried: Vec<(Address, String)>,
    },
    /// A peer answered with a failure, or (`InDoubt`) an update was sent and its outcome is not known.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// A peer was reached and did not answer in time.
    #[error("no answer came within {after:?}")]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
    },
}

impl Error {
    /// The registry's own code, where one answered.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Failed(failure) => Some(failure.code),
            Self::NobodyReachable { .. } | Self::TimedOut { .. } => None,
        }
    }
    /// Nobody knows what was asked for.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(ErrorCode::NotFound)
    }
    /// The same may succeed a moment later: nobody was reachable, it was late, overloaded, or cannot be had now. An update
    /// is repeated with its own request id.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NobodyReachable { .. } | Self::TimedOut { .. } => true,
            Self::Failed(failure) => matches!(
                failure.code,
                ErrorCode::Unavailable | ErrorCode::Overloaded | ErrorCode::TimedOut | ErrorCode::InDoubt
            ),
        }
    }
    /// What to do next, for people; may be empty.
    pub fn hint(&self) -> &str {
        match self {
            Self::Failed(failure) => &failure.hint,
            Self::NobodyReachable { .. } | Self::TimedOut { .. } => "",
        }
    }
}

fn list(tried: &[(Address, String)]) -> String {
    tried.iter().fold(String::new(), |mut text, (address, reason)| {
        let separator = if text.is_empty() { ": " } else { "; " };
        write!(text, "{separator}{address}: {reason}").expect("writing to memory cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_named_with_its_reason() {
        let tried = vec![
            ("a:1".parse().unwrap(), "connection refused".to_owned()),
            ("b:2".parse().unwrap(), "said no hello within 2s".to_owned()),
        ];
        assert_eq!(
            Error::NobodyReachable { tried }.to_string(),
            "nobody could be reached: a:1: connection refused; b:2: said no hello within 2s"
        );
    }
}
