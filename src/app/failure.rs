//! Why a daemon ended, with the exit code that tells the service manager whether to try again.

use crate::io::store::is_full;
use std::error::Error;

/// A daemon's end by failure.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step}")]
pub struct Failure {
    /// What was tried, after "failed to ".
    step: String,
    /// The process exit code (design, section 10).
    pub exit_code: u8,
    /// Why.
    source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure of a step.
    pub fn new(step: impl Into<String>, exit_code: u8, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            step: step.into(),
            exit_code,
            source: source.into(),
        }
    }
    /// What to do next; empty where the cause says it all. A full disk is named as such wherever it was met.
    pub fn hint(&self) -> String {
        let mut next: Option<&(dyn Error + 'static)> = Some(self.source.as_ref());
        while let Some(error) = next {
            if is_full(error) {
                return "the disk is full. Make room where peer.data lies, then start this peer again, or let its service manager do so: it goes on where it was and nothing that was acknowledged is lost".to_owned();
            }
            next = error.source();
        }
        String::new()
    }
    /// The same for `map_err`, with exit code 1.
    pub fn at<E: Into<Box<dyn Error + Send + Sync>>>(step: impl Into<String>) -> impl FnOnce(E) -> Self {
        let step = step.into();
        move |source| Self::new(step, 1, source)
    }
}
