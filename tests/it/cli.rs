//! The command line as a process: what only the real thing shows.

use std::process::{Command, Stdio};

fn floe(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("floe"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("FLOE_PEERS")
        .env_remove("FLOE_CONFIG");
    command
}

#[test]
fn a_pipe_that_nobody_reads_ends_quietly() {
    for arguments in [
        &["completions", "bash"][..],
        &["--help"],
        &["config", "show", "config/node.toml"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ended = floe(arguments).stdout(writer).output().expect("floe starts");
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn a_daemon_with_a_bad_configuration_ends_with_78() {
    for arguments in [
        ["registry", "run", "--config", "config/node.toml"],
        ["node", "run", "--config", "config/registry.toml"],
        ["node", "run", "--config", "/nonexistent"],
    ] {
        let ended = floe(&arguments).output().expect("floe starts");
        assert_eq!(ended.status.code(), Some(78), "{arguments:?}: {ended:?}");
        assert!(
            ended.stdout.is_empty() && !ended.stderr.is_empty(),
            "{arguments:?}: {ended:?}"
        );
    }
}
