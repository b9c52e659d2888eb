use super::*;
use proptest::prelude::*;

type Change = fn(&mut Register);

fn register(adapter: &str, registrant: u128, renewal: u64, ttl_ms: u64, endpoint: &str) -> Register {
    Register {
        registration: Registration {
            adapter: adapter.parse().unwrap(),
            group: Some("g".parse().unwrap()),
            endpoints: vec![endpoint.to_owned()],
        },
        registrant: RegistrantId::from_bits(registrant),
        renewal,
        ttl_ms,
        take_over: false,
    }
}
fn at(ms: u64) -> Time {
    Time::from_micros(ms * 1000)
}
fn endpoint(table: &Registrations, adapter: &str) -> Option<String> {
    let entry = table.shown().entries.get(adapter)?;
    entry.registration.endpoints.first().cloned()
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let good = register("a", 1, 1, 15_000, "tcp://h:1");
    let table: &[(&str, Change)] = &[
        ("a time to live of 0 ms is refused: it is 1 s to 3600 s", |r| {
            r.ttl_ms = 0;
        }),
        (
            "a time to live of 31536000000 ms is refused: it is 1 s to 3600 s",
            |r| {
                r.ttl_ms = 365 * 24 * 3600 * 1000;
            },
        ),
        ("a registration wants 1 to 8 endpoints, 0 were given", |r| {
            r.registration.endpoints.clear();
        }),
        ("a registration wants 1 to 8 endpoints, 9 were given", |r| {
            r.registration.endpoints = vec!["tcp://h:1".to_owned(); 9];
        }),
        (
            "endpoint \"h:1\" is no URI: write SCHEME://HOST, SCHEME://HOST:PORT or either with /...",
            |r| r.registration.endpoints = vec!["h:1".to_owned()],
        ),
        ("an adapter and its group cannot have the same id", |r| {
            r.registration.group = Some("a".parse().unwrap());
        }),
    ];
    for (reason, change) in table {
        let (mut bad, mut registrations) = (good.clone(), Registrations::default());
        change(&mut bad);
        let refused = registrations.register(&bad, "me", at(0));
        assert_eq!(refused, Err(Refused::Malformed((*reason).to_owned())));
        assert!(registrations.shown().entries.is_empty());
    }
}

#[test]
fn only_its_registrant_renews_it_and_it_ends_by_itself() {
    let mut table = Registrations::default();
    let first = register("a", 1, 1, 10_000, "tcp://h:1");
    assert!(matches!(table.register(&first, "me", at(0)), Ok(Some(Moved::Put(_)))));
    // A renewal is no news, an old one is refused.
    let renewed = register("a", 1, 2, 10_000, "tcp://h:1");
    assert_eq!(table.register(&renewed, "me", at(6_000)), Ok(None));
    assert_eq!(table.register(&renewed, "me", at(6_000)), Ok(None), "a retry");
    assert_eq!(table.register(&first, "me", at(6_000)), Err(Refused::Late));
    let other = register("a", 2, 1, 10_000, "tcp://h:2");
    let taken = Err(Refused::Taken {
        by: "me".to_owned(),
        left: Duration::from_secs(9),
    });
    assert_eq!(table.register(&other, "you", at(7_000)), taken);
    assert_eq!(table.next_end(), Some(at(16_000)));
    assert!(table.expire(at(15_999)).is_empty());
    assert!(matches!(table.expire(at(16_000)).as_slice(), [Moved::Gone(_)]));
    assert!(table.shown().groups.is_empty(), "a group goes with its last member");
    assert!(table.register(&other, "you", at(16_000)).is_ok());
    // Who listens at the same place, or says so, takes it over.
    let restarted = register("a", 3, 1, 10_000, "tcp://h:2");
    assert!(table.register(&restarted, "you", at(17_000)).is_ok());
    let mut bold = register("a", 4, 1, 10_000, "tcp://h:9");
    bold.take_over = true;
    assert!(matches!(
        table.register(&bold, "them", at(18_000)),
        Ok(Some(Moved::Put(_)))
    ));
    assert_eq!(endpoint(&table, "a").as_deref(), Some("tcp://h:9"));
    let not_mine = table.unregister(&"a".parse().unwrap(), Some(RegistrantId::from_bits(3)), at(18_000));
    assert!(matches!(not_mine, Err(Refused::Taken { .. })));
    let mine = table.unregister(&"a".parse().unwrap(), Some(RegistrantId::from_bits(4)), at(18_000));
    assert!(matches!(mine, Ok(Some(Moved::Gone(_)))));
}

#[test]
fn it_is_gone_everywhere_within_its_time_to_live_whatever_a_registry_says() {
    let mut table = Registrations::default();
    let mut first = Registrations::default();
    first
        .register(&register("a", 1, 1, 5_000, "tcp://h:1"), "me", at(0))
        .unwrap();
    let mut row = first.row(&"a".parse().unwrap(), at(4_000)).unwrap();
    assert_eq!(row.left_ms, 1_000);
    table.hear(row.clone(), at(90_000));
    assert_eq!(table.next_end(), Some(at(91_000)));
    // A word that is late or repeated makes it live no longer.
    assert_eq!(table.hear(row.clone(), at(90_500)), None);
    assert_eq!(table.next_end(), Some(at(91_000)));
    row.left_ms = 0;
    row.renewal = 0;
    assert_eq!(table.hear(row.clone(), at(90_600)), None, "an older end");
    row.renewal = 1;
    assert!(matches!(table.hear(row.clone(), at(90_700)), Some(Moved::Gone(_))));
    row.left_ms = u64::MAX;
    table.hear(row, at(91_000));
    assert_eq!(table.next_end(), Some(at(91_000).after(TTL_MAX)));
}

proptest! {
    /// Registries that took one adapter from several processes agree once each has heard of all, in whatever order.
    #[test]
    fn registries_agree(
        said in prop::collection::vec((0_u128..4, 1_u64..4, any::<bool>(), 0_usize..3), 1..12),
        shuffle in any::<u64>(),
    ) {
        let mut tables = [Registrations::default(), Registrations::default(), Registrations::default()];
        let mut rows = Vec::new();
        for (registrant, renewal, take_over, place) in said {
            let mut word = register("a", registrant, renewal, 60_000, &format!("tcp://h{registrant}:1"));
            word.take_over = take_over;
            if tables[place].register(&word, "me", at(0)).is_ok() {
                rows.extend(tables[place].rows(at(0)));
            }
        }
        for (number, table) in tables.iter_mut().enumerate() {
            let mut order = rows.clone();
            let first = usize::try_from((shuffle >> (8 * number)) % order.len() as u64).unwrap();
            order.rotate_left(first);
            for row in order {
                table.hear(row, at(0));
            }
        }
        let winner = |table: &Registrations| table.row(&"a".parse().unwrap(), at(0)).map(|row| (row.claim, row.registrant, row.renewal));
        prop_assert_eq!(winner(&tables[0]), winner(&tables[1]));
        prop_assert_eq!(winner(&tables[0]), winner(&tables[2]));
    }
}
