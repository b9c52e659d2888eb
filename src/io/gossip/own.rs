//! Our own keys in chitchat's state: they say what we want them to say, whatever others write.

use super::tally::{Reason, Tally};
use chitchat::NodeState;
use std::collections::BTreeMap;

/// Gossip keys and values.
pub(super) type Keys = BTreeMap<&'static str, String>;

/// Writes what differs from `wanted`. `written` is what we wrote last: a key that says something else since was changed by
/// somebody else. `forged` is the highest version that others claimed for our keys: when it is beyond ours, they hold
/// something that we never said and ours would not be heard, so all keys are said again with versions beyond it.
pub(super) fn hold(state: &mut NodeState, wanted: &Keys, written: &Keys, forged: u64, tally: &Tally) {
    let foreign: Vec<String> = state
        .key_values()
        .filter(|(key, _)| !wanted.contains_key(key))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in foreign {
        tally.reject(Reason::Tampered);
        tracing::warn!(key, "gossip key of ours that we never set, deleting it");
        state.delete(&key);
    }
    let again = forged > state.max_version();
    if again {
        tally.reject(Reason::Forged);
        tracing::warn!(version = forged, "somebody gossips keys in our name, saying ours again");
        state.set_max_version(forged);
    }
    for (key, value) in wanted {
        let said = state.get(key) == Some(value);
        if !said && written.get(key) == Some(value) {
            tally.reject(Reason::Tampered);
            tracing::warn!(key, "gossip key of ours was changed by somebody else, setting it again");
        }
        if said && again {
            // Setting the same value is nothing new to chitchat; after a delete it is.
            state.delete(key);
        }
        state.set(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_keys_hold_against_tampering_and_forged_versions() {
        let tally = Tally::default();
        let wanted = Keys::from([("role", "master".to_owned()), ("kind", "node".to_owned())]);
        let mut state = NodeState::for_test();
        hold(&mut state, &wanted, &Keys::new(), 0, &tally);
        assert_eq!((state.get("role"), state.max_version()), (Some("master"), 2));
        // Nothing to do: nothing spreads.
        hold(&mut state, &wanted, &wanted, 2, &tally);
        assert_eq!((state.max_version(), tally.rejected(Reason::Tampered)), (2, 0));
        state.set("role", "replica");
        state.set("extra", "x");
        hold(&mut state, &wanted, &wanted, 0, &tally);
        assert_eq!((state.get("role"), state.get("extra")), (Some("master"), None));
        assert_eq!(tally.rejected(Reason::Tampered), 2);
        // Others hold version 1,000 of us: every key must get a version beyond.
        hold(&mut state, &wanted, &wanted, 1_000, &tally);
        let versions = ["role", "kind"].map(|key| state.get_versioned(key).map(|value| value.version));
        assert!(versions.iter().all(|version| *version > Some(1_000)), "{versions:?}");
        assert_eq!(state.get("kind"), Some("node"));
        assert_eq!(tally.rejected(Reason::Forged), 1);
    }
}
