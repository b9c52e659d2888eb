//! Deployment, seen by the processes: the scenarios S-ACT-12 and S-DEP of the system that floe replaces, through the command
//! line. What becomes of an update to them stands in `redeployment.rs`.

use super::application::Text;
use super::grid::{Grid, PATIENCE, Said, until};
use super::process;
use floe::client::{Client, Options};
use floe::pure::protocol::Request;
use floe::pure::protocol::report::ServerState;
use floe::pure::protocol::request::Verb;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

const R: [&str; 1] = ["r1"];

/// A server that writes down what it sees when it starts, and again when it is told by SIGHUP that its files are new: its
/// process, how often it was told, its words but the first, its environment, and each line of its files, which are in the
/// folder that its first word names.
const WITNESS: &str = r#"
config=$1; shift
times=0
tell() {
    { echo "pid $$"; echo "told $times"
      for word; do echo "word $word"; done
      env | sed 's/^/env /'
      for file in "$config"/*; do [ -e "$file" ] && sed "s|^|${file##*/} |" "$file"; done
    } > seen.new
    mv seen.new seen
}
trap 'times=$((times + 1)); tell "$@"' HUP
tell "$@"
while :; do sleep 5 & wait $!; done
"#;

/// A grid of one registry that leads these nodes.
pub(super) async fn grid(nodes: &[&str]) -> Grid {
    let mut grid = Grid::new(&R, nodes);
    grid.write("witness.sh", WITNESS);
    grid.start_all();
    grid.settled("r1", &[], nodes).await;
    grid
}
/// The words of `run` that make a server a witness; more may follow.
pub(super) fn witness(grid: &Grid) -> String {
    format!(
        "\"/bin/sh\", \"{}/witness.sh\", \"${{server.config}}\"",
        grid.folder().display()
    )
}
pub(super) async fn floe(grid: &Grid, line: &str) -> Said {
    let words: Vec<&str> = line.split(' ').collect();
    grid.floe_at(&R, &words).await
}
pub(super) async fn apply(grid: &Grid, text: &str, flags: &str) -> Said {
    let file = grid.write("shop.toml", text);
    floe(grid, format!("app apply {file} {flags}").trim_end()).await
}
/// What this process of a server has seen, when it was told so often.
pub(super) async fn seen(grid: &Grid, node: &str, id: &str, pid: u32, told: u32) -> Vec<String> {
    let path = grid.data(node).join("servers").join(id).join("data/seen");
    until(
        &format!("{id} has seen its files as process {pid}, told {told} times"),
        async || {
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.starts_with(&[format!("pid {pid}"), format!("told {told}")]) {
                Ok(lines)
            } else {
                Err(text)
            }
        },
    )
    .await
}
/// The lines that start with this word, without it.
pub(super) fn of<'a>(lines: &'a [String], word: &str) -> Vec<&'a str> {
    let all = lines
        .iter()
        .filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    all.collect()
}

