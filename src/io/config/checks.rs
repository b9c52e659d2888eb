//! Checks of values that have a shape and still may be no good.

use std::path::Path;

/// Why a key file is no good: absent, or open to people whom it does not concern.
pub(super) fn key_file(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) => Some(format!("failed to look at {shown}: {error}")),
        Ok(metadata) if !metadata.is_file() => Some(format!("{shown} is no file")),
        Ok(metadata) if metadata.permissions().mode() & 0o027 != 0 => Some(format!(
            "{shown} has mode {:04o}: a key must be closed to others and not writable by its group; chmod 0600 {shown}",
            metadata.permissions().mode() & 0o7777
        )),
        Ok(_) => None,
    }
}

/// Why one directive of `log.level` is no good. The filter itself would take `inof` for the name of a module.
pub(super) fn level(directive: &str) -> Option<String> {
    let (module, level) = directive.trim().rsplit_once('=').unwrap_or(("floe", directive.trim()));
    let known = ["off", "error", "warn", "info", "debug", "trace"].contains(&level);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if known && !module.is_empty() && module.chars().all(plain) {
        return None;
    }
    Some(format!(
        "{directive:?} is neither off, error, warn, info, debug or trace nor MODULE=LEVEL"
    ))
}
