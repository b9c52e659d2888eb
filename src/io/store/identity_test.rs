//! The identity survives a cut at every byte, one damaged slot, and every attempt to take the promise back.

use super::*;
use crate::pure::base::EpochId;
use crate::pure::lineage::Epoch;

fn owner() -> Owner {
    Owner {
        grid: "shop".parse().unwrap(),
        name: "r1".parse().unwrap(),
        kind: PeerKind::Registry,
    }
}

fn epoch(number: u64, id: u128) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(id),
    }
}

fn fresh() -> (tempfile::TempDir, Folder, IdentityFile) {
    let top = tempfile::tempdir().unwrap();
    let folder = Folder::open(&top.path().join("data"), "test").unwrap();
    let file = IdentityFile::load_or_create(&folder, &owner()).unwrap();
    (top, folder, file)
}

fn promising(file: &IdentityFile, number: u64, id: u128) -> Identity {
    Identity {
        promise: epoch(number, id),
        ..file.identity().clone()
    }
}

#[test]
fn what_was_saved_is_read_again() {
    let (_top, folder, mut file) = fresh();
    assert_eq!(file.identity().promise, Epoch::NONE);
    assert_eq!(file.count_start().unwrap().generation, 1);
    for number in 1..6 {
        let next = promising(&file, number, 7);
        file.save(&next).unwrap();
        let again = IdentityFile::load_or_create(&folder, &owner()).unwrap();
        assert_eq!(again.identity(), &next);
    }
}

#[test]
fn the_promise_never_goes_back() {
    let (_top, folder, mut file) = fresh();
    file.count_start().unwrap();
    let kept = promising(&file, 5, 50);
    file.save(&kept).unwrap();
    let lower = promising(&file, 4, 40);
    let other = promising(&file, 5, 51);
    let younger = Identity {
        generation: 0,
        ..kept.clone()
    };
    for bad in [lower, other, younger] {
        assert!(matches!(file.save(&bad), Err(IdentityError::Back { .. })), "{bad:?}");
    }
    let stranger = Identity {
        instance: InstanceId::from_bits(1),
        ..kept.clone()
    };
    assert!(matches!(file.save(&stranger), Err(IdentityError::Foreign { .. })));
    drop(file);
    let again = IdentityFile::load_or_create(&folder, &owner()).unwrap();
    assert_eq!(again.identity(), &kept);
}

#[test]
fn a_folder_of_another_peer_is_refused() {
    let (_top, folder, _file) = fresh();
    let others = [
        Owner {
            grid: "other".parse().unwrap(),
            ..owner()
        },
        Owner {
            name: "r2".parse().unwrap(),
            ..owner()
        },
        Owner {
            kind: PeerKind::Node,
            ..owner()
        },
    ];
    for other in others {
        let error = IdentityFile::load_or_create(&folder, &other).unwrap_err();
        assert_eq!(error.exit_code(), 78);
        assert!(error.to_string().contains("registry r1 of grid shop"), "{error}");
    }
}

/// Both writes of a save are cut at every byte, from the front and from the back: the old identity or the new is read,
/// and from the moment that the first write is whole, the new one.
#[test]
fn a_cut_at_any_byte_leaves_the_old_identity_or_the_new() {
    let (_top, _folder, mut file) = fresh();
    for number in [3, 4] {
        let next = promising(&file, number, 1);
        file.save(&next).unwrap();
    }
    let old = file.identity().clone();
    let new = promising(&file, 9, 1);
    let mut image = std::fs::read(&file.path).unwrap();
    for (step, (place, slot)) in file.writes(encode(&new)).into_iter().enumerate() {
        let bytes = slot.to_bytes().unwrap();
        let start = place * SLOT_BYTES;
        for cut in 0..=SLOT_BYTES {
            for (from, to) in [(0, cut), (cut, SLOT_BYTES)] {
                let mut torn = image.clone();
                torn[start + from..start + to].copy_from_slice(&bytes[from..to]);
                let (_, found) = newest(&torn).unwrap_or_else(|| panic!("write {step} cut at {cut}: nothing readable"));
                let found: Identity = decode(&found.payload).unwrap();
                assert!(
                    found == new || (step == 0 && found == old),
                    "write {step} cut at {cut}: {found:?}"
                );
            }
        }
        image[start..start + SLOT_BYTES].copy_from_slice(&bytes);
    }
}

