//! Replica groups and look-ups: the scenarios S-RG and S-SIM of the system that floe replaces, by their numbers, on real
//! processes. Where floe decided otherwise, the test says so.

use super::activation::small_grid;
use super::application::Text;
use super::grid::{Grid, LOOK, get, new_request, until, wait};
use super::process;
use floe::client::Error;
use floe::pure::base::RegistrantId;
use floe::pure::protocol::locate::{Choose, Register, Registration};
use floe::pure::protocol::report::ServerState;
use floe::pure::protocol::{ErrorCode, Request, Response};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::time::{Duration, Instant};

const R: [&str; 1] = ["r1"];

fn group(balance: &str, count: u32) -> String {
    format!(
        "\n[[group]]\nid = \"g\"\nbalance = \"{balance}\"\ncount = {count}\nobject = [{{ id = \"go\", type = \"t\" }}]\n"
    )
}
/// Three web servers of a group on one node.
fn three(activation: &str, balance: &str, count: u32) -> Text {
    ["s1", "s2", "s3"]
        .into_iter()
        .fold(Text::new("one"), |text, id| {
            text.web_in("n1", id, activation, Some("g"))
        })
        .more(&group(balance, count))
}
async fn ask(grid: &Grid, peers: &[&str], id: &str, count: Option<u32>) -> Result<Response, Error> {
    let (id, at_least) = (id.to_owned(), None);
    grid.call(peers, Request::Resolve { id, at_least, count }).await
}
async fn refused(grid: &Grid, id: &str) -> (ErrorCode, String) {
    match ask(grid, &R, id, None).await {
        Err(Error::Failed(failure)) => (failure.code, failure.message),
        other => panic!("{id}: {other:?} instead of a refusal"),
    }
}
/// Who answers at each endpoint that is given for an id, by its own word.
async fn given(grid: &Grid, id: &str, count: Option<u32>) -> Vec<String> {
    let Ok(Response::Resolved(resolved)) = ask(grid, &R, id, count).await else {
        panic!("{id} is not resolved: {:?}", ask(grid, &R, id, count).await)
    };
    let mut names = Vec::new();
    for endpoint in resolved.endpoints {
        let said = get(&endpoint).await;
        let name = said.trim_end().rsplit("hello from ").next().unwrap_or_default();
        names.push(name.to_owned());
    }
    names
}
async fn find(grid: &Grid, choose: Choose) -> Result<Vec<String>, ErrorCode> {
    let request = Request::Find {
        kind: "t".to_owned(),
        choose,
        after: None,
        at_least: None,
    };
    match grid.call(&R, request).await {
        Ok(Response::Found(found)) => Ok(found.objects.into_iter().map(|row| row.id).collect()),
        Err(Error::Failed(failure)) => Err(failure.code),
        other => panic!("{other:?}"),
    }
}
async fn floe(grid: &Grid, arguments: &[&str]) -> String {
    grid.floe_at(&R, arguments).await.done().out
}

#[tokio::test]
async fn s_rg_01_02_10_members_of_a_group_have_their_turn_and_are_started_for_it() {
    let text = three("on-demand", "round-robin", 1).more("\n[[group]]\nid = \"empty\"\ncount = 0\n");
    let grid = small_grid(&text).await;
    // 01: three members; one of a plain adapter (the adapter itself); none of an unknown id or an empty group.
    let members = floe(&grid, &["adapter", "show", "g"]).await;
    assert_eq!(members.lines().count(), 4, "{members}");
    assert!(
        ["s1.http", "s2.http", "s3.http"].iter().all(|id| members.contains(id)),
        "{members}"
    );
    assert_eq!(floe(&grid, &["adapter", "show", "s1.http"]).await.lines().count(), 2);
    assert_eq!(floe(&grid, &["adapter", "show", "empty"]).await.lines().count(), 1);
    assert_eq!(grid.floe_at(&R, &["adapter", "show", "nobody"]).await.code, Some(4));
    // 02: each in turn, also when each has exited after its use.
    for _ in 0..2 {
        for id in ["s1", "s2", "s3"] {
            assert_eq!(given(&grid, "g", None).await, [id]);
            let pid = grid.active(&R, &[id]).await[id];
            process::signal(pid, Signal::TERM);
            grid.server(&R, id, "has ended", |server| {
                server.state == ServerState::Inactive && server.pid.is_none()
            })
            .await;
        }
    }
    // 10: an empty group is refused in words.
    let (code, why) = refused(&grid, "empty").await;
    assert!(
        code == ErrorCode::Unavailable && why == "group empty has no members",
        "{why}"
    );
}

