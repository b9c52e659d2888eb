//! What a registry tells of its log and its contents, in any standing: a registry that may do nothing else must still show
//! what it has.

use super::super::contents::{content_rows, log_rows, log_summary};
use super::super::state::Registry;
use crate::pure::protocol::{Request, Response};

impl Registry {
    /// Answers from the database itself: the readers' view holds no log. `None`: asked for something else.
    pub(super) fn tell(&self, request: &Request) -> Option<Response> {
        Some(match request {
            Request::LogSummary => Response::LogSummary(Box::new(log_summary(&self.database, Some(self.standing().0)))),
            Request::LogRows { after } => Response::LogRows(log_rows(&self.database, *after)),
            Request::Contents { after } => Response::Contents(content_rows(&self.database, after.as_ref())),
            _ => return None,
        })
    }
}
