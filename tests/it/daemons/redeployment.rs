//! What updates do to processes and what is refused of them: the scenarios S-DEP-05, S-UPD and S-NRU-03, -04 and -06 of the
//! system that floe replaces, through the command line; `updates.rs` and `moves.rs` hold the others.

use super::application::Text;
use super::deployment::{apply, floe, grid, of, seen, witness};
use super::grid::{Grid, new_request, until};
use floe::client::Error;
use floe::pure::model::Application;
use floe::pure::protocol::report::ServerState;
use floe::pure::protocol::{ErrorCode, Request};

const R: [&str; 1] = ["r1"];

/// Two servers of a template and one of its own, witnesses all of them.
const SHOP: &str = r#"
application = "shop"
description = "as it was"
variables = { x = "application" }
[properties.common]
set = { who = "common", x = "${x}" }
[template.t]
parameters = { index = {} }
id = "t-${index}"
run = [WITNESS, "${x}"]
activation = "always"
[[node.n1.server]]
template = "t"
with = { index = 1 }
[[node.n1.server]]
template = "t"
with = { index = 2 }
[[node.n1.server]]
id = "own"
run = [WITNESS, "own"]
activation = "always"
adapter = [{ name = "a", endpoint = "tcp://h:1" }, { name = "b", endpoint = "tcp://h:2" }]
object = [{ id = "thing" }]
"#;
const SHOPS: [&str; 3] = ["own", "t-1", "t-2"];

/// The update is refused with these words, by the command line and, what can be sent, by the registry as well; then the
/// application and every process are what they were, and the registry leads.
async fn refused(grid: &Grid, what: &str, text: &str, words: &str) {
    let looks = async || {
        let shown = floe(grid, "app show shop").await.done().out;
        let listed = floe(grid, "app list --format json").await.done().json();
        let servers = grid
            .servers("every server", &R, |servers| {
                let servers = servers
                    .iter()
                    .map(|(id, server)| (id.clone(), server.pid, server.restarts));
                Some(servers.collect::<Vec<_>>())
            })
            .await;
        (shown, listed, servers)
    };
    let before = looks().await;
    let said = apply(grid, text, "").await;
    assert!(said.code == Some(1) && said.err.contains(words), "{what}: {said:?}");
    if let Ok(application) = Application::from_toml(text, "test") {
        let (if_revision, request) = (None, new_request());
        let request = Request::Apply {
            application,
            if_revision,
            request,
        };
        match grid.call(&R, request).await {
            Err(Error::Failed(failure)) => assert_eq!(failure.code, ErrorCode::Invalid, "{what}: {failure:?}"),
            other => panic!("{what}: {other:?} instead of a refusal"),
        }
    }
    assert_eq!(looks().await, before, "{what}: nothing was changed");
    grid.settled("r1", &[], &["n1"]).await;
}

