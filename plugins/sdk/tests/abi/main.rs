//! The C side of the SDK: its layout never changes, its header is what the source says, and compilers agree.

mod compile;
mod header;
mod layout;
mod load;
mod slots;

use std::path::{Path, PathBuf};

/// A file of this package.
fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Whether files that a test compares are to be written instead.
fn blesses() -> bool {
    std::env::var_os("FLOE_BLESS").is_some()
}

/// Compares a committed file with what it should be, or writes it.
fn compare(relative: &str, wanted: &str) {
    let path = path(relative);
    if blesses() {
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder can be made");
        #[expect(clippy::disallowed_methods, reason = "this test may open files")]
        std::fs::write(&path, wanted).expect("the file can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{relative} is not what src/abi.rs says: run `FLOE_BLESS=1 cargo nextest run -p floe-plugin-sdk` to rewrite it"
    );
}
