//! Whose turn it is in each group. Readers of any view and the registry's loop count together, so that `round-robin` skips
//! and repeats nobody, whoever answers.

use crate::pure::base::{GroupId, SharedMap};
use crate::pure::model::Deployment;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often each deployed group was resolved. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Turns(SharedMap<GroupId, Arc<AtomicU64>>);

impl Turns {
    /// Counts for every group that is deployed, and for no other.
    pub fn follow(&mut self, deployment: &Deployment) {
        let gone: Vec<GroupId> = self
            .0
            .keys()
            .filter(|id| !deployment.groups.contains_key(*id))
            .cloned()
            .collect();
        for id in gone {
            self.0.remove(&id);
        }
        for id in deployment.groups.keys() {
            if !self.0.contains_key(id) {
                self.0.insert(id.clone(), Arc::default());
            }
        }
    }
    /// The turn that comes next.
    pub fn next(&self, group: &GroupId) -> u64 {
        self.0.get(group).map_or(0, |count| count.load(Ordering::Relaxed))
    }
    /// Takes that turn; false: somebody else was faster, look again.
    pub fn take(&self, group: &GroupId, turn: u64) -> bool {
        self.0.get(group).is_none_or(|count| {
            let taken = count.compare_exchange(turn, turn.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed);
            taken.is_ok()
        })
    }
}
