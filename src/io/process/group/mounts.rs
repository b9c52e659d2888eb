//! Where this process stands in each hierarchy of control groups, from `/proc`.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The folders of the control groups that this process is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// In version 2.
    pub(super) unified: Option<PathBuf>,
    /// In version 1, by controller.
    pub(super) legacy: BTreeMap<String, PathBuf>,
}

impl Own {
    /// As the kernel tells it now.
    pub(super) fn read() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
    }

    fn parse(mounts: &str, groups: &str) -> Self {
        let mut own = Self::default();
        for line in groups.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            if controllers.is_empty() {
                own.unified = folder(mounts, "cgroup2", "", path);
            }
            for controller in controllers.split(',').filter(|name| !name.is_empty()) {
                if let Some(folder) = folder(mounts, "cgroup", controller, path) {
                    own.legacy.insert(controller.to_owned(), folder);
                }
            }
        }
        own
    }
}

/// The folder of a group below the mount of its hierarchy; `None` when it lies outside of what is mounted.
fn folder(mounts: &str, kind: &str, controller: &str, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, system) = line.split_once(" - ")?;
        let mut system = system.split(' ');
        let (found, options) = (system.next()?, system.nth(1)?);
        let fits = found == kind && (controller.is_empty() || options.split(',').any(|option| option == controller));
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let below = match root {
            "/" => path,
            root => path.strip_prefix(root)?,
        };
        (fits && !below.contains("..")).then(|| PathBuf::from(point).join(below.trim_start_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_where_they_are_mounted() {
        let mounts = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu rw shared:3 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /box /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
        let own = Own::parse(
            mounts,
            "4:memory:/box/inner\n2:cpu,cpuacct:/\n1:pids:/x\n0::/system.slice/n1.service\n",
        );
        assert_eq!(
            own.unified,
            Some("/sys/fs/cgroup/unified/system.slice/n1.service".into())
        );
        assert_eq!(own.legacy["memory"], PathBuf::from("/sys/fs/cgroup/memory/inner"));
        assert_eq!(own.legacy["cpu"], PathBuf::from("/sys/fs/cgroup/cpu/"));
        assert!(!own.legacy.contains_key("pids"), "its hierarchy is not mounted");
        assert_eq!(Own::parse(mounts, "0::/../elsewhere").unified, None);
        assert_eq!(Own::parse("", "0::/x"), Own::default());
        Own::read();
    }
}
