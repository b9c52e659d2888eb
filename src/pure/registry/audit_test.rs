//! A sound database passes; a state that does not follow from its log is told, even when its seal is as it should be.

use super::*;
use crate::pure::registry::effect::Image;
use crate::pure::registry::fixture_log::{Written, forest};
use crate::pure::registry::seal::{SEAL_KEY, Seal};
use proptest::prelude::*;

/// The image with its seal made to fit, as a mistake in a program would leave it.
fn sealed(mut image: Image, like: &Database) -> Database {
    let seal = Seal::of(&image.values).bytes(like.end());
    image.values.insert(SEAL_KEY.to_owned(), seal);
    Database::restore(image).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_was_written_passes(steps in proptest::collection::vec((any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..9)), 1..5)) {
        for log in forest(&steps) {
            let found = audit(&log.database);
            let whole = log.database.log_first() == 1;
            prop_assert_eq!(found.map(|audit| audit.replayed), Ok(whole));
        }
    }
}

#[test]
fn a_state_that_the_log_does_not_say_is_told_with_its_name() {
    for keep in [1000, 4] {
        let mut log = Written::founded(7, keep);
        log.reign(1, 1);
        for what in [0, 8, 7, 4, 1, 7] {
            log.update(what);
        }
        audit(&log.database).unwrap();
        let mut older = log.prefix(6, 1000);
        older.update(0);
        for (key, told) in [
            ("application/app-0", "application app-0"),
            ("object/object-0", "object object-0"),
            ("registry/r0", "registry r0"),
        ] {
            let mut lost = log.image.clone();
            lost.values.remove(key).unwrap_or_else(|| panic!("{key} is there"));
            let error = audit(&sealed(lost, &log.database)).unwrap_err();
            assert!(error.starts_with(told), "{keep}: {error}");
        }
        let mut other = log.image.clone();
        other.values.insert(
            "application/app-0".to_owned(),
            older.image.values["application/app-0"].clone(),
        );
        let error = audit(&sealed(other, &log.database)).unwrap_err();
        assert!(error.starts_with("application app-0"), "{keep}: {error}");
    }
}