#[tokio::test]
async fn s_act_12_75_servers_of_one_template_are_deployed_started_and_stopped() {
    let grid = grid(&["n1"]).await;
    let text = |activation: &str| {
        let servers =
            (1..=75).map(|index| format!("[[node.n1.server]]\ntemplate = \"t\"\nwith = {{ index = {index} }}\n"));
        format!(
            "application = \"many\"\n[template.t]\nparameters = {{ index = {{}} }}\nid = \"s-${{index}}\"\nrun = [\"/bin/sleep\", \"1000${{index}}\"]\nactivation = \"{activation}\"\n{}",
            servers.collect::<String>()
        )
    };
    let said = apply(&grid, &text("manual"), "--wait").await.done();
    assert!(said.out.contains("75 added, 0 removed, 0 restarted"), "{said:?}");
    let ids: Vec<String> = (1..=75).map(|index| format!("s-{index}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let all = async |verb: Verb| {
        let options = Options {
            timeout: PATIENCE,
            ..Options::new("test")
        };
        let client = Arc::new(Client::new(vec![grid.address("r1")], options));
        let mut asked = JoinSet::new();
        for id in &ids {
            let (client, server, verb) = (client.clone(), id.parse().expect("an id"), verb);
            asked.spawn(async move { client.call(Request::Command { server, verb }).await });
        }
        for answer in asked.join_all().await {
            answer.expect("the command is carried out");
        }
    };
    // Started and stopped at once, and again.
    for _ in 0..2 {
        all(Verb::Start).await;
        let pids = grid.active(&R, &ids).await;
        assert_eq!(pids.values().collect::<BTreeSet<_>>().len(), 75, "a process each");
        for (id, pid) in &pids {
            let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it runs");
            assert_eq!(
                words,
                format!("/bin/sleep\01000{}\0", id.trim_start_matches("s-")),
                "{id}"
            );
        }
        all(Verb::Stop).await;
        grid.servers("all are inactive", &R, |servers| {
            let inactive = servers
                .values()
                .filter(|server| server.state == ServerState::Inactive && server.pid.is_none());
            (inactive.count() == 75).then_some(())
        })
        .await;
        assert!(!pids.values().any(|pid| process::runs(*pid)), "nothing is left of them");
    }
    // All follow their template, and go with their application.
    let said = apply(&grid, &text("on-demand"), "--wait").await.done();
    assert!(said.out.contains("0 restarted, 75 changed live"), "{said:?}");
    floe(&grid, "app remove many --wait").await.done();
    grid.servers("none is left", &R, |servers| servers.is_empty().then_some(()))
        .await;
}

/// The sample of S-DEP-01 to 04 and 06. An endpoint is the server's own text, with every odd character that a URI may hold.
const SHOP: &str = r#"
application = "shop"
description = "a \"shop\" with every sort of text"
variables = { p = "application", n = "application", a = "application", deep = "${a} of ${node}" }

[properties.base]
set = { who = "base", at = "${server} on ${node} in ${server.config}", only = "base" }
[properties.left]
use = ["base"]
set = { who = "left", side = "left" }
[properties.right]
use = ["base"]
set = { who = "right" }

[[group]]
id = "web"
count = 0
balance = "ordered"
object = [{ id = "storefront", type = "page" }]

[template.web]
parameters = { index = {}, p = {}, tier = { default = "front" } }
id = "web-${index}"
run = [WITNESS, "${p}/${n}/${a}/${deep}", "${application} ${node} ${server}", "$${a} $$$$ $1 \\ 'a' \"b\" *", "${node.host} ${server.data}"]
activation = "always"
reload_signal = "SIGHUP"
environment = { TIER = "${tier}", HTTP = "${port.http}" }
file = [{ name = "web.conf", use = ["left", "right"], set = { index = "${index}" } }]
adapter = [{ name = "http", group = "web", endpoint = "https://${node.host}:${port.http}/a%20b;v=${index}?q='x'&y=(1,2)#top" }]
object = [{ id = "page-${index}", type = "page" }]

[node.n1]
variables = { p = "node", n = "node" }
properties = { right = { set = { side = "own of n1" } } }
[[node.n1.server]]
template = "web"
with = { index = 1, p = "parameter of ${a} on ${n}" }

[[node.n2.server]]
template = "web"
id = "other_2.b"
with = { index = 2, p = "given", tier = "back" }
environment = { SHOP_EXTRA = "more" }
file = [{ name = "web.conf", set = { index = "two", more = "a = b" } }, { name = "extra.conf", use = ["right", "left"] }, { name = "empty.conf" }]
adapter = [{ name = "admin", id = "admin-of-2", endpoint = "tcp://h:1" }]
allocatable = [{ id = "slot-2", type = "slot", adapter = "admin", attributes = { zone = "a" } }]

[target.production]
variables = { a = "production" }
[target.production.template.web]
environment = { SHOP_TARGET = "on" }
[[target.production.node.n1.server]]
id = "extra"
run = ["/bin/sleep", "1000"]
activation = "always"
"#;

#[tokio::test]
async fn s_dep_01_02_03_04_06_processes_and_ids_are_what_the_application_says() {
    let grid = grid(&["n1", "n2"]).await;
    let text = SHOP.replace("WITNESS", &witness(&grid));
    apply(&grid, &text, "--wait").await.done();
    let (one, two) = ("web-1", "other_2.b");
    let pids = grid.active(&R, &[one, two]).await;
    let http = async |node: &str, id: &str| {
        let lines = seen(&grid, node, id, pids[id], 0).await;
        let port = of(&lines, "env")
            .iter()
            .find_map(|line| line.strip_prefix("HTTP=")?.parse::<u16>().ok());
        (lines.clone(), port.expect("its port"))
    };
    let ((first, port_1), (second, port_2)) = (http("n1", one).await, http("n2", two).await);

    // S-DEP-01: the servers and the adapters of each, exactly; every object; endpoints to the letter.
    let (at_1, at_2) = (
        format!("https://127.0.0.1:{port_1}/a%20b;v=1?q='x'&y=(1,2)#top"),
        format!("https://127.0.0.1:{port_2}/a%20b;v=2?q='x'&y=(1,2)#top"),
    );
    let registered = grid
        .servers("both are told of", &R, |servers| {
            let ids = servers
                .iter()
                .map(|(id, server)| (id.clone(), server.endpoints.clone()));
            Some(ids.collect::<Vec<_>>())
        })
        .await;
    let endpoints = |all: &[(&str, &str)]| {
        all.iter()
            .map(|(id, at)| ((*id).to_owned(), (*at).to_owned()))
            .collect()
    };
    let of_two = endpoints(&[("admin-of-2", "tcp://h:1"), ("other_2.b.http", &at_2)]);
    assert_eq!(
        registered,
        [
            (two.to_owned(), of_two),
            (one.to_owned(), endpoints(&[("web-1.http", &at_1)]))
        ]
    );
    for (id, expected) in [
        ("web-1.http", vec![at_1.as_str()]),
        ("other_2.b.http", vec![&at_2]),
        ("admin-of-2", vec!["tcp://h:1"]),
        ("web", vec![&at_1, &at_2]),
        ("storefront", vec![&at_1, &at_2]),
        ("page-1", vec![&at_1]),
        ("page-2", vec![&at_2]),
    ] {
        let said = floe(&grid, &format!("resolve {id}")).await.done();
        let mut found: Vec<&str> = said.out.lines().collect();
        found.sort_by_key(|at| *at != at_1);
        assert_eq!(found, expected, "{id}");
    }
    for id in [
        "web-2",
        "web-2.http",
        "other_2.b.admin",
        "http",
        "page-${index}",
        "shop",
        "slot-2",
        "extra",
    ] {
        let said = floe(&grid, &format!("resolve {id}")).await;
        assert_eq!(said.code, Some(4), "{id} is nobody's: {said:?}");
    }

    // S-DEP-02: parameter beats node beats application; what floe gives; a doubled dollar is one, everything else stands.
    let data = |node: &str, id: &str, folder: &str| {
        grid.data(node)
            .join("servers")
            .join(id)
            .join(folder)
            .display()
            .to_string()
    };
    assert_eq!(
        of(&first, "word"),
        [
            "parameter of application on node/node/application/application of n1",
            "shop n1 web-1",
            "${a} $$ $1 \\ 'a' \"b\" *",
            &format!("127.0.0.1 {}", data("n1", one, "data")),
        ]
    );
    assert_eq!(
        of(&second, "word")[0],
        "given/application/application/application of n2"
    );
    assert_eq!(of(&second, "word")[1], "shop n2 other_2.b");
    // S-DEP-03: defaults, other values, and what one server has beside its template.
    let has = |lines: &[String], line: &str| of(lines, "env").contains(&line);
    assert!(
        has(&first, "TIER=front") && !first.iter().any(|line| line.contains("SHOP_EXTRA")),
        "{first:?}"
    );
    assert!(
        has(&second, "TIER=back") && has(&second, "SHOP_EXTRA=more"),
        "{second:?}"
    );
    assert!(
        has(&first, "FLOE_SERVER=web-1") && has(&first, &format!("PORT_HTTP={port_1}")),
        "{first:?}"
    );
    // S-DEP-04: sets in sets, later ones over earlier ones, a file's own over all, a node's instead of the application's.
    let at = |node: &str, id: &str| format!("at={id} on {node} in {}", data(node, id, "config"));
    assert_eq!(
        of(&first, "web.conf"),
        [&at("n1", one), "index=1", "only=base", "side=own of n1", "who=left"]
    );
    let at = at("n2", two);
    assert_eq!(
        of(&second, "web.conf"),
        [&at, "index=two", "more=a = b", "only=base", "side=left", "who=right"]
    );
    assert_eq!(of(&second, "extra.conf"), [&at, "only=base", "side=left", "who=left"]);
    let empty = std::fs::read(grid.data("n2").join("servers").join(two).join("config/empty.conf"));
    assert_eq!(empty.expect("a file without properties is written, too"), b"");

    // S-DEP-06: a target on, and off again; one that is not there changes nothing.
    let said = apply(&grid, &text, "--target productoin").await;
    assert!(said.code == Some(2) && said.err.contains("productoin"), "{said:?}");
    let said = apply(&grid, &text, "--target production --wait").await.done();
    assert!(said.out.contains("1 added, 0 removed, 2 restarted"), "{said:?}");
    let now = grid.active(&R, &[one, two, "extra"]).await;
    let first = seen(&grid, "n1", one, now[one], 0).await;
    assert!(has(&first, "SHOP_TARGET=on") && has(&first, "TIER=front"), "{first:?}");
    assert_eq!(
        of(&first, "word")[0],
        "parameter of production on node/node/production/production of n1"
    );
    let said = apply(&grid, &text, "--wait --set a=outside").await.done();
    assert!(said.out.contains("0 added, 1 removed, 2 restarted"), "{said:?}");
    let now = grid.active(&R, &[one, two]).await;
    let second = seen(&grid, "n2", two, now[two], 0).await;
    assert!(!second.iter().any(|line| line.contains("SHOP_TARGET")), "{second:?}");
    assert_eq!(of(&second, "word")[0], "given/application/outside/outside of n2");
}

/// S-DEP-07 with files that a server writes itself and declares; its output is the matter of `craft.rs`.
#[tokio::test]
async fn s_dep_07_declared_files_are_read_as_they_are() {
    let grid = grid(&["n1"]).await;
    let script = "printf 'one\\ntwo\\nthree' > access.log; : > empty.log; \
                  head -c 300000 /dev/zero | tr '\\0' x > long.log; echo written; \
                  while [ ! -e go ]; do sleep 0.05; done; printf ' and\\nfour\\n' >> access.log; exec sleep 1000";
    let logs = "log = { access = \"${server.data}/access.log\", empty = \"${server.data}/empty.log\", \
                late = \"${server.data}/late.log\", long = \"${server.data}/long.log\" }";
    let text = Text::new("one").shell("n1", "s", script, &format!("activation = \"always\"\n{logs}"));
    apply(&grid, text.as_str(), "--wait").await.done();
    let read = async |more: &str| floe(&grid, format!("server logs s {more}").trim_end()).await;
    until("everything is written", async || {
        let out = read("").await.done().out;
        if out == "written\n" { Ok(()) } else { Err(out) }
    })
    .await;
    for (more, expected) in [
        ("access", "one\ntwo\nthree"),
        ("access -n 1", "three"),
        ("access -n 2", "two\nthree"),
        ("access -n 1000", "one\ntwo\nthree"),
        ("empty", ""),
    ] {
        let said = read(&format!("--file {more}")).await.done();
        assert_eq!(said.out.trim_end_matches('\n'), expected, "{more}");
    }
    let said = read("--file late").await;
    assert!(said.code != Some(0) && said.err.contains("not available"), "{said:?}");
    let said = read("--file other").await;
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(
        said.err.contains("not declared; declared: access, empty, late, long"),
        "{said:?}"
    );
    // A line that no answer holds comes in pieces.
    let long = read("--file long").await.done().out;
    assert!(
        long.len() >= 300_000 && long.trim_end().bytes().all(|byte| byte == b'x'),
        "{} bytes",
        long.len()
    );
    // It grows.
    std::fs::write(grid.data("n1").join("servers/s/data/go"), "").expect("a file is written");
    until("the file has grown", async || {
        let out = read("--file access -n 2").await.done().out;
        if out == "three and\nfour\n" { Ok(()) } else { Err(out) }
    })
    .await;
}
