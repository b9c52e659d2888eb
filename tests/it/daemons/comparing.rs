//! What two registries differ in, asked of their processes and read from their files; databases dumped, loaded, verified.

use super::application::Text;
use super::grid::{Grid, Said};
use serde_json::Value;
use std::path::Path;

/// r1 holds an application that r2 lacks, and the other way round; r2 leads, both run.
async fn diverged() -> Grid {
    let mut grid = Grid::new(&["r1", "r2"], &[]);
    grid.start_all();
    grid.settled("r1", &["r2"], &[]).await;
    let applied = grid.apply(&["r1"], &Text::new("common").idle("n1", "s1")).await;
    assert_eq!(applied.copies, 2, "{applied:?}");
    grid.stop("r2").await;
    for revision in ["true", "false"] {
        let text = Text::new("left").run("n1", "s2", &format!("[\"/bin/{revision}\"]"), "");
        grid.apply(&["r1"], &text).await;
    }
    grid.apply(&["r1"], &Text::new("common").idle("n1", "s4")).await;
    grid.kill("r1").await;
    grid.edit("r2", |daemon| "master".clone_into(&mut daemon.role));
    grid.start_with("r2", &["--accept-loss"]);
    grid.registry("r2", "leads", |report| report.standing == "leading")
        .await;
    grid.apply(&["r2"], &Text::new("right").idle("n1", "s3")).await;
    grid.start("r1");
    grid.registry("r1", "is superseded", |report| report.standing == "superseded")
        .await;
    grid
}

async fn compare(grid: &Grid, one: &str, other: &str, more: &[&str]) -> Said {
    let arguments: Vec<&str> = ["registry", "compare", one, other]
        .iter()
        .chain(more)
        .copied()
        .collect();
    grid.floe_at(&["r2"], &arguments).await
}

/// `kind name change revision`, one line each, of what only one side has.
fn only_here(difference: &Value, side: usize) -> Vec<String> {
    let items = difference["sides"][side]["only_here"].as_array().expect("items");
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let line = |item: &Value| {
        format!(
            "{} {} {} {} x{}",
            text(item, "kind"),
            text(item, "name"),
            text(item, "change"),
            item["revision"],
            item["entries"].as_array().map_or(0, Vec::len)
        )
    };
    items.iter().map(line).collect()
}

#[tokio::test]
async fn two_diverged_registries_are_compared_live_and_from_files() {
    let mut grid = diverged().await;
    let left = ["application common changed 2 x1", "application left changed 2 x2"];
    let right = ["application right added 1 x1"];

    let live = compare(&grid, "r1", "r2", &["--format", "json"]).await.done().json();
    assert_eq!(live["verdict"], "diverged", "{live}");
    assert_eq!(
        (only_here(&live, 0), only_here(&live, 1)),
        (left.map(str::to_owned).to_vec(), right.map(str::to_owned).to_vec()),
        "{live}"
    );
    assert_eq!(
        (&live["sides"][0]["updates"], &live["sides"][1]["updates"]),
        (&3.into(), &1.into()),
        "{live}"
    );
    let page = compare(&grid, "r1", "r2", &["--exit-code"]).await;
    assert_eq!(page.code, Some(3), "{page:?}");
    for words in [
        "DIVERGED after entry ",
        "r1 has 3 updates that r2 lacks, r2 has 1",
        "only r1 has (superseded at ",
        "  floe registry init r1 --from r2",
        "  floe registry promote r1",
        "--initdb-from-replica r1",
    ] {
        assert!(page.out.contains(words), "{words:?} in\n{}", page.out);
    }
    let mirrored = compare(&grid, "r2", "r1", &["--format", "json"]).await.done().json();
    assert_eq!(only_here(&mirrored, 1), left);

    for (one, other, code, words) in [
        ("r1", "r1", 2, "the same"),
        ("r1", "r9", 4, "there is no registry r9"),
        ("r1", "R_9", 2, "a path holds a slash"),
        ("r1", "./nothing", 4, "there is no ./nothing"),
        ("./r1", "r2", 75, "floe registry run"),
    ] {
        let said = compare(&grid, one, other, &[]).await;
        assert!(
            said.code == Some(code) && said.err.contains(words),
            "{one} {other}: {said:?}"
        );
        assert!(said.out.is_empty(), "{said:?}");
    }
    let words = compare(&grid, "./r1", "r2", &[]).await.err;
    assert!(words.contains(&format!("process {} ", grid.pid("r1"))), "{words}");

    grid.stop("r1").await;
    let gone = compare(&grid, "r1", "r2", &["--timeout", "2s"]).await;
    assert!(
        gone.code == Some(6) && gone.err.contains("name its data folder"),
        "{gone:?}"
    );
    let mixed = compare(&grid, "./r1", "r2", &["--format", "json"]).await.done().json();
    assert_eq!(
        (only_here(&mixed, 0), only_here(&mixed, 1)),
        (only_here(&live, 0), only_here(&live, 1))
    );

    grid.stop("r2").await;
    let kept = grid.data("r1").join("database-1.replaced");
    std::fs::copy(grid.data("r1").join("database.redb"), &kept).expect("a copy");
    for one in ["./r1", "r1/database.redb", "r1/database-1.replaced"] {
        let files = compare(&grid, one, "./r2", &["--format", "json"]).await.done().json();
        assert_eq!(
            (only_here(&files, 0), only_here(&files, 1)),
            (only_here(&live, 0), only_here(&live, 1)),
            "{one}"
        );
        let steps = files["next"].to_string();
        assert!(steps.contains(&format!("floe db dump {one} --output")), "{steps}");
    }
    let same = compare(&grid, "./r1", "r1/database-1.replaced", &["--exit-code"])
        .await
        .done()
        .out;
    assert!(same.starts_with("SAME: "), "{same}");
}

