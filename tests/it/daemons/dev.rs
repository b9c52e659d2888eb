//! `floe dev`: ends well, and leaves neither a process nor a file behind, however it ends.

use super::application::FLOE;
use super::grid::{finish, until, wait};
use super::process::{self, MARK};
use rustix::process::Signal;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// `floe dev` with a folder for temporary files of its own, so that what it leaves behind is seen.
fn dev(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(FLOE);
    command
        .arg("dev")
        .args(arguments)
        .env("TMPDIR", folder)
        .env(MARK, folder)
        .env_remove("FLOE_PEERS");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn left_behind(folder: &Path) -> (Vec<u32>, Vec<std::path::PathBuf>) {
    let files = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    (process::of_grid(folder), files.collect())
}

#[tokio::test]
async fn the_story_of_dev_holds_and_leaves_nothing_behind() {
    let folder = folder();
    let said = finish(&mut dev(folder.path(), &["--story"]), "the story ends")
        .await
        .done();
    assert!(said.out.contains("the story held"), "{said:?}");
    assert_eq!(left_behind(folder.path()), (vec![], vec![]), "{said:?}");
}

/// A dev grid that is up; its words go to a file, for nobody reads a pipe while it runs.
async fn up(folder: &Path, words: &Path) -> Child {
    let out = File::create(words).expect("a file");
    let err = out.try_clone().expect("a file");
    let child = dev(folder, &[]).stdout(out).stderr(err).spawn().expect("floe starts");
    until("the dev grid is up", async || {
        let said = std::fs::read_to_string(words).expect("a file");
        if said.contains("Ctrl-C ends") {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
    child
}

#[tokio::test]
async fn an_interrupted_dev_grid_leaves_nothing_behind() {
    let (folder, words) = (folder(), folder());
    let mut child = up(folder.path(), &words.path().join("words")).await;
    let (processes, files) = left_behind(folder.path());
    assert!(
        processes.len() >= 8 && files.len() == 1,
        "3 registries, 2 nodes, 2 servers run: {processes:?} {files:?}"
    );
    process::signal(child.id(), Signal::INT);
    let status = wait(&mut child, "the end of floe dev").await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(left_behind(folder.path()), (vec![], vec![]));
}

#[tokio::test]
async fn a_killed_dev_grid_takes_its_processes_with_it() {
    let (folder, words) = (folder(), folder());
    let mut child = up(folder.path(), &words.path().join("words")).await;
    process::signal(child.id(), Signal::KILL);
    wait(&mut child, "the end of floe dev").await;
    until("every process of the grid ends", async || {
        let left = process::of_grid(folder.path());
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
}
