//! A host of its own for each daemon of a grid, and wires between them that a test can cut: network namespaces, joined by a
//! bridge that stands in one more. Nothing of it can reach the machine's own network.
//!
//! A wire is cut in one direction by giving the sender a wrong hardware address for the receiver: packets vanish without
//! an error to anybody, as in a broken switch. Everything bears the test's process id and is removed when this is dropped;
//! what a killed test left behind, the next one removes.

use super::process;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "floe-test-";
/// Where the test itself, its clients and its commands are. Its wires are never cut.
const OPERATOR: &str = "operator";
const BRIDGE: &str = "bridge";
/// An address that no host here has.
const NOWHERE: &str = "02:00:00:00:00:01";

/// The hosts and their wires.
#[derive(Debug)]
pub(super) struct Network {
    prefix: String,
    hosts: Vec<String>,
    own: File,
}

impl Network {
    /// Makes a host for each name and takes the test's thread to one beside them. `None`, with a printed word why, where
    /// the system or the user's rights do not allow that.
    #[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
    pub(super) fn lay(names: &[&str]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let hosts: Vec<String> = names.iter().chain([&OPERATOR]).map(ToString::to_string).collect();
        let network = Self {
            prefix: format!("{PREFIX}{}-{count}-", std::process::id()),
            hosts,
            own: File::open("/proc/thread-self/ns/net").expect("a network namespace"),
        };
        match network.build().and_then(|()| network.enter(OPERATOR)) {
            Ok(()) => Some(network),
            Err(reason) => {
                eprintln!("skipped: network namespaces cannot be made here: {reason}");
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        let bridge = self.space(BRIDGE);
        ip(&["netns", "add", &bridge])?;
        ip(&["-n", &bridge, "link", "add", "hub", "type", "bridge"])?;
        ip(&["-n", &bridge, "link", "set", "hub", "up"])?;
        for (index, name) in self.hosts.iter().enumerate() {
            let (space, port) = (self.space(name), format!("port{index}"));
            ip(&["netns", "add", &space])?;
            ip(&[
                "link", "add", "wire", "netns", &space, "type", "veth", "peer", "name", &port, "netns", &bridge,
            ])?;
            ip(&["-n", &bridge, "link", "set", &port, "master", "hub", "up"])?;
            let address = format!("{}/24", self.address(name));
            ip(&["-n", &space, "addr", "add", &address, "dev", "wire"])?;
            ip(&["-n", &space, "link", "set", "lo", "up"])?;
            ip(&["-n", &space, "link", "set", "wire", "up"])?;
        }
        Ok(())
    }

    /// The namespace of a host.
    pub(super) fn space(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
    /// The address of a host.
    pub(super) fn address(&self, name: &str) -> String {
        let index = self.hosts.iter().position(|host| host == name);
        format!("10.77.0.{}", index.expect("a host of the network") + 1)
    }
    /// From now on nothing that `from` sends reaches `to`.
    pub(super) fn cut_one_way(&self, from: &str, to: &str) {
        let (space, address) = (self.space(from), self.address(to));
        must(&[
            "-n",
            &space,
            "neigh",
            "replace",
            &address,
            "lladdr",
            NOWHERE,
            "dev",
            "wire",
            "nud",
            "permanent",
        ]);
    }
    /// Undoes `cut_one_way`.
    pub(super) fn mend_one_way(&self, from: &str, to: &str) {
        let (space, address) = (self.space(from), self.address(to));
        must(&["-n", &space, "neigh", "del", &address, "dev", "wire"]);
    }
    /// No host of the one side reaches any of the other.
    pub(super) fn part(&self, one: &[&str], other: &[&str]) {
        for_all(one, other, |from, to| self.cut_one_way(from, to));
    }
    /// Undoes `part`.
    pub(super) fn heal(&self, one: &[&str], other: &[&str]) {
        for_all(one, other, |from, to| self.mend_one_way(from, to));
    }
    /// Unplugs a host, or plugs it in again: its programs are told so by the system.
    pub(super) fn plug(&self, name: &str, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        must(&["-n", &self.space(name), "link", "set", "wire", state]);
    }

    /// Moves the calling thread, its sockets and its children to come, onto a host.
    fn enter(&self, name: &str) -> Result<(), String> {
        let path = format!("/run/netns/{}", self.space(name));
        let space = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| format!("enter {path}: {error}"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Back first: a namespace lives as long as a thread is in it.
        move_into_link_name_space(self.own.as_fd(), Some(LinkNameSpaceType::Network)).unwrap_or_default();
        for name in self.hosts.iter().map(String::as_str).chain([BRIDGE]) {
            drop(ip(&["netns", "del", &self.space(name)]));
        }
    }
}

/// The command that runs a program on a host.
pub(super) fn command_in(space: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space, program]);
    command
}

fn for_all(one: &[&str], other: &[&str], change: impl Fn(&str, &str)) {
    for from in one {
        for to in other {
            change(from, to);
            change(to, from);
        }
    }
}

/// Removes what tests left whose process is gone.
fn sweep() {
    let left = std::fs::read_dir("/run/netns").into_iter().flatten().flatten();
    for entry in left {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next()?.parse().ok());
        if owner.is_some_and(|pid: u32| !process::runs(pid)) {
            drop(ip(&["netns", "del", &name]));
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let said = Command::new("ip").args(arguments).output();
    let said = said.map_err(|error| format!("the program ip: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&said.stderr).trim().to_owned();
    Err(format!("ip {}: {reason}", arguments.join(" ")))
}

fn must(arguments: &[&str]) {
    if let Err(reason) = ip(arguments) {
        panic!("{reason}");
    }
}