#[tokio::test]
async fn s_rg_03_09_10_rotation_is_strict_whoever_is_left() {
    let grid = small_grid(&three("always", "round-robin", 1)).await;
    grid.active(&R, &["s1", "s2", "s3"]).await;
    // 03: all disabled, none is given; all enabled again, each in turn, also for many clients at once.
    for id in ["s1", "s2", "s3"] {
        floe(&grid, &["server", "disable", id]).await;
        grid.server(&R, id, "is disabled", |server| !server.enabled).await;
    }
    let (code, why) = refused(&grid, "g").await;
    assert!(code == ErrorCode::Unavailable && why.contains("is disabled"), "{why}");
    for id in ["s1", "s2", "s3"] {
        floe(&grid, &["server", "enable", id]).await;
        grid.server(&R, id, "is enabled", |server| server.enabled).await;
    }
    let mut before = String::new();
    for round in 0..9 {
        let now = given(&grid, "g", None).await.concat();
        assert_ne!(now, before, "round {round}");
        before = now;
    }
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let client = grid.client(&R);
        clients.spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..50 {
                let (id, at_least, count) = ("g".to_owned(), None, None);
                match client.call(Request::Resolve { id, at_least, count }).await {
                    Ok(Response::Resolved(resolved)) => seen.extend(resolved.endpoints),
                    other => panic!("{other:?}"),
                }
            }
            seen
        });
    }
    let all = clients.join_all().await.concat();
    let kinds: BTreeSet<&String> = all.iter().collect();
    let shares: Vec<usize> = kinds
        .iter()
        .map(|kind| all.iter().filter(|one| **one == **kind).count())
        .collect();
    assert_eq!(
        shares,
        [100, 100, 100],
        "300 look-ups of 6 clients: each member a third"
    );
    // 09: two at a time, moving on by one; 10: zero means all.
    grid.apply(&R, &three("always", "round-robin", 2)).await;
    grid.active(&R, &["s1", "s2", "s3"]).await;
    let first = given(&grid, "g", None).await;
    let next = |name: &str| match name {
        "s1" => "s2",
        "s2" => "s3",
        _ => "s1",
    };
    let mut expected = first[0].clone();
    for answer in [first, given(&grid, "g", None).await, given(&grid, "go", None).await] {
        assert_eq!(answer, [expected.as_str(), next(&expected)]);
        next(&expected).clone_into(&mut expected);
    }
    assert_eq!(given(&grid, "g", Some(0)).await.len(), 3);
    assert_eq!(given(&grid, "g", Some(1)).await.len(), 1);
    grid.apply(&R, &three("always", "round-robin", 0)).await;
    assert_eq!(given(&grid, "go", None).await.len(), 3);
}

