//! Users by name or number, with their groups, as the host knows them (the system's own look-up, so also of a directory).

use nix::unistd::{Gid, Uid, User, getgrouplist, setgid, setgroups, setuid};
use std::ffi::{CString, OsString};
use std::path::PathBuf;

/// The user that servers of a node run as which root runs, unless its configuration says otherwise.
pub(super) const NOBODY: &str = "nobody";

/// A user to become.
#[derive(Debug)]
pub(super) struct Identity {
    user: User,
    groups: Vec<Gid>,
}

/// Is this process root?
pub(super) fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Whoever this process is, in words.
pub(super) fn current() -> String {
    let uid = Uid::effective();
    match User::from_uid(uid) {
        Ok(Some(user)) => format!("user {}", user.name),
        Ok(None) | Err(_) => format!("user {uid}"),
    }
}

/// Finds a user with the groups that it is a member of.
pub(super) fn look_up(name: &str) -> Result<Identity, String> {
    let found = match name.parse::<u32>() {
        Ok(number) => User::from_uid(Uid::from_raw(number)),
        Err(_) => User::from_name(name),
    };
    let user = found.map_err(|error| format!("look up user {name}: {}", error.desc()))?;
    let user = user.ok_or_else(|| format!("there is no user {name} on this host"))?;
    let c_name = CString::new(user.name.as_bytes()).map_err(|_zero| format!("user {name} has no usable name"))?;
    let groups = getgrouplist(&c_name, user.gid).map_err(|error| format!("groups of {name}: {}", error.desc()))?;
    Ok(Identity { user, groups })
}

/// Refuses to run a server as root where that was not allowed.
pub(super) fn check_root(identity: Option<&Identity>, allowed: bool) -> Result<(), String> {
    let uid = identity.map_or_else(Uid::effective, |identity| identity.user.uid);
    if uid.is_root() && !allowed {
        return Err(
            "servers run as root only where their node's configuration says [node] allow_root = true".to_owned(),
        );
    }
    Ok(())
}

impl Identity {
    /// Gives folders to the user, not what is in them.
    pub(super) fn take_over(&self, folders: &[PathBuf]) -> Result<(), String> {
        if !is_root() {
            return Ok(());
        }
        for folder in folders {
            let (uid, gid) = (self.user.uid.as_raw(), self.user.gid.as_raw());
            std::os::unix::fs::lchown(folder, Some(uid), Some(gid))
                .map_err(|error| format!("give {} to user {}: {error}", folder.display(), self.user.name))?;
        }
        Ok(())
    }

    /// Becomes the user, for good.
    pub(super) fn become_it(&self) -> Result<(), String> {
        let name = &self.user.name;
        if !is_root() {
            if Uid::effective() == self.user.uid {
                return Ok(());
            }
            return Err(format!(
                "its node runs as {}: only root can run servers as user {name}",
                current()
            ));
        }
        let fault = |error: nix::errno::Errno| format!("become user {name}: {}", error.desc());
        setgroups(&self.groups).map_err(fault)?;
        setgid(self.user.gid).map_err(fault)?;
        setuid(self.user.uid).map_err(fault)
    }

    /// Adds what programs look for in their environment, where it is not set.
    pub(super) fn describe(&self, environment: &mut Vec<(OsString, OsString)>) {
        let ours = [
            ("HOME", self.user.dir.clone().into_os_string()),
            ("USER", self.user.name.clone().into()),
            ("LOGNAME", self.user.name.clone().into()),
        ];
        for (name, value) in ours {
            if !environment.iter().any(|(present, _)| present == name) {
                environment.push((name.into(), value));
            }
        }
    }
}
