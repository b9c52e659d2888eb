//! A small disk of its own for a daemon, whose power a test can cut: ext4 in a file. What was not synced is gone then, and
//! so are names; the next mount recovers the journal as after a real cut.
//!
//! Everything bears the test's process id and is removed when this is dropped; what a killed test left mounted, the next
//! one unmounts. The loop device goes with the mount.

use super::process;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const PREFIX: &str = "floe-test-disk-";
/// `EXT4_IOC_SHUTDOWN` with `NOLOGFLUSH`: not even the journal is written any more. In a program of its own, because a call
/// of that kind is unsafe in ours.
const CUT: &str = r#"open(F, "<", $ARGV[0]) or die "open: $!"; my $how = pack("L", 2); ioctl(F, 0x8004587d, $how) or die "shut down: $!";"#;

/// The disk.
#[derive(Debug)]
pub(super) struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Makes and mounts a disk of so many MiB. `None`, with a printed word why, where the system or the user's rights do
    /// not allow that.
    #[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
    pub(super) fn make(mebibytes: u64) -> Option<Self> {
        sweep();
        let folder = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .tempdir()
            .expect("a folder");
        let disk = Self { folder };
        match disk.build(mebibytes) {
            Ok(()) => Some(disk),
            Err(reason) => {
                eprintln!("skipped: no disk whose power can be cut can be made here: {reason}");
                None
            }
        }
    }

    fn build(&self, mebibytes: u64) -> Result<(), String> {
        let image = std::fs::File::create(self.image()).expect("a file");
        image.set_len(mebibytes * 1024 * 1024).expect("a file");
        std::fs::create_dir(self.place()).expect("a folder");
        run("perl", &["-e", "1"])?;
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &text(&self.image())])?;
        self.mount()?;
        let folder = self.data();
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let top = std::fs::File::open(self.place()).and_then(|top| top.sync_all());
        top.map_err(|error| error.to_string())
    }
    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }
    fn place(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }
    /// A folder on the disk.
    pub(super) fn data(&self) -> PathBuf {
        self.place().join("data")
    }
    fn mount(&self) -> Result<(), String> {
        run(
            "mount",
            &["-o", "loop,nodev,nosuid", &text(&self.image()), &text(&self.place())],
        )
    }

    /// Cuts the power: whatever is written from now on fails, whatever was not synced is lost.
    pub(super) fn cut(&self) {
        run("perl", &["-e", CUT, &text(&self.place())]).expect("the power is cut");
    }
    /// Power again. Nobody may hold a file on the disk.
    pub(super) fn restore(&self) {
        run("umount", &[&text(&self.place())]).expect("the disk is free");
        self.mount().expect("the disk is mounted again");
    }
    /// Writes a file until the disk is full. Gives its path.
    pub(super) fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.place().join("ballast");
        let mut file = std::fs::File::create(&path).expect("a file");
        for block in [1024 * 1024, 4096] {
            while file.write_all(&vec![1; block]).and_then(|()| file.sync_data()).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A disk that was never mounted says no; the folder is removed in any case.
        drop(run("umount", &[&text(&self.place())]));
    }
}

/// Unmounts what tests left whose process is gone.
fn sweep() {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for place in places {
        let folder = Path::new(place).components().rev().nth(1);
        let name = folder.map(|part| part.as_os_str().to_string_lossy().into_owned());
        let owner = name.and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        if owner.is_some_and(|pid: u32| !process::runs(pid)) && run("umount", &[place]).is_ok() {
            let folder = Path::new(place).parent().map(std::fs::remove_dir_all);
            drop(folder);
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let said = Command::new(program).args(arguments).output();
    let said = said.map_err(|error| format!("the program {program}: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&said.stderr).trim().to_owned();
    Err(format!("{program} {}: {reason}", arguments.join(" ")))
}