#[test]
fn one_damaged_slot_costs_nothing_and_two_are_named() {
    let (_top, folder, mut file) = fresh();
    let next = promising(&file, 9, 1);
    file.save(&next).unwrap();
    drop(file);
    let whole = std::fs::read(folder.identity()).unwrap();
    let reload = |bytes: &[u8]| {
        std::fs::write(folder.identity(), bytes).unwrap();
        IdentityFile::load_or_create(&folder, &owner())
    };
    for damaged in 0..2 {
        let mut bytes = whole.clone();
        bytes[damaged * SLOT_BYTES + 60] ^= 1;
        assert_eq!(reload(&bytes).unwrap().identity(), &next);
    }
    assert_eq!(reload(&whole[..SLOT_BYTES]).unwrap().identity(), &next, "half a file");
    let mut both = whole.clone();
    both[60] ^= 1;
    both[SLOT_BYTES + 60] ^= 1;
    for bad in [&both[..], &[], b"text", &vec![0; 2 * SLOT_BYTES]] {
        let error = reload(bad).unwrap_err();
        assert!(matches!(error, IdentityError::Damaged { .. }), "{error}");
    }
    assert!(
        reload(&vec![0; 2 * SLOT_BYTES + 1]).is_err(),
        "larger than any identity file"
    );
}

#[test]
fn a_database_without_an_identity_is_refused() {
    let (_top, folder, file) = fresh();
    drop(file);
    std::fs::remove_file(folder.identity()).unwrap();
    std::fs::write(folder.database(), "x").unwrap();
    let error = IdentityFile::load_or_create(&folder, &owner()).unwrap_err();
    assert!(matches!(error, IdentityError::Missing { .. }), "{error}");
}

/// The disk refuses the first write, its sync, or the second write: the error is final, and the next start finds the old
/// identity or the new.
#[test]
fn the_first_error_of_the_disk_is_final_and_leaves_the_old_identity_or_the_new() {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    let device = |path: &str| OpenOptions::new().write(true).open(path).unwrap();
    // A file that cannot grow past its first slot.
    let short = || {
        let file = File::from(memfd_create("identity", MemfdFlags::ALLOW_SEALING).unwrap());
        file.set_len(SLOT_BYTES as u64).unwrap();
        fcntl_add_seals(&file, SealFlags::GROW).unwrap();
        file
    };
    let cases = [
        ("the write", device("/dev/full"), "write"),
        ("the sync", device("/dev/null"), "sync"),
        ("the second write", short(), "write"),
    ];
    for (what, broken, step) in cases {
        let (_top, folder, mut file) = fresh();
        let old = file.identity().clone();
        let new = promising(&file, 9, 1);
        assert_eq!(file.place, 1, "the first slot is the older one");
        let well = std::mem::replace(&mut file.file, broken);
        let error = file.save(&new).unwrap_err();
        assert!(error.to_string().starts_with(step), "{what}: {error}");
        assert_eq!(file.identity(), &old, "{what}: nothing may be said of it");
        // What the second case and the third left behind, over the slots as they were.
        let mut left = std::fs::read(folder.identity()).unwrap();
        if what == "the second write" {
            let mut slot = vec![0; SLOT_BYTES];
            file.file.read_exact_at(&mut slot, 0).unwrap();
            left[..SLOT_BYTES].copy_from_slice(&slot);
        }
        file.file = well;
        let error = file.save(&new).unwrap_err();
        assert!(
            matches!(error, IdentityError::Failed { .. }),
            "{what}: the disk is well, but {error}"
        );
        drop(file);
        std::fs::write(folder.identity(), left).unwrap();
        let mut again = IdentityFile::load_or_create(&folder, &owner()).unwrap();
        let wanted = if what == "the second write" { &new } else { &old };
        assert_eq!(again.identity(), wanted, "{what}");
        again.save(&new).unwrap();
        assert_eq!(again.count_start().unwrap().promise, new.promise);
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_nothing_and_one_in_each_copy_is_never_served() {
    let (_top, _folder, mut file) = fresh();
    file.count_start().unwrap();
    let next = promising(&file, 9, 1);
    file.save(&next).unwrap();
    let whole = std::fs::read(&file.path).unwrap();
    let read = |bytes: &[u8]| newest(bytes).map(|(_, slot)| decode::<Identity>(&slot.payload).unwrap());
    for at in 0..whole.len() {
        let mut one = whole.clone();
        one[at] ^= 1 << (at % 8);
        assert_eq!(read(&one).as_ref(), Some(&next), "byte {at}");
        let other = (at + SLOT_BYTES + at * 7) % SLOT_BYTES + if at < SLOT_BYTES { SLOT_BYTES } else { 0 };
        one[other] ^= 1;
        let found = read(&one);
        assert!(
            found.is_none() || found.as_ref() == Some(&next),
            "bytes {at} and {other}: {found:?}"
        );
    }
}
