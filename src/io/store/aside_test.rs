//! Keeping and replacing, cut at every step: the old database or the new one, whole, with the promise, and nothing that
//! looks kept and is not.

use super::*;
use crate::io::store::{Database, Folder, IdentityFile, Owner};
use crate::pure::base::EpochId;
use crate::pure::lineage::Epoch;
use crate::pure::membership::{PeerKind, Unproven};
use crate::pure::protocol::surplus::SURPLUS_FORMAT;
use crate::pure::registry::{Batch, Image};

fn values(word: &str) -> Batch {
    Batch {
        put: (0..200)
            .map(|number| (format!("value/{number}"), word.repeat(100).into_bytes()))
            .collect(),
        ..Batch::default()
    }
}
fn replacement() -> Batch {
    Batch {
        wipe: true,
        ..values("new")
    }
}
fn wanted(room: u64) -> SetAside {
    SetAside {
        version: crate::pure::lineage::Version {
            epoch: 4,
            serial: 93,
            ..Default::default()
        },
        time: WallTime(1_795_840_586_000),
        surplus: Some(Box::new(SurplusFile {
            floe_surplus: SURPLUS_FORMAT,
            grid: "shop".to_owned(),
            registry: "r1".to_owned(),
            source: "r2".to_owned(),
            database: String::new(),
            held: "4.93".to_owned(),
            taken: "5.94".to_owned(),
            fork: 90,
            complete: true,
            note: String::new(),
            updates: Vec::new(),
        })),
        room,
    }
}
fn owner() -> Owner {
    Owner {
        grid: "shop".parse().unwrap(),
        name: "r1".parse().unwrap(),
        kind: PeerKind::Registry,
    }
}

/// What a process finds that starts in a copy of the folder as it is now: a kill at this moment.
fn image_of(folder: &Path) -> (tempfile::TempDir, Image, Epoch, bool) {
    let top = tempfile::tempdir().unwrap();
    let copy = top.path().join("data");
    let made = Folder::open(&copy, "test").unwrap();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    clean(&copy);
    let left: Vec<_> = std::fs::read_dir(&copy)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().ends_with(".new")),
        "{left:?}"
    );
    let (_, image) = Database::open(&made.database()).unwrap();
    let identity = IdentityFile::load_or_create(&made, &owner())
        .unwrap()
        .identity()
        .clone();
    for name in left.iter().filter(|name| name.to_string_lossy().ends_with(".replaced")) {
        let (_, kept) = Database::open(&copy.join(name)).unwrap();
        assert_eq!(kept.values, values("old").put, "{name:?}");
    }
    for name in left
        .iter()
        .filter(|name| name.to_string_lossy().starts_with("surplus-"))
    {
        let text = std::fs::read(copy.join(name)).unwrap();
        let read: SurplusFile = serde_json::from_slice(&text).unwrap();
        assert_eq!(Some(read), wanted(0).surplus.map(|surplus| *surplus));
        assert!(
            text.starts_with(b"{\n  \"floe_surplus\""),
            "the file is known by its first line"
        );
    }
    let unproven = identity.initialised.unproven.is_some();
    (top, image, identity.promise, unproven)
}

struct Ground {
    _top: tempfile::TempDir,
    folder: Folder,
    store: Database,
    identity: IdentityFile,
}

