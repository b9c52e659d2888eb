//! The known name that an unknown one comes nearest to, for messages.

use super::fault::shown;
use crate::pure::base::nearest;

/// Longer names are not compared, and not more of them: whoever has thousands of templates need not wait for a hint.
const NAME_BYTES_MAX: usize = 64;
const NAMES_MAX: usize = 200;

/// `; did you mean `run`?`, or nothing when no known name is near.
pub(super) fn did_you_mean<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
    if unknown.len() > NAME_BYTES_MAX {
        return String::new();
    }
    let known = known.filter(|name| name.len() <= NAME_BYTES_MAX).take(NAMES_MAX);
    nearest(unknown, known).map_or_else(String::new, |near| format!("; did you mean `{}`?", shown(near)))
}