#[tokio::test]
async fn s_dep_05_s_upd_02_03_05_07_09_what_is_wrong_is_refused_as_a_whole() {
    let grid = grid(&["n1"]).await;
    let shop = SHOP.replace("WITNESS", &witness(&grid));
    apply(&grid, &shop, "--wait").await.done();
    grid.active(&R, &SHOPS).await;
    // What would be new in the file, and is well, does not come either.
    let more = |lines: &str| {
        let good = "[[node.n1.server]]\nid = \"new\"\nrun = [\"/bin/sleep\", \"1000\"]\nactivation = \"always\"\n";
        format!("{shop}{good}{lines}\n")
    };
    let server = "[[node.n1.server]]\nid = \"s\"\nrun = [\"/bin/true\"]\n";
    let adapter =
        "adapter = [{ name = \"a\", endpoint = \"tcp://h:1\" }, { name = \"b\", endpoint = \"tcp://h:2\" }]\n";
    let table = [
        (
            "S-DEP-05 an id twice",
            more("[[node.n1.server]]\nid = \"own\"\nrun = [\"/bin/true\"]"),
            "server own is declared twice",
        ),
        (
            "S-DEP-05 an unknown key",
            more(&format!("{server}colour = \"red\"")),
            "colour",
        ),
        (
            "S-DEP-05 a missing template",
            more("[[node.n1.server]]\ntemplate = \"u\"\nid = \"s\""),
            "\"u\" is not declared",
        ),
        ("S-DEP-05 no TOML", more("[[node.n1.server"), "shop.toml"),
        (
            "S-UPD-02",
            more("[[node.n1.server]]\ntemplate = \"t\""),
            "wants a value for its parameter `index`",
        ),
        (
            "S-UPD-03",
            shop.replace("[template.t]", "[template.u]"),
            "\"t\" is not declared",
        ),
        (
            "S-UPD-05 elsewhere in its server",
            more(&format!(
                "{server}{adapter}object = [{{ id = \"o\" }}]\nallocatable = [{{ id = \"o\", adapter = \"b\" }}]"
            )),
            "id o is also that of object o",
        ),
        (
            "S-UPD-05 in another server",
            more(&format!("{server}{adapter}allocatable = [{{ id = \"thing\" }}]")),
            "id thing is also that of object thing",
        ),
        (
            "S-UPD-07 variables",
            shop.replace("x = \"application\"", "x = \"${y}\", y = \"${x}\""),
            "variables go round in a circle: x -> y -> x",
        ),
        (
            "S-UPD-07 property sets",
            more("[properties.a]\nuse = [\"b\"]\n[properties.b]\nuse = [\"a\"]"),
            "property sets go round in a circle: a -> b -> a",
        ),
        (
            "S-UPD-09",
            shop.replace("variables = { x = \"application\" }\n", ""),
            "variable `x` has no value here",
        ),
    ];
    for (what, text, words) in &table {
        refused(&grid, what, text, words).await;
    }
    // S-UPD-01, S-UPD-05: what another application has.
    for line in [
        format!("{adapter}object = [{{ id = \"thing\" }}]"),
        format!("{adapter}allocatable = [{{ id = \"thing\" }}]"),
    ] {
        let said = apply(&grid, &format!("application = \"other\"\n{server}{line}\n"), "").await;
        assert!(
            said.code == Some(1) && said.err.contains("id thing is taken by an object of application shop"),
            "{said:?}"
        );
        assert_eq!(floe(&grid, "app show other").await.code, Some(4));
    }
    // S-UPD-03: what is not there is not removed, and an application is not changed by saying so.
    assert_eq!(floe(&grid, "app remove other").await.code, Some(4));
    // The registry takes what is well.
    apply(&grid, &more(""), "--wait").await.done();
    grid.active(&R, &["new"]).await;
}

#[tokio::test]
async fn s_upd_03_04_05_07_09_10_what_is_well_is_seen_by_the_processes() {
    let grid = grid(&["n1"]).await;
    let shop = SHOP.replace("WITNESS", &witness(&grid));
    apply(&grid, &shop, "--wait").await.done();
    let before = grid.active(&R, &SHOPS).await;
    let sees = async |id: &str, old: Option<u32>| {
        let new = |server: &floe::pure::protocol::report::ServerReport| {
            server.state == ServerState::Active && server.pid.is_some() && server.pid != old
        };
        let pid = grid.server(&R, id, "is new", new).await.pid.expect("it runs");
        seen(&grid, "n1", id, pid, 0).await
    };
    // S-UPD-04: a template changes its servers, all of them, and no other.
    let changed = shop.replace("[template.t]", "[template.t]\nenvironment = { CHANGED = \"yes\" }");
    let said = apply(&grid, &changed, "--wait").await.done();
    assert!(
        said.out
            .contains("0 added, 0 removed, 2 restarted, 0 changed live, 1 untouched"),
        "{said:?}"
    );
    for id in ["t-1", "t-2"] {
        let lines = sees(id, Some(before[id])).await;
        assert!(of(&lines, "env").contains(&"CHANGED=yes"), "{lines:?}");
    }
    let now = grid.active(&R, &SHOPS).await;
    assert_eq!(now["own"], before["own"]);
    // S-UPD-09: the node's own value wins, and then the application's is not needed.
    let node = "[node.n1.variables]\nx = \"node\"\n";
    let said = apply(&grid, &format!("{shop}{node}"), "--wait").await.done();
    assert!(
        said.out.contains("2 restarted, 0 changed live, 1 untouched"),
        "{said:?}"
    );
    for id in ["t-1", "t-2"] {
        assert_eq!(of(&sees(id, Some(now[id])).await, "word"), ["node"]);
    }
    let now = grid.active(&R, &SHOPS).await;
    let without = shop
        .replace("variables = { x = \"application\" }\n", "")
        .replace(", x = \"${x}\"", "");
    apply(&grid, &format!("{without}{node}"), "--no-restart --wait")
        .await
        .done();
    // S-UPD-10: an update is the whole application, so what is left out is gone; the empty text and none are the same.
    let description = async || floe(&grid, "app show shop --format json").await.done().json()["description"].clone();
    assert_eq!(description().await, "as it was");
    let with = |text: &str| format!("{without}{node}").replace("description = \"as it was\"\n", text);
    apply(&grid, &with(""), "--no-restart --wait").await.done();
    let left_out = description().await;
    apply(&grid, &with("description = \"other\"\n"), "--no-restart --wait")
        .await
        .done();
    assert_eq!(description().await, "other");
    apply(&grid, &with("description = \"\"\n"), "--no-restart --wait")
        .await
        .done();
    assert_eq!(description().await, left_out);
    assert!(left_out.as_str().is_none_or(str::is_empty), "{left_out}");
    // S-UPD-03: a server that was never there is removed without a word.
    let gone = with("").replace("id = \"own\"", "id = \"kept\"");
    let said = apply(&grid, &with(""), "--no-restart").await.done();
    assert!(said.out.contains("0 added, 0 removed, 0 restarted"), "{said:?}");
    assert_eq!(grid.active(&R, &SHOPS).await, now, "no process has noticed any of this");
    let said = apply(&grid, &gone, "--wait").await.done();
    assert!(said.out.contains("1 added, 1 removed, 0 restarted"), "{said:?}");
    // S-UPD-05, S-UPD-07: one id for an object and an allocatable of one adapter; sets that meet again.
    let diamond = "[properties]\nleft = { use = [\"common\"], set = { left = 1 } }\nright = { use = [\"common\"], set = { right = 2 } }\n\
                   both = { use = [\"left\", \"right\"] }\n[[node.n1.server]]\nid = \"s\"\nactivation = \"always\"\n\
                   adapter = [{ name = \"a\", endpoint = \"tcp://h:3\" }]\nobject = [{ id = \"o\" }]\nallocatable = [{ id = \"o\" }]\n\
                   file = [{ name = \"a.conf\", use = [\"both\"] }]\n";
    let text = format!("{gone}{diamond}run = [{}]\n", witness(&grid));
    apply(&grid, &text, "--wait").await.done();
    let lines = sees("s", None).await;
    assert_eq!(of(&lines, "a.conf"), ["left=1", "right=2", "who=common"]);
    assert_eq!(floe(&grid, "resolve o").await.done().out, "tcp://h:3\n");
}