fn ground() -> Ground {
    let top = tempfile::tempdir().unwrap();
    let folder = Folder::open(&top.path().join("data"), "test").unwrap();
    let mut identity = IdentityFile::load_or_create(&folder, &owner()).unwrap();
    let mut promised = identity.identity().clone();
    promised.promise = epoch(7);
    identity.save(&promised).unwrap();
    let (mut store, _) = Database::open(&folder.database()).unwrap();
    store.commit(&values("old")).unwrap();
    Ground {
        _top: top,
        folder,
        store,
        identity,
    }
}
fn epoch(number: u64) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(7),
    }
}
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_kill_at_any_step_leaves_the_old_database_or_the_new_one_and_the_promise() {
    let mut ground = ground();
    let folder = ground.folder.path().to_owned();
    let mut images = vec![("before", image_of(&folder))];
    let kept = ground.store.keeper().keep_in_stages(&folder, &wanted(1), &mut |stage| {
        let name = match stage {
            Stage::Copied => "copied",
            Stage::CopySynced => "synced",
            Stage::SurplusWritten => "surplus written",
            Stage::SurplusNamed => "surplus named",
            Stage::CopyNamed => "copy named",
            Stage::FolderSynced => "folder synced",
        };
        images.push((name, image_of(&folder)));
        Ok(())
    });
    let kept = kept.unwrap();
    assert_eq!(images.len(), 7);
    assert!(
        kept.database.ends_with("database-4.93-20261128T043626Z.replaced"),
        "{kept:?}"
    );
    assert_eq!(kept.bytes, std::fs::metadata(&kept.database).unwrap().len());
    let mut identity = ground.identity.identity().clone();
    identity.promise = epoch(9);
    identity.initialised.unproven = Some(Unproven {
        reason: "test".to_owned(),
        until: None,
    });
    ground.identity.save(&identity).unwrap();
    images.push(("identity", image_of(&folder)));
    for (step, (_, image, promise, unproven)) in &images {
        assert_eq!(image.values, values("old").put, "{step}");
        let marked = *step == "identity";
        assert_eq!(
            (*promise, *unproven),
            (epoch(if marked { 9 } else { 7 }), marked),
            "{step}"
        );
    }
    ground.store.commit(&replacement()).unwrap();
    let (_, image, promise, unproven) = image_of(&folder);
    assert_eq!(image.values, values("new").put);
    assert!(promise == epoch(9) && unproven);
}

#[test]
fn a_step_that_fails_leaves_nothing_that_looks_kept_by_half() {
    for failing in 0..6 {
        let ground = ground();
        let folder = ground.folder.path().to_owned();
        let mut left = failing;
        let kept = ground.store.keeper().keep_in_stages(&folder, &wanted(1), &mut |_| {
            if left == 0 {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            left -= 1;
            Ok(())
        });
        let error = kept.unwrap_err();
        assert!(error.to_string().starts_with("keep "), "{error}");
        drop(image_of(&folder));
        assert!(!is_half_made(&folder), "{:?}", names(&folder));
    }
}

#[test]
fn without_room_for_the_new_database_nothing_is_kept() {
    let ground = ground();
    let folder = ground.folder.path().to_owned();
    let before = names(&folder);
    let error = ground.store.keeper().keep(&folder, &wanted(u64::MAX)).unwrap_err();
    assert!(error.to_string().contains("bytes are free"), "{error}");
    assert_eq!(names(&folder), before);
}

#[test]
fn files_of_one_second_do_not_overwrite_each_other() {
    let ground = ground();
    let folder = ground.folder.path().to_owned();
    let keeper = ground.store.keeper();
    let kept: Vec<Kept> = (0..3).map(|_| keeper.keep(&folder, &wanted(1)).unwrap()).collect();
    assert!(
        kept[2].database.ends_with("-3.replaced") && kept[2].surplus.ends_with("-3.json"),
        "{kept:?}"
    );
    assert_eq!(kept[2].bytes_total, kept.iter().map(|kept| kept.bytes).sum::<u64>());
}

#[test]
fn a_damaged_file_is_set_aside_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database.redb");
    std::fs::write(&path, "noise").unwrap();
    let aside = set_damaged_aside(&path, WallTime(0)).unwrap();
    assert!(
        !path.exists() && aside.ends_with("database-damaged-19700101T000000Z.replaced"),
        "{aside:?}"
    );
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "noise");
}

fn is_half_made(folder: &Path) -> bool {
    let half = |name: &String| Path::new(name).extension().is_some_and(|ending| ending == "new");
    names(folder).iter().any(half)
}
