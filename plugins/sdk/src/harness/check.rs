//! What a host accepts, as plain functions.

use crate::abi::Verdict;
use std::collections::BTreeSet;

/// Whether a choice is one: in range, distinct, at most `want`, none of them rejected.
///
/// # Errors
/// Which rule it breaks.
pub fn check_choice(verdicts: &[Verdict], chosen: &[usize], want: usize) -> Result<(), String> {
    if chosen.len() > want {
        return Err(format!("chose {} where {want} were wanted", chosen.len()));
    }
    let mut seen = BTreeSet::new();
    for index in chosen {
        match verdicts.get(*index) {
            None => return Err(format!("chose index {index} of {}", verdicts.len())),
            Some(verdict) if !verdict.is_eligible() => {
                return Err(format!("chose index {index}, rejected with code {}", verdict.code));
            }
            Some(_) if !seen.insert(*index) => return Err(format!("chose index {index} twice")),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Whether an order is one: each of `count` exactly once.
///
/// # Errors
/// What is missing or there twice.
pub fn check_keys(served: &[usize], count: usize) -> Result<(), String> {
    let distinct: BTreeSet<_> = served.iter().filter(|index| **index < count).collect();
    if distinct.len() == count && served.len() == count {
        return Ok(());
    }
    Err(format!("{served:?} does not serve each of {count} once"))
}
