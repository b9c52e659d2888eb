//! Looking at a database changes nothing and says in one sentence what cannot be looked at.

use super::*;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

fn image() -> Image {
    Image {
        values: BTreeMap::from([("a".to_owned(), vec![1, 2]), ("b".to_owned(), Vec::new())]),
        log: Vec::new(),
    }
}

fn loaded() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = load(folder.path(), image(), "a test", "floe db load").unwrap();
    (folder, path)
}

#[test]
fn what_is_loaded_is_read_by_any_name_without_changing_it() {
    let (folder, path) = loaded();
    let before = std::fs::read(&path).unwrap();
    let kept = folder.path().join("database-4.93-1.replaced");
    std::fs::copy(&path, &kept).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let names = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let listed = names();
    for named in [folder.path(), &path, &kept, &link] {
        let opened = open(named).unwrap();
        assert_eq!(opened.image, image(), "{}", named.display());
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(names(), listed);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("database.loaded")).unwrap(),
        "a test\n"
    );
}

#[test]
fn a_file_that_was_not_closed_is_read_and_left_so() {
    let (folder, path) = loaded();
    let (mut database, _) = Database::open(&path).unwrap();
    let put = BTreeMap::from([("c".to_owned(), vec![3])]);
    database
        .commit(&Batch {
            put,
            ..Batch::default()
        })
        .unwrap();
    // As a killed process leaves it.
    let torn = folder.path().join("torn");
    std::fs::copy(&path, &torn).unwrap();
    drop(database);
    let before = std::fs::read(&torn).unwrap();
    assert_ne!(before, std::fs::read(&path).unwrap(), "it needs repair");
    assert_eq!(open(&torn).unwrap().image, open(&path).unwrap().image);
    assert_eq!(std::fs::read(&torn).unwrap(), before);
}

#[test]
fn what_cannot_be_read_is_refused_in_a_sentence() {
    let (folder, path) = loaded();
    let good = std::fs::read(&path).unwrap();
    let place = folder.path().join("x");
    let mut flipped = good.clone();
    let at = good.windows(11).position(|bytes| bytes == b"floe.values").unwrap();
    flipped[at] ^= 1;
    for (what, bytes, told) in [
        ("a text", b"hello\n".to_vec(), "no floe database"),
        ("nothing", Vec::new(), "no floe database"),
        ("cut to half", good[..good.len() / 2].to_vec(), "damaged or cut off"),
        ("cut to a page", good[..4096].to_vec(), "damaged or cut off"),
        ("a flipped bit", flipped, "damaged or cut off"),
    ] {
        std::fs::write(&place, &bytes).unwrap();
        let error = open(&place).unwrap_err().to_string();
        assert!(error.contains(told), "{what}: {error}");
        assert!(!error.contains('\n'), "{what}: {error}");
        assert_eq!(std::fs::read(&place).unwrap(), bytes, "{what}");
    }
    let newer = folder.path().join("newer");
    std::fs::copy(&path, &newer).unwrap();
    {
        let database = redb::Database::open(&newer).unwrap();
        let write = database.begin_write().unwrap();
        let meta = redb::TableDefinition::<&str, u64>::new("floe.meta");
        write.open_table(meta).unwrap().insert("format", 9).unwrap();
        write.commit().unwrap();
    }
    let error = open(&newer).unwrap_err().to_string();
    assert!(error.contains("has format 9"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(open(empty.path()), Err(OfflineError::NoDatabase { .. })));
    assert!(matches!(
        open(&empty.path().join("a/b")),
        Err(OfflineError::Missing { .. })
    ));
}

#[test]
fn a_folder_in_use_is_refused_and_a_database_is_never_overwritten() {
    let (folder, path) = loaded();
    let before = std::fs::read(&path).unwrap();
    let error = load(folder.path(), Image::default(), "a test", "floe db load").unwrap_err();
    assert!(matches!(error, OfflineError::Occupied { .. }), "{error}");
    let held = Folder::open(folder.path(), "floe registry run").unwrap();
    let kept = folder.path().join("database-1.replaced");
    std::fs::copy(&path, &kept).unwrap();
    for named in [folder.path(), &path] {
        let error = open(named).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {} (floe registry run)", std::process::id())),
            "{error}"
        );
    }
    let error = load(folder.path(), Image::default(), "a test", "floe db load").unwrap_err();
    assert!(matches!(error, OfflineError::InUse { .. }), "{error}");
    open(&kept).unwrap();
    drop(held);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let held = Folder::open(folder.path(), "floe registry run").unwrap();
    assert_eq!(mark(&held).unwrap().as_deref(), Some("a test"));
    for _ in 0..2 {
        clear_mark(&held).unwrap();
        assert_eq!(mark(&held).unwrap(), None);
    }
    drop(held);
    let broken = folder.path().join("database.loading");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&broken, "half of it").unwrap();
    load(folder.path(), image(), "again", "floe db load").unwrap();
    assert!(!broken.exists() && open(&path).unwrap().image == image());
}
