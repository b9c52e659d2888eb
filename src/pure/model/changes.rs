//! An update in five numbers, for the history of an application.

use super::diff::Plan;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many servers an update added, removed, and so on. On disk and on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Servers that came.
    pub added: u64,
    /// Servers that went.
    pub removed: u64,
    /// Servers that were to be stopped and started again.
    pub restarted: u64,
    /// Servers that changed without a restart.
    pub changed: u64,
    /// Servers that stayed as they were.
    pub unchanged: u64,
}

impl Changes {
    /// Those of a plan.
    pub fn of(plan: &Plan) -> Self {
        let count = |servers: &[_]| u64::try_from(servers.len()).unwrap_or(u64::MAX);
        Self {
            added: count(&plan.added),
            removed: count(&plan.removed),
            restarted: count(&plan.restarted),
            changed: count(&plan.changed),
            unchanged: count(&plan.unchanged),
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.added, "added"),
            (self.removed, "removed"),
            (self.restarted, "restarted"),
            (self.changed, "changed live"),
        ];
        let mut words = parts.iter().filter(|(number, _)| *number > 0).peekable();
        if words.peek().is_none() {
            return f.pad("no server");
        }
        let words: Vec<String> = words.map(|(number, what)| format!("{number} {what}")).collect();
        f.pad(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_named() {
        let mut changes = Changes {
            unchanged: 9,
            ..Changes::default()
        };
        assert_eq!(changes.to_string(), "no server");
        changes.added = 2;
        changes.changed = 1;
        assert_eq!(changes.to_string(), "2 added, 1 changed live");
    }
}