#[tokio::test]
async fn where_the_log_was_trimmed_the_contents_are_compared() {
    let mut grid = Grid::new(&["r1", "r2"], &[]);
    for name in ["r1", "r2"] {
        grid.edit(name, |daemon| daemon.more = "log_keep = 16\n".to_owned());
    }
    grid.start_all();
    grid.settled("r1", &["r2"], &[]).await;
    grid.apply(&["r1"], &Text::new("common").idle("n1", "s1")).await;
    grid.stop("r2").await;
    for number in 0..20 {
        let text = Text::new("left").run("n1", "s2", &format!("[\"/bin/true\", \"{number}\"]"), "");
        grid.apply(&["r1"], &text).await;
    }
    let ahead = grid
        .floe_at(&["r1"], &["registry", "compare", "r1", "./r2", "--format", "json"])
        .await
        .done()
        .json();
    assert_eq!(
        (&ahead["verdict"], &ahead["basis"]),
        (&"ahead".into(), &"contents".into()),
        "{ahead}"
    );
    assert_eq!(ahead["sides"][0]["updates"], 20, "{ahead}");
    // What is counted is known from the lineage, what it was only by what it left.
    assert_eq!(only_here(&ahead, 0), ["application left present 20 x0"], "{ahead}");
    let page = grid
        .floe_at(&["r1"], &["registry", "compare", "r1", "./r2"])
        .await
        .done()
        .out;
    assert!(
        page.contains("note: ") && page.contains("trimmed below the fork"),
        "{page}"
    );
}

async fn floe(grid: &Grid, arguments: &[&str]) -> Said {
    grid.floe_at(&["r1"], arguments).await
}
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

