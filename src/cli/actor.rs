//! Who sits at the command line, for the audit trail of the grid.

/// `user@host`. A courtesy, no proof: it says what the environment says.
pub(super) fn actor() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let actor = format!("{user}@{}", host.trim());
    // It is kept with each update: a strange environment must not make the log long.
    actor.chars().filter(|c| !c.is_control()).take(128).collect()
}
