//! Tells a full disk from a broken one: the first is over when somebody makes room.

use std::error::Error;
use std::io::ErrorKind;

/// Does this error, by itself and without its sources, say that the disk or the quota on it has no room left?
pub fn is_full(error: &(dyn Error + 'static)) -> bool {
    let full = |error: &std::io::Error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    // redb does not tell its sources, and our own errors hold it in a box.
    let stored = error
        .downcast_ref::<redb::Error>()
        .or_else(|| error.downcast_ref::<Box<redb::Error>>().map(Box::as_ref));
    error.downcast_ref::<std::io::Error>().is_some_and(full)
        || matches!(stored, Some(redb::Error::Io(error)) if full(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        for (kind, expected) in [
            (ErrorKind::StorageFull, true),
            (ErrorKind::QuotaExceeded, true),
            (ErrorKind::Other, false),
        ] {
            let io = || std::io::Error::from(kind);
            assert_eq!(is_full(&io()), expected, "{kind}");
            assert_eq!(is_full(&redb::Error::Io(io())), expected, "{kind}");
            assert_eq!(is_full(&Box::new(redb::Error::Io(io()))), expected, "{kind}");
        }
        assert!(!is_full(&redb::Error::Corrupted("page".to_owned())));
    }
}
