use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn name() -> PeerName {
    "r1".parse().unwrap()
}

fn epochs() -> impl Strategy<Value = Epoch> {
    (any::<u64>(), any::<u128>()).prop_map(|(number, id)| Epoch {
        number,
        id: EpochId::from_bits(id),
    })
}

fn addresses() -> impl Strategy<Value = Address> {
    "[a-z0-9.]{1,253}:[1-9][0-9]{3}".prop_map(|text| text.parse().unwrap())
}

prop_compose! {
    fn records()(
        kind in prop_oneof![Just(PeerKind::Registry), Just(PeerKind::Node)],
        instance in any::<u128>(),
        generation in any::<u64>(),
        address in addresses(),
        http in proptest::option::of(addresses()),
        role in proptest::option::of(prop_oneof![Just(Role::Master), Just(Role::Replica)]),
        standing in proptest::option::of(proptest::sample::select(Standing::ALL.to_vec())),
        claim in proptest::option::of(epochs()),
        version in proptest::option::of((any::<u64>(), any::<u64>(), any::<[u8; 32]>())),
        obeys in epochs(),
        servers in proptest::option::of((any::<u64>(), any::<u64>())),
    ) -> Record {
        Record {
            card: PeerCard { name: name(), kind, instance: InstanceId::from_bits(instance), generation, address, http },
            role,
            standing,
            claim,
            version: version.map(|(epoch, serial, digest)| Version { epoch, serial, digest: Digest(digest) }),
            obeys,
            servers,
        }
    }
}

fn read(keys: &BTreeMap<String, String>) -> Result<Record, String> {
    Record::from_keys(&name(), |key| keys.get(key).map(String::as_str))
}

fn owned(record: &Record) -> BTreeMap<String, String> {
    record
        .to_keys()
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

proptest! {
    #[test]
    fn a_record_survives_its_keys(record in records()) {
        let keys = owned(&record);
        prop_assert_eq!(keys.len(), 12);
        for (key, value) in &keys {
            prop_assert!(key.is_ascii() && key.len() <= KEY_BYTES_MAX && value.is_ascii() && value.len() <= VALUE_BYTES_MAX);
        }
        prop_assert_eq!(read(&keys), Ok(record));
    }

    #[test]
    fn later_fields_and_keys_are_ignored(record in records()) {
        let mut keys = owned(&record);
        for value in keys.values_mut().filter(|value| value.len() + 6 <= VALUE_BYTES_MAX) {
            value.push_str(";later");
        }
        keys.insert("tomorrow".into(), "1".into());
        prop_assert_eq!(read(&keys), Ok(record));
    }

    #[test]
    fn any_values_are_a_record_or_an_error(record in records(), key in 0_usize..12, value in ".{0,300}") {
        let mut keys = owned(&record);
        let key = keys.keys().nth(key).cloned().unwrap();
        keys.insert(key, value);
        let _never_panics = read(&keys);
    }
}

#[test]
fn a_bad_record_names_the_key() {
    let record = Record {
        card: PeerCard {
            name: name(),
            kind: PeerKind::Registry,
            instance: InstanceId::from_bits(7),
            generation: 3,
            address: "127.0.0.1:7401".parse().unwrap(),
            http: None,
        },
        role: Some(Role::Master),
        standing: Some(Standing::Leading),
        claim: None,
        version: None,
        obeys: Epoch::NONE,
        servers: Some((1, 2)),
    };
    for (key, value, text) in [
        ("kind", "king", "key \"kind\" has an unknown value \"king\""),
        ("generation", "+3", "key \"generation\" has an unknown value \"+3\""),
        ("servers", "3", "key \"servers\" has an unknown value \"3\""),
        ("version", "1;2;abc", "key \"version\" has an unknown value \"1;2;abc\""),
        ("role", "ä", "key \"role\" is no ASCII text of at most 260 bytes"),
        ("protocol", "3;2", "key \"protocol\" has a range from 3 to 2"),
    ] {
        let mut keys = owned(&record);
        keys.insert(key.into(), value.into());
        assert_eq!(read(&keys), Err(text.to_owned()));
        keys.remove(key);
        assert_eq!(read(&keys), Err(format!("key {key:?} is missing")));
    }
}