#[tokio::test]
async fn a_dump_that_is_loaded_brings_the_same_version_back() {
    let mut grid = Grid::new(&["r1"], &[]);
    grid.start("r1");
    grid.apply(&["r1"], &Text::new("needle-in-the-database").idle("n1", "s1"))
        .await;
    let refused = floe(&grid, &["db", "info", "r1"]).await;
    assert!(
        refused.code == Some(75) && refused.err.contains(&format!("process {} ", grid.pid("r1"))),
        "{refused:?}"
    );
    let refused = floe(&grid, &["db", "load", "none.json", "--into", "r1"]).await;
    assert_eq!(refused.code, Some(4), "{refused:?}");
    // As a crash leaves it: it needs repair, and looking must not repair it.
    grid.kill("r1").await;
    let path = grid.data("r1").join("database.redb");
    let before = read(&path);
    let info = floe(&grid, &["db", "info", "r1", "--format", "json"])
        .await
        .done()
        .json();
    let sound = floe(&grid, &["db", "verify", "r1", "--format", "json"])
        .await
        .done()
        .json();
    assert_eq!(
        (&sound["sound"], &sound["replayed"]),
        (&true.into(), &true.into()),
        "{sound}"
    );
    let dumped = floe(&grid, &["db", "dump", "r1", "--output", "r1.json", "--format", "json"])
        .await
        .done()
        .json();
    assert_eq!(
        floe(&grid, &["db", "dump", "r1"]).await.done().out.into_bytes(),
        read(&grid.folder().join("r1.json"))
    );
    let again = floe(&grid, &["db", "dump", "r1", "--output", "r1.json"]).await;
    assert_eq!(again.code, Some(5), "{again:?}");
    for told in [&sound, &dumped] {
        assert_eq!(
            (&told["version"], &told["digest"]),
            (&info["version"], &info["digest"]),
            "{told}"
        );
    }
    assert!(read(&path) == before, "looking changes nothing");

    let occupied = floe(&grid, &["db", "load", "r1.json", "--into", "r1"]).await;
    assert!(
        occupied.code == Some(5) && occupied.err.contains("is there already"),
        "{occupied:?}"
    );
    assert!(read(&path) == before, "a database is never overwritten");
    let kept = grid.data("r1").join("database-1.2-3.replaced");
    std::fs::rename(&path, &kept).expect("a rename");
    let replaced = floe(&grid, &["db", "load", "r1/database-1.2-3.replaced", "--into", "r1"]).await;
    assert!(
        replaced.code == Some(1) && replaced.err.contains("floe db dump r1/database-1.2-3.replaced"),
        "{replaced:?}"
    );
    assert!(!path.exists());

    // Into the same folder, and into one that is new.
    for folder in ["the same", "a new one"] {
        if folder == "a new one" {
            std::fs::remove_dir_all(grid.data("r1")).expect("a folder");
        }
        floe(&grid, &["db", "load", "r1.json", "--into", "r1"]).await.done();
        let loaded = floe(&grid, &["db", "info", "r1", "--format", "json"])
            .await
            .done()
            .json();
        for field in [
            "database",
            "version",
            "digest",
            "log_first",
            "log_entries",
            "applications",
            "servers",
            "reigns",
        ] {
            assert_eq!(loaded[field], info[field], "{folder}: {field}");
        }
        floe(&grid, &["db", "verify", "r1"]).await.done();
        grid.start("r1");
        let report = grid
            .registry("r1", "leads", |report| report.standing == "leading")
            .await;
        assert_eq!(
            report.serial,
            info["serial"].as_u64().expect("a serial") + 1,
            "one more reign: {report:?}"
        );
        let list = grid.floe_at(&["r1"], &["app", "list"]).await.done().out;
        assert!(list.contains("needle-in-the-database"), "{list}");
        grid.stop("r1").await;
    }
}

#[tokio::test]
async fn damage_is_told_with_its_place_and_exit_code() {
    let mut grid = Grid::new(&["r1"], &[]);
    grid.start("r1");
    grid.apply(&["r1"], &Text::new("needle-in-the-database").idle("n1", "s1"))
        .await;
    grid.stop("r1").await;
    floe(&grid, &["db", "dump", "r1", "--output", "r1.json"]).await.done();
    let good = read(&grid.data("r1").join("database.redb"));
    let needle = b"needle-in-the-database";
    let mut flipped = good.clone();
    let at = good
        .windows(needle.len())
        .position(|bytes| bytes == needle)
        .expect("it stands there");
    flipped[at] ^= 1;
    let dump = String::from_utf8(read(&grid.folder().join("r1.json"))).expect("text");
    for (name, bytes) in [
        ("flipped", flipped),
        ("half", good[..good.len() / 2].to_vec()),
        ("text", b"hello\n".to_vec()),
        ("dump", dump.clone().into_bytes()),
    ] {
        let path = grid.folder().join(name);
        std::fs::write(&path, &bytes).expect("a file");
        for verb in ["info", "dump", "verify"] {
            let said = floe(&grid, &["db", verb, name]).await;
            assert!(said.code == Some(1) && said.out.is_empty(), "{verb} {name}: {said:?}");
            assert!(
                said.err.contains(name) && !said.err.contains("panicked"),
                "{verb} {name}: {said:?}"
            );
        }
        assert!(read(&path) == bytes, "{name} was changed");
    }
    for (name, text) in [
        ("changed.json", dump.replacen("needle", "needly", 1)),
        ("cut.json", dump[..dump.len() - 5].to_owned()),
        ("other.json", "{}\n".to_owned()),
    ] {
        grid.write(name, &text);
        let said = floe(&grid, &["db", "load", name, "--into", "fresh"]).await;
        assert!(said.code == Some(1) && said.err.contains("hint: "), "{name}: {said:?}");
        assert!(!grid.folder().join("fresh").exists(), "nothing was made: {name}");
    }
}