#[tokio::test]
async fn s_rg_04_05_ordered_takes_the_first_that_can_be_had_and_free_policies_take_all() {
    let ordered = |balance: &str| {
        let mut text = three("on-demand", balance, 1).as_str().to_owned();
        for (id, priority) in [("s1", 3), ("s2", 1), ("s3", 2)] {
            let head = format!("id = \"{id}\"");
            let (before, after) = text.split_once(&head).expect("the server is there");
            let after = after.replacen(
                "name = \"http\"\n",
                &format!("name = \"http\"\npriority = {priority}\n"),
                1,
            );
            text = format!("{before}{head}{after}");
        }
        Text::new("one").more(text.split_once('\n').expect("a head").1)
    };
    let grid = small_grid(&ordered("ordered")).await;
    // 04: priorities 3, 1, 2: the second; without it the third; then the first.
    for id in ["s2", "s3", "s1"] {
        assert_eq!(given(&grid, "g", None).await, [id]);
        assert_eq!(given(&grid, "go", None).await, [id]);
        floe(&grid, &["server", "disable", id]).await;
        grid.server(&R, id, "is disabled", |server| !server.enabled).await;
    }
    for id in ["s1", "s2", "s3"] {
        floe(&grid, &["server", "enable", id]).await;
        grid.server(&R, id, "is enabled", |server| server.enabled).await;
    }
    // 05: sooner or later each one.
    for balance in ["random", "adaptive"] {
        grid.apply(&R, &ordered(balance)).await;
        let mut seen = BTreeSet::new();
        let end = Instant::now() + Duration::from_mins(1);
        while seen.len() < 3 {
            assert!(Instant::now() < end, "{balance} gives only {seen:?}");
            seen.extend(given(&grid, "g", None).await);
        }
    }
}