/// S-NRU-03 in files of a server itself and in a set, S-NRU-04 in its template, S-NRU-06 with one that wants no signal.
#[tokio::test]
async fn s_nru_03_04_06_properties_change_under_a_process_that_runs() {
    let mut grid = grid(&["n1"]).await;
    let text = |set: &str, in_template: &str, own: &str| {
        let witness = witness(&grid);
        format!(
            "application = \"shop\"\nproperties = {{ common = {{ set = {{ {set} }} }} }}\n\
             [template.t]\nparameters = {{ index = {{}} }}\nid = \"t-${{index}}\"\nrun = [{witness}]\nactivation = \"always\"\nreload_signal = \"SIGHUP\"\n\
             file = [{{ name = \"t.conf\", set = {{ {in_template} }} }}]\n\
             [[node.n1.server]]\ntemplate = \"t\"\nwith = {{ index = 1 }}\n[[node.n1.server]]\ntemplate = \"t\"\nwith = {{ index = 2 }}\n\
             [[node.n1.server]]\nid = \"own\"\nrun = [{witness}]\nactivation = \"always\"\nreload_signal = \"SIGHUP\"\n\
             file = [{{ name = \"own.conf\", use = [\"common\"], set = {{ {own} }} }}]\n\
             [[node.n1.server]]\nid = \"mute\"\nrun = [{witness}]\nactivation = \"always\"\n\
             file = [{{ name = \"own.conf\", use = [\"common\"] }}]\n"
        )
    };
    let all = ["t-1", "t-2", "own", "mute"];
    apply(
        &grid,
        &text("a = 1, b = 1", "index = \"${index}\", b = 1", "c = 1, d = 1"),
        "--wait",
    )
    .await
    .done();
    let pids = grid.active(&R, &all).await;
    for id in all {
        seen(&grid, "n1", id, pids[id], 0).await;
    }
    // One is added, one is changed, one is removed: in the set, in the template, in the server's own file.
    let changed = text(
        "a = 2, x = \"new ${node.host}\"",
        "index = \"no ${index}\", x = \"${server}\"",
        "c = 2, y = 9",
    );
    let said = apply(&grid, &changed, "--no-restart --wait").await.done();
    assert!(
        said.out
            .contains("0 added, 0 removed, 0 restarted, 4 changed live, 0 untouched"),
        "{said:?}"
    );
    let own = ["a=2", "c=2", "x=new 127.0.0.1", "y=9"];
    assert_eq!(of(&seen(&grid, "n1", "own", pids["own"], 1).await, "own.conf"), own);
    for (id, expected) in [("t-1", ["index=no 1", "x=t-1"]), ("t-2", ["index=no 2", "x=t-2"])] {
        assert_eq!(of(&seen(&grid, "n1", id, pids[id], 1).await, "t.conf"), expected);
    }
    // Without a signal of its own a server finds the file when it looks, and lives on.
    let file = grid.data("n1").join("servers/mute/config/own.conf");
    until("the file of the mute one is new", async || {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        if text == "a=2\nx=new 127.0.0.1\n" {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await;
    // A file comes and another goes; nobody whose files stay is told.
    let other = changed.replace(
        "own.conf\", use = [\"common\"], set",
        "other.conf\", use = [\"common\"], set",
    );
    let said = apply(&grid, &other, "--no-restart --wait").await.done();
    assert!(
        said.out.contains("0 restarted, 1 changed live, 3 untouched"),
        "{said:?}"
    );
    let lines = seen(&grid, "n1", "own", pids["own"], 2).await;
    assert!(
        of(&lines, "other.conf") == own && of(&lines, "own.conf").is_empty(),
        "{lines:?}"
    );
    assert_eq!(grid.active(&R, &all).await, pids);
    // Its node's next life finds them with their files; a new process of each starts with the new ones.
    grid.restart("n1").await;
    grid.settled("r1", &[], &["n1"]).await;
    assert_eq!(grid.active(&R, &all).await, pids);
    for id in all {
        floe(&grid, &format!("server restart {id}")).await.done();
    }
    let new = grid.active(&R, &all).await;
    assert!(all.iter().all(|id| new[*id] != pids[*id]), "{new:?}");
    for (id, name, expected) in [
        ("own", "other.conf", &own[..]),
        ("t-1", "t.conf", &["index=no 1", "x=t-1"]),
        ("t-2", "t.conf", &["index=no 2", "x=t-2"]),
        ("mute", "own.conf", &["a=2", "x=new 127.0.0.1"]),
    ] {
        assert_eq!(of(&seen(&grid, "n1", id, new[id], 0).await, name), expected, "{id}");
    }
}

/// What an application may say of a process beside its program and its files.
#[tokio::test]
async fn user_limits_stop_command_and_output_are_the_applications() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut grid = Grid::new(&R, &["n1"]);
    let mut user = String::new();
    if rustix::process::getuid().is_root() {
        // Another user has to get to its folder.
        std::fs::set_permissions(grid.folder(), std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        user.push_str("user = \"nobody\"\n");
    }
    grid.start_all();
    grid.settled("r1", &[], &["n1"]).await;
    // Only its stop command ends it.
    let script = "trap '' TERM; { id -un; ulimit -n; } > facts; head -c 100000 /dev/zero | tr '\\0' x; echo; echo said; \
                  while [ ! -e stopped ]; do sleep 0.05; done";
    let stop = "stop = [\"/bin/sh\", \"-c\", \"echo $FLOE_PID $FLOE_SERVER $0 > stopped.new; mv stopped.new stopped\", \"${server}\"]";
    let more = format!(
        "{user}activation = \"always\"\nlimits = {{ files = 77 }}\n{stop}\noutput = {{ rotate = \"64KiB\", keep = 1 }}"
    );
    let text = Text::new("one").shell("n1", "s", script, &more);
    apply(&grid, text.as_str(), "--wait").await.done();
    let pid = grid.active(&R, &["s"]).await["s"];
    let home = grid.data("n1").join("servers/s");
    let read = async |file: &str, lines: usize| {
        until(&format!("{file} is written"), async || {
            let text = std::fs::read_to_string(home.join(file)).map_err(|error| error.to_string())?;
            if text.lines().count() >= lines {
                Ok(text)
            } else {
                Err(text)
            }
        })
        .await
    };
    let facts = read("data/facts", 2).await;
    let lines: Vec<&str> = facts.lines().collect();
    assert_eq!(lines[1], "77", "{facts}");
    assert!(user.is_empty() || lines[0] == "nobody", "{facts}");
    until("its output is rotated", async || {
        if home.join("stdout.log.1").exists() {
            Ok(())
        } else {
            Err("it is not".to_owned())
        }
    })
    .await;
    let said = floe(&grid, "server stop s --format json").await.done().json();
    assert_eq!(
        (said["state"].as_str(), said["reason"].as_str()),
        (Some("inactive"), Some("stopped by an operator")),
        "{said}"
    );
    assert_eq!(read("data/stopped", 1).await, format!("{pid} s s\n"));
}
