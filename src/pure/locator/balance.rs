//! In which order the members of a replica group are offered. Knows no state: the caller's `turn` drives everything.

use super::load::Load;
use crate::pure::model::descriptor::Balance;

/// One member that can be offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<T> {
    /// What is offered.
    pub item: T,
    /// For `ordered`: smaller first.
    pub priority: i32,
    /// The load of its node, for `adaptive`.
    pub load: Load,
}

/// Puts members into the order of the policy. They come in order of declaration.
///
/// `turn` is any number for `random`; for the others it counts the resolves of the group, so that `round-robin` gives
/// each member in turn without gaps or repeats, and `adaptive` does the same among nodes of equal load.
pub fn arrange<T>(balance: Balance, mut members: Vec<Candidate<T>>, turn: u64) -> Vec<T> {
    match balance {
        Balance::Random => shuffle(&mut members, turn),
        Balance::RoundRobin => rotate(&mut members, turn),
        Balance::Ordered => members.sort_by_key(|member| member.priority),
        Balance::Adaptive => {
            rotate(&mut members, turn);
            members.sort_by_key(|member| member.load);
        }
    }
    members.into_iter().map(|member| member.item).collect()
}

fn rotate<T>(members: &mut [T], turn: u64) {
    let length = u64::try_from(members.len()).unwrap_or(u64::MAX);
    let first = turn.checked_rem(length).unwrap_or(0);
    members.rotate_left(usize::try_from(first).unwrap_or(0));
}

/// SplitMix64's last step: neighbouring numbers give unrelated ones.
pub(super) fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fisher-Yates, with SplitMix64 over `turn`: neighbouring turns give unrelated orders, so a counter will do.
fn shuffle<T>(members: &mut [T], turn: u64) {
    let mut state = turn;
    for last in (1..members.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bound = u64::try_from(last + 1).unwrap_or(u64::MAX);
        members.swap(last, usize::try_from(mixed(state) % bound).unwrap_or(0));
    }
}