#[tokio::test]
async fn s_rg_11_a_member_on_a_node_that_is_down_is_skipped_by_every_policy() {
    let mut grid = Grid::new(&R, &["n1", "n2"]);
    grid.start_all();
    grid.settled("r1", &[], &["n1", "n2"]).await;
    let text = |balance: &str| {
        let here = "object = [{ id = \"o-near\", type = \"t\" }]\n[[node.n2.server.adapter]]";
        let text = Text::new("one")
            .web_in("n1", "far", "always", Some("g"))
            .web_in("n2", "near", "always", Some("g"))
            .more(&group(balance, 1).replace(", type = \"t\"", ""));
        let text = text.as_str().replacen("[[node.n2.server.adapter]]", here, 1);
        let there = "object = [{ id = \"o-far\", type = \"t\" }]\n[[node.n1.server.adapter]]";
        let text = text.replacen("[[node.n1.server.adapter]]", there, 1);
        Text::new("one").more(text.split_once('\n').expect("a head").1)
    };
    grid.apply(&R, &text("random")).await;
    grid.active(&R, &["far", "near"]).await;
    grid.kill("n1").await;
    grid.see("n1 is down", &R, Request::Nodes, |response| match response {
        Response::Nodes(rows) if rows.iter().any(|row| row.name == "n1" && row.state == "down") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    for balance in ["random", "round-robin", "adaptive", "ordered"] {
        grid.apply(&R, &text(balance)).await;
        for _ in 0..5 {
            assert_eq!(given(&grid, "g", None).await, ["near"], "{balance}");
        }
        assert_eq!(find(&grid, Choose::LeastLoaded).await, Ok(vec!["o-near".to_owned()]));
        assert_eq!(find(&grid, Choose::Any).await, Ok(vec!["o-near".to_owned()]));
        assert_eq!(find(&grid, Choose::All).await, Ok(vec!["o-near".to_owned()]));
    }
}

#[tokio::test]
async fn a_frozen_node_delays_only_what_asks_for_it() {
    let mut grid = Grid::new(&R, &["n1", "n2"]);
    grid.start_all();
    grid.settled("r1", &[], &["n1", "n2"]).await;
    let text = Text::new("one")
        .web("n1", "frozen", "on-demand")
        .web("n2", "well", "on-demand");
    grid.apply(&R, &text).await;
    grid.servers("both are reported", &R, |servers| {
        servers
            .values()
            .all(|server| server.state == ServerState::Inactive)
            .then_some(())
    })
    .await;
    process::signal(grid.pid("n1"), Signal::STOP);
    let client = grid.client(&R);
    let stuck = tokio::spawn(async move {
        let (id, at_least, count) = ("frozen.http".to_owned(), None, None);
        client.call(Request::Resolve { id, at_least, count }).await
    });
    // Over the same registry meanwhile, by many clients.
    grid.answer(&R, &["well"]).await;
    for _ in 0..20 {
        grid.answer(&R, &["well"]).await;
    }
    // The link is given up after a few seconds of silence: whoever waits is told so before its own deadline.
    match stuck.await.expect("the call does not panic") {
        Err(Error::Failed(failure)) => {
            assert_eq!(failure.code, ErrorCode::Unavailable);
            assert!(failure.message.contains("n1"), "{failure:?}");
        }
        other => panic!("{other:?}"),
    }
    process::signal(grid.pid("n1"), Signal::CONT);
    grid.settled("r1", &[], &["n1", "n2"]).await;
    grid.answer(&R, &["frozen"]).await;
}

fn register(adapter: &str, group: Option<&str>, port: u16, registrant: u128, renewal: u64) -> Request {
    Request::Register(Box::new(Register {
        registration: Registration {
            adapter: adapter.parse().expect("an id"),
            group: group.map(|group| group.parse().expect("an id")),
            endpoints: vec![format!("http://127.0.0.1:{port}")],
        },
        registrant: RegistrantId::from_bits(registrant),
        renewal,
        ttl_ms: 2_000,
        take_over: false,
    }))
}

#[tokio::test]
async fn s_rg_14_15_registered_members_are_found_everywhere_and_end_with_their_process() {
    let registries = ["r1", "r2", "r3"];
    let mut grid = Grid::new(&registries, &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    let deployed = Text::new("one")
        .web_in("n1", "s1", "always", Some("g"))
        .more(&group("random", 1));
    grid.apply(&["r1"], &deployed).await;
    // 14: the members of a group that they make themselves; any registry takes them, every one gives them.
    let taken = grid.call(&["r2"], register("mine-1", Some("ours"), 5001, 1, 1)).await;
    assert!(matches!(taken, Ok(Response::Registered(_))), "{taken:?}");
    grid.call(&["r3"], register("mine-2", Some("ours"), 5002, 2, 1))
        .await
        .expect("taken");
    for registry in registries {
        until("both are given", async || {
            match ask(&grid, &[registry], "ours", None).await {
                Ok(Response::Resolved(resolved)) if resolved.endpoints.len() == 2 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
    // 15: a deployed group takes nobody in, a deployed adapter is not taken over.
    for request in [
        register("mine-3", Some("g"), 5003, 3, 1),
        register("s1.http", None, 5003, 3, 1),
    ] {
        match grid.call(&["r2"], request).await {
            Err(Error::Failed(failure)) => {
                assert_eq!(failure.code, ErrorCode::Precondition);
                assert!(failure.message.contains("is deployed by an application"), "{failure:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    // And an application that brings a registered name is refused while it stands.
    let rival = Text::new("two")
        .web_in("n1", "t1", "manual", Some("ours"))
        .more("\n[[group]]\nid = \"ours\"\n");
    let apply = || Request::Apply {
        application: rival.parse(),
        if_revision: None,
        request: new_request(),
    };
    match grid.call(&["r1"], apply()).await {
        Err(Error::Failed(failure)) => assert!(failure.message.contains("registered at run time"), "{failure:?}"),
        other => panic!("{other:?}"),
    }
    // Without a master, and without the registry that took it first.
    grid.kill("r1").await;
    grid.call(&["r2"], register("mine-1", Some("ours"), 5001, 1, 2))
        .await
        .expect("renewed");
    grid.kill("r2").await;
    grid.call(&["r3"], register("mine-1", Some("ours"), 5001, 1, 3))
        .await
        .expect("renewed elsewhere");
    assert!(ask(&grid, &["r3"], "mine-1", None).await.is_ok());
    // Not renewed any more: gone within its time to live, and not long before.
    let renewed = Instant::now();
    loop {
        match ask(&grid, &["r3"], "mine-1", None).await {
            Ok(_) => assert!(renewed.elapsed() < Duration::from_secs(30), "it stays for ever"),
            Err(Error::Failed(failure)) if failure.code == ErrorCode::NotFound => break,
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(LOOK).await;
    }
    assert!(renewed.elapsed() > Duration::from_millis(1_500), "it went too soon");
    // Now the application may have the name.
    grid.start("r1");
    grid.start("r2");
    grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    grid.call(&["r1"], apply()).await.expect("the name is free");
}

#[tokio::test]
async fn s_sim_01_03_04_what_is_asked_is_found_or_refused_and_never_hangs() {
    let text = Text::new("one").web("n1", "s1", "on-demand").more("");
    let grid = small_grid(&text).await;
    // 01: through the registry's address alone, and through a node's.
    grid.answer(&R, &["s1"]).await;
    grid.answer(&["n1"], &["s1"]).await;
    // 03: unknown ids, and ids with odd bytes.
    let long = "x".repeat(200_000);
    for id in [
        "nobody",
        "",
        " s1.http",
        "S1.HTTP",
        "s1.http\0",
        "\u{202e}s1",
        "../../etc/passwd",
        "%00",
        &long,
    ] {
        let (code, why) = refused(&grid, id).await;
        assert_eq!(code, ErrorCode::NotFound, "{id:.40?}");
        assert!(why.len() < 400, "{why}");
        let found = Request::Find {
            kind: id.to_owned(),
            choose: Choose::All,
            after: Some(id.to_owned()),
            at_least: None,
        };
        assert!(
            matches!(grid.call(&R, found).await, Err(Error::Failed(failure)) if failure.code == ErrorCode::NotFound)
        );
    }
    let ids = vec!["s1.http".to_owned(); 10_000];
    let client = grid.client(&R);
    match client.call(Request::Locate { ids }).await {
        Err(Error::Failed(failure)) => assert_eq!(failure.code, ErrorCode::Invalid),
        other => panic!("{other:?}"),
    }
    // 04: a disabled one that does not run is not to be had, and is again when it is enabled.
    floe(&grid, &["server", "stop", "s1"]).await;
    floe(&grid, &["server", "disable", "s1"]).await;
    let (code, why) = refused(&grid, "s1.http").await;
    assert!(code == ErrorCode::Unavailable && why.contains("disabled"), "{why}");
    floe(&grid, &["server", "enable", "s1"]).await;
    grid.answer(&R, &["s1"]).await;
}

#[tokio::test]
async fn an_operator_adds_objects_and_sees_adapters() {
    let text = Text::new("one").web("n1", "s1", "always");
    let grid = small_grid(&text).await;
    grid.active(&R, &["s1"]).await;
    let added = floe(
        &grid,
        &["object", "add", "printer", "--adapter", "s1.http", "--type", "p"],
    )
    .await;
    assert!(added.starts_with("stored object printer: version "), "{added}");
    let found = grid
        .floe_at(&R, &["object", "find", "p", "--format", "json"])
        .await
        .done();
    assert_eq!(found.json()[0]["id"], "printer");
    let listed = floe(&grid, &["object", "list"]).await;
    assert!(listed.contains("printer  p     adapter s1.http  -"), "{listed}");
    let adapters = grid
        .floe_at(&R, &["adapter", "list", "--format", "json"])
        .await
        .done()
        .json();
    assert_eq!(
        (adapters[0]["id"].as_str(), adapters[0]["state"].as_str()),
        (Some("s1.http"), Some("active"))
    );
    let version = added
        .split("version ")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .expect("a version");
    grid.floe_at(&R, &["resolve", "printer", "--at-least", version])
        .await
        .done();
    let other_epoch = version.replacen(char::is_numeric, "9", 1);
    assert_eq!(
        grid.floe_at(&R, &["resolve", "printer", "--at-least", &other_epoch])
            .await
            .code,
        Some(5)
    );
    floe(&grid, &["object", "remove", "printer"]).await;
    assert_eq!(grid.floe_at(&R, &["resolve", "printer"]).await.code, Some(4));
    let refused = grid
        .floe_at(&R, &["object", "add", "s1.http", "--adapter", "s1.http"])
        .await;
    assert!(refused.code == Some(2) || refused.code == Some(1), "{refused:?}");
    assert!(
        refused.err.contains("is taken by an adapter of application one"),
        "{}",
        refused.err
    );
}

#[tokio::test]
async fn an_operator_watches_and_registers_from_the_command_line() {
    let text = Text::new("one").web("n1", "s1", "always");
    let grid = small_grid(&text).await;
    grid.active(&R, &["s1"]).await;
    let file = |name: &str| grid.folder().join(name);
    let spawn = |arguments: &[&str], name: &str| {
        let out = File::create(file(name)).expect("a file");
        let err = File::create(file(&format!("{name}.err"))).expect("a file");
        let mut command = grid.floe_command(&R, arguments);
        command.stdout(out).stderr(err).spawn().expect("floe starts")
    };
    let read = |name: &str| std::fs::read_to_string(file(name)).expect("a file");
    let subjects = "adapter,object,server,node,registry,application";
    let mut watch = spawn(&["watch", "--all", "--subject", subjects, "--format", "json"], "watch");
    let row = |subject: &str, id: &str, wanted: &dyn Fn(&Value) -> bool| {
        let said = read("watch");
        let lines: Vec<Value> = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let found = lines
            .iter()
            .any(|line| line["subject"] == subject && line["id"] == id && wanted(line));
        if found { Ok(()) } else { Err(said) }
    };
    // First everything as it stands.
    for (subject, id) in [
        ("registry", "r1"),
        ("node", "n1"),
        ("application", "one"),
        ("server", "s1"),
    ] {
        until("it is listed", async || {
            row(subject, id, &|line| line["snapshot"] == true && line["row"].is_object())
        })
        .await;
    }
    // Then what changes: of a server and its adapter, a registration, an object.
    floe(&grid, &["server", "stop", "s1"]).await;
    until("it stops", async || {
        row("server", "s1", &|line| {
            line["row"]["state"] == "inactive" && line["snapshot"] == false
        })
    })
    .await;
    until("its adapter goes", async || {
        row("adapter", "s1.http", &|line| {
            line["row"]["endpoints"].as_array().is_some_and(Vec::is_empty)
        })
    })
    .await;
    let endpoint = ["--endpoint", "tcp://127.0.0.1:5009"];
    let register = [&["adapter", "register", "mine"][..], &endpoint, &["--ttl", "5s"]].concat();
    let mut registering = spawn(&register, "register");
    until("it is registered", async || {
        row("adapter", "mine", &|line| {
            line["row"]["endpoints"][0] == "tcp://127.0.0.1:5009"
        })
    })
    .await;
    floe(&grid, &["object", "add", "o", "--adapter", "s1.http"]).await;
    until("the object is there", async || {
        row("object", "o", &|line| line["row"]["adapter"] == "s1.http")
    })
    .await;
    // Nobody else gets the id, and an operator may take it.
    let rival = [
        &["adapter", "register", "mine"][..],
        &["--endpoint", "tcp://127.0.0.1:5010"],
    ]
    .concat();
    let refused = grid.floe_at(&R, &rival).await;
    assert!(
        refused.code == Some(5) && refused.err.contains("registered by another process"),
        "{refused:?}"
    );
    process::signal(registering.id(), Signal::INT);
    assert!(
        wait(&mut registering, "it takes itself back").await.success(),
        "{}",
        read("register.err")
    );
    assert!(
        read("register.err").ends_with("taken back mine\n"),
        "{}",
        read("register.err")
    );
    until("it is gone", async || {
        row("adapter", "mine", &|line| line["row"].is_null())
    })
    .await;
    assert_eq!(grid.floe_at(&R, &["adapter", "remove", "mine"]).await.code, Some(4));
    process::signal(watch.id(), Signal::INT);
    wait(&mut watch, "the end of the watcher").await;
    for wrong in [["--ttl", "0s"], ["--ttl", "365d"], ["--endpoint", "nowhere"]] {
        let arguments = [&["adapter", "register", "x"][..], &endpoint, &wrong].concat();
        let said = grid.floe_at(&R, &arguments).await;
        assert!(said.code == Some(2) || said.code == Some(1), "{wrong:?}: {said:?}");
        assert!(!said.err.is_empty());
    }
}
