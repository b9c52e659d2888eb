//! Sight: how many of the registries that a log names a master must be in contact with. No vote: a check that it is not
//! cut off, so that of the two sides of a partition at most one writes.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a master must see of the other registries to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sight {
    /// More than half of them, itself included, where the log names three or more; of two there is no majority to lose.
    #[default]
    Majority,
    /// One other at least, where the log names another.
    Any,
    /// Nobody.
    Off,
}

impl Sight {
    /// How many of `known` registries must be in contact, the master itself included.
    pub fn needed(self, known: u64) -> u64 {
        match self {
            Self::Majority if known >= 3 => known / 2 + 1,
            Self::Any if known >= 2 => 2,
            Self::Majority | Self::Any | Self::Off => 1,
        }
    }
    /// As in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::Any => "any",
            Self::Off => "off",
        }
    }
}
impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Sight;

    #[test]
    fn the_two_sides_of_a_partition_never_both_see_enough() {
        for known in 3..40 {
            let needed = Sight::Majority.needed(known);
            for side in 0..=known {
                let other = known - side;
                assert!(
                    side < needed || other < needed,
                    "{known} registries, {side} on one side"
                );
            }
        }
        assert_eq!([1, 2].map(|known| Sight::Majority.needed(known)), [1, 1]);
        assert_eq!([1, 2, 5].map(|known| Sight::Any.needed(known)), [1, 2, 2]);
        assert_eq!(Sight::Off.needed(9), 1);
    }
}
