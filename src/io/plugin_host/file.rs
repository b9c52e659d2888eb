//! What is to be refused is refused before it is loaded: loading runs code. Every refusal tells what was found, what is
//! expected, and what to do.

use floe_plugin_sdk::abi::{self, Candidate, Descriptor, Request};
use floe_plugin_sdk::harness::{Facts, check_demands, read_descriptor};
use rustix::fs::{Mode, OFlags};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Largest file, in bytes: it is read whole, so that what is checked is what is loaded.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// A file that may be loaded.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Without links.
    pub path: PathBuf,
    /// What its descriptor says.
    pub facts: Facts,
    /// BLAKE3 of its bytes, in hexadecimal digits.
    pub digest: String,
    /// The very bytes that were checked.
    pub bytes: Vec<u8>,
}

/// Why a file is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What it is and what it should be.
    pub message: String,
    /// What to do.
    pub hint: String,
}

fn refuse(message: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal {
        message: message.into(),
        hint: hint.into(),
    }
}

/// Looks at a file without running any of it.
///
/// # Errors
/// It is not there, not safe from others, no plugin, or one for another interface.
pub fn check(path: &Path) -> Result<Checked, Refusal> {
    let path = place(path)?;
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        refuse(
            format!("{shown} cannot be read: {error}"),
            "name a file that you may read",
        )
    };
    let opened = rustix::fs::open(
        &path,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK,
        Mode::empty(),
    );
    let file = File::from(opened.map_err(|error| unreadable(error.into()))?);
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(refuse(
            format!("{shown} is no regular file"),
            "name the shared object itself",
        ));
    }
    if found.mode() & 0o6000 != 0 {
        return Err(refuse(
            format!("{shown} is setuid or setgid, and a plugin must not be"),
            format!("chmod ug-s {shown}"),
        ));
    }
    is_safe(&path, &found)?;
    for folder in path.ancestors().skip(1) {
        is_safe(folder, &folder.metadata().map_err(unreadable)?)?;
    }
    let mut bytes = Vec::new();
    let read = file
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(refuse(
            format!("{shown} is larger than {} MiB", FILE_BYTES_MAX >> 20),
            "build it without debug information, or strip it",
        ));
    }
    let facts = read_descriptor(&bytes).map_err(|why| {
        let hint =
            "build it as a shared object for this machine that exports the descriptor: plugins/README.md tells how";
        refuse(format!("{shown} is no allocator: {why}"), hint)
    })?;
    check_demands(&bytes).map_err(|why| {
        let hint = "link it with -z noexecstack and without -rpath; `readelf -lW` and `readelf -d` show both";
        refuse(format!("{shown} must not be loaded: {why}"), hint)
    })?;
    fits(&facts).map_err(|refusal| refuse(format!("{shown} {}", refusal.message), refusal.hint))?;
    Ok(Checked {
        digest: blake3::hash(&bytes).to_hex().to_string(),
        path,
        facts,
        bytes,
    })
}

/// The file itself, by a path without links: what is checked must be what is loaded.
fn place(path: &Path) -> Result<PathBuf, Refusal> {
    let shown = path.display();
    let absent = |error: std::io::Error| refuse(format!("{shown}: {error}"), "name the shared object");
    if path.symlink_metadata().map_err(absent)?.is_symlink() {
        let target = path.read_link().unwrap_or_default();
        let message = format!(
            "{shown} is a symbolic link to {}, which may point elsewhere tomorrow",
            target.display()
        );
        return Err(refuse(message, "name the file itself"));
    }
    path.canonicalize().map_err(absent)
}

/// Can nobody else change it? In a folder such as /tmp others cannot replace what is ours.
fn is_safe(path: &Path, found: &Metadata) -> Result<(), Refusal> {
    let shown = path.display();
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != 0 && found.uid() != own {
        let message = format!(
            "{shown} belongs to user {}, and whoever that is could change the plugin",
            found.uid()
        );
        return Err(refuse(
            message,
            format!("chown {own} {shown}, or keep the plugin elsewhere"),
        ));
    }
    let sticky = found.is_dir() && found.mode() & 0o1000 != 0;
    if found.mode() & 0o022 != 0 && !sticky {
        let who = if found.mode() & 0o002 != 0 {
            "everybody"
        } else {
            "its group"
        };
        let message = format!(
            "{shown} has mode {:04o}: {who} could change the plugin",
            found.mode() & 0o7777
        );
        return Err(refuse(message, format!("chmod go-w {shown}")));
    }
    Ok(())
}

/// Is it built for this host? The rules stand in `plugins/README.md`.
fn fits(facts: &Facts) -> Result<(), Refusal> {
    let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    let rebuild = "build it again with the SDK or the header of this release";
    if facts.abi_major != abi::ABI_MAJOR {
        let message = format!(
            "is built for interface {}, this host has {}",
            facts.abi_major,
            abi::ABI_MAJOR
        );
        return Err(refuse(message, rebuild));
    }
    if facts.abi_minor > abi::ABI_MINOR {
        let message = format!(
            "needs interface {}.{}, this host has {}.{}",
            facts.abi_major,
            facts.abi_minor,
            abi::ABI_MAJOR,
            abi::ABI_MINOR
        );
        return Err(refuse(
            message,
            "update floe, or build the plugin for an older interface",
        ));
    }
    if facts.struct_size < size(size_of::<Descriptor>()) {
        let message = format!(
            "has a descriptor of {} bytes, at least {} are needed",
            facts.struct_size,
            size_of::<Descriptor>()
        );
        return Err(refuse(message, rebuild));
    }
    for (what, found, own) in [
        ("candidates", facts.candidate_size, size(size_of::<Candidate>())),
        ("requests", facts.request_size, size(size_of::<Request>())),
    ] {
        if found > own {
            let message = format!("wants {what} of {found} bytes, this host's have {own}");
            return Err(refuse(
                message,
                "update floe, or build the plugin for an older interface",
            ));
        }
    }
    let ends = facts.flags & (abi::FLAG_UNWIND | abi::FLAG_ABORT);
    if ends.count_ones() != 1 {
        let message = format!(
            "has flags {:#x}: exactly one of UNWIND and ABORT must be set",
            facts.flags
        );
        return Err(refuse(message, "say in the descriptor what becomes of a panic"));
    }
    if facts.name.is_empty() {
        return Err(refuse("has no name in its descriptor", "give the policy a name"));
    }
    Ok(())
}
