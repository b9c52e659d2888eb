//! Grids whose wires are cut, one daemon a host: two masters of one number, a master cut off from the rest, wires that fail
//! one way or flap, a node with one way back. Nothing is lost, nobody writes beside another after contact, no server restarts.
//!
//! Skipped, with a word, where the machine makes no network namespaces (`network`).

use super::application::Text;
use super::grid::{Daemon, Grid, new_request, until};
use super::network::Network;
use floe::pure::protocol::report::RegistryReport;
use floe::pure::protocol::{Request, Response};
use std::collections::BTreeSet;
use std::time::Duration;

const REGISTRIES: [&str; 3] = ["r1", "r2", "r3"];
const SERVER: &str = "sleeper";

/// A grid on hosts of its own. Fields drop in order: the daemons end before their hosts.
struct Story {
    grid: Grid,
    network: Network,
    /// The process of the one server, which must outlive everything.
    server: u32,
}

/// What every registry of these stories is told beside its role.
const REGISTRY_SETTINGS: &str = "sight = \"off\"\n";

impl Story {
    /// Three registries and a node at work, r1 the master, with the application `common` on all of them.
    async fn begin() -> Option<Self> {
        let network = Network::lay(&["r1", "r2", "r3", "n1"])?;
        let mut grid = Grid::new(&REGISTRIES, &["n1"]);
        for name in ["r1", "r2", "r3", "n1"] {
            grid.put_into(name, &network.space(name), &network.address(name));
        }
        for name in REGISTRIES {
            grid.edit(name, |daemon| REGISTRY_SETTINGS.clone_into(&mut daemon.more));
        }
        grid.edit("n1", |daemon| daemon.locator = REGISTRIES.map(str::to_owned).to_vec());
        grid.start_all();
        grid.settled("r1", &["r2", "r3"], &["n1"]).await;
        let text = Text::new("common").shell("n1", SERVER, "exec sleep 1000", "activation = \"always\"\n");
        let applied = grid.apply(&["r1"], &text).await;
        assert_eq!(applied.copies, 3, "{applied:?}");
        let server = grid.active(&["r1"], &[SERVER]).await[SERVER];
        Some(Self { grid, network, server })
    }

    /// The operator's promotion by file: stop it, make it master, start it.
    async fn promote(&mut self, name: &str, flags: &[&str]) -> RegistryReport {
        self.grid.stop(name).await;
        self.grid
            .edit(name, |daemon: &mut Daemon| "master".clone_into(&mut daemon.role));
        self.grid.start_with(name, flags);
        self.stands(name, "leading").await
    }
    async fn stands(&self, name: &str, standing: &str) -> RegistryReport {
        let check = |report: &RegistryReport| report.standing == standing;
        self.grid.registry(name, &format!("is {standing}"), check).await
    }
    /// An update, to be taken by this registry itself.
    async fn write(&self, name: &str, application: &str) {
        self.grid
            .apply(&[name], &Text::new(application).idle("n1", application))
            .await;
    }
    /// This registry takes no update, and says so at once.
    async fn does_not_write(&self, name: &str) {
        let request = Request::Apply {
            application: Text::new("never").idle("n1", "never").parse(),
            if_revision: None,
            request: new_request(),
        };
        let answer = self.grid.call(&[name], request).await;
        assert!(answer.is_err(), "{name} took an update: {answer:?}");
    }
    async fn applications(&self, name: &str) -> BTreeSet<String> {
        match self.grid.call(&[name], Request::Applications).await {
            Ok(Response::Applications(rows)) => rows.into_iter().map(|row| row.name).collect(),
            other => panic!("{other:?}"),
        }
    }
    async fn holds(&self, name: &str, applications: &[&str]) {
        let wanted = applications.iter().map(ToString::to_string).collect();
        assert_eq!(self.applications(name).await, wanted, "at {name}");
    }
    /// Two registries have lost sight of each other.
    async fn lost(&self, name: &str, other: &str) {
        let what = format!("{name} misses {other}");
        self.grid
            .see(&what, &[name], Request::Peers, |response| match response {
                Response::Peers(rows) if rows.iter().any(|row| row.name == other && row.state != "alive") => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await;
    }
    /// A registry sees the node, and the node's server is the process that it always was.
    async fn serves_on(&self, registry: &str) {
        let server = self.server;
        self.grid
            .server(&[registry], SERVER, "runs on", |row| row.pid == Some(server))
            .await;
        assert!(super::process::runs(server), "the server was never restarted");
    }
}

#[tokio::test]
async fn two_masters_of_one_number_stop_each_other_until_the_operator_chooses() {
    let Some(mut story) = Story::begin().await else { return };
    story.grid.kill("r1").await;
    story.network.part(&["r2", "n1"], &["r3"]);
    story.lost("r2", "r3").await;
    story.lost("r3", "r2").await;
    let second = story.promote("r2", &[]).await;
    let third = story.promote("r3", &["--promote"]).await;
    assert_eq!(second.epoch, third.epoch, "each counted from the same");
    story.grid.settled("r2", &[], &["n1"]).await;
    story.write("r2", "at-r2").await;
    // Two, so that the versions differ.
    story.write("r3", "at-r3").await;
    story.write("r3", "at-r3-too").await;

    story.network.heal(&["r2", "n1"], &["r3"]);
    let kept = story.stands("r3", "contested").await;
    let second = story.stands("r2", "contested").await;
    for (name, report) in [("r2", &second), ("r3", &kept)] {
        assert!(report.reason.contains("floe registry promote"), "{report:?}");
        story.does_not_write(name).await;
        let shown = story.grid.floe_at(&[name], &["registry", "show"]).await.done().out;
        assert!(
            shown.contains("contested") && shown.contains("floe registry promote"),
            "{shown}"
        );
        let status = story.grid.floe_at(&[name], &["status"]).await.done().out;
        assert!(
            status.contains("contested") && status.contains("floe registry promote"),
            "{status}"
        );
        let obeyed = story
            .grid
            .status("n1 is there", &[name], |status| {
                let row = status.nodes.iter().find(|row| row.name == "n1").cloned();
                row.filter(|row| row.state == "up").ok_or(format!("{status:?}"))
            })
            .await;
        assert_eq!(
            (obeyed.obeys_epoch, &obeyed.applied),
            (second.epoch, &second.version),
            "n1 goes on with what it had of r2"
        );
        story.serves_on(name).await;
    }
    story.holds("r2", &["common", "at-r2"]).await;
    story.holds("r3", &["common", "at-r3", "at-r3-too"]).await;

    // Each has what the other lacks: the operator must say that this is known.
    story.grid.stop("r2").await;
    story.grid.start_with("r2", &["--promote"]);
    let refused = story.stands("r2", "outdated").await;
    assert!(
        refused.reason.contains("r3") && refused.reason.contains("--force"),
        "{refused:?}"
    );
    story.does_not_write("r3").await;
    let leads = story.promote("r2", &["--promote", "--force"]).await;
    assert!(leads.epoch > second.epoch, "{leads:?}");
    let left = story.stands("r3", "superseded").await;
    assert_eq!(
        (&left.version, &left.digest),
        (&kept.version, &kept.digest),
        "r3 keeps what it has"
    );
    assert!(
        left.reason.contains("DIVERGED") && left.reason.contains("r2"),
        "{left:?}"
    );
    story.does_not_write_itself("r3", "r2").await;
    // The first master comes back: its file calls it master, and it follows.
    story.grid.start("r1");
    story.grid.settled("r2", &["r1"], &["n1"]).await;
    story.holds("r1", &["common", "at-r2", "probe"]).await;
    story.holds("r3", &["common", "at-r3", "at-r3-too"]).await;
    story.serves_on("r2").await;
}

impl Story {
    /// An update sent to one that does not lead is passed on to the one that does, and taken there only.
    async fn does_not_write_itself(&self, name: &str, master: &str) {
        let before = self.stands(name, "superseded").await;
        let request = Request::Apply {
            application: Text::new("probe").idle("n1", "probe").parse(),
            if_revision: None,
            request: new_request(),
        };
        self.grid
            .see("the master takes it", &[master], request, |response| match response {
                Response::Applied(_) => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await;
        let after = self.stands(name, "superseded").await;
        assert_eq!((before.version, before.digest), (after.version, after.digest));
    }
}

#[tokio::test]
async fn a_master_cut_off_from_the_rest_follows_or_keeps_its_lone_update_aside() {
    let Some(mut story) = Story::begin().await else { return };
    // It wrote nothing alone: it follows.
    story.network.part(&["r1"], &["r2", "r3", "n1"]);
    story.lost("r2", "r1").await;
    story.promote("r2", &[]).await;
    story.grid.settled("r2", &["r3"], &["n1"]).await;
    story.write("r2", "second").await;
    story.network.heal(&["r1"], &["r2", "r3", "n1"]);
    story.grid.settled("r2", &["r1", "r3"], &["n1"]).await;
    story.holds("r1", &["common", "second"]).await;
    story.serves_on("r1").await;

    // It did: its update is kept, named, and in nobody's way.
    story.network.part(&["r2"], &["r1", "r3", "n1"]);
    story.lost("r1", "r2").await;
    story.write("r2", "lone").await;
    story.promote("r1", &["--promote"]).await;
    story.grid.settled("r1", &["r3"], &["n1"]).await;
    story.write("r1", "third").await;
    let alone = story.stands("r2", "leading").await;
    story.network.heal(&["r2"], &["r1", "r3", "n1"]);
    let left = story.stands("r2", "superseded").await;
    assert_eq!((&left.version, &left.digest), (&alone.version, &alone.digest));
    let reason = story
        .grid
        .registry("r2", "says who leads", |report| report.reason.contains("r1 reigns"));
    let reason = reason.await.reason;
    assert!(reason.contains("nothing was overwritten"), "{reason}");
    story.grid.settled("r1", &["r3"], &["n1"]).await;
    story.holds("r2", &["common", "second", "lone"]).await;
    for name in ["r1", "r3"] {
        story.holds(name, &["common", "second", "third"]).await;
        story.serves_on(name).await;
    }
}

#[tokio::test]
async fn wires_that_fail_one_way_or_flap_change_no_role_and_restart_no_server() {
    let Some(story) = Story::begin().await else { return };
    let before = story.stands("r1", "leading").await;
    // Neither end of a wire that fails one way keeps its connection; all else goes on.
    for (from, to) in [("r2", "r1"), ("r1", "n1")] {
        story.network.cut_one_way(from, to);
        if from == "r1" {
            until("r1 misses n1", async || {
                let rows = story.grid.call(&["r1"], Request::Peers).await;
                let rows = format!("{rows:?}");
                if rows.contains("unreachable") {
                    Ok(())
                } else {
                    Err(rows)
                }
            })
            .await;
        } else {
            story.lost(to, from).await;
        }
        story.write("r1", &format!("{from}-{to}")).await;
        story.network.mend_one_way(from, to);
        story.grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    }
    for _ in 0..5 {
        for name in ["r1", "n1"] {
            story.network.plug(name, false);
            tokio::time::sleep(Duration::from_millis(200)).await;
            story.network.plug(name, true);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    story.grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    let after = story.stands("r1", "leading").await;
    assert_eq!((before.epoch, "leading"), (after.epoch, after.standing.as_str()));
    for name in REGISTRIES {
        story.holds(name, &["common", "r2-r1", "r1-n1"]).await;
        story.serves_on(name).await;
    }
}

#[tokio::test]
async fn a_node_comes_back_through_any_one_entry_of_its_locator_list() {
    let Some(mut story) = Story::begin().await else { return };
    for entry in REGISTRIES {
        let others: Vec<&str> = REGISTRIES.into_iter().filter(|name| *name != entry).collect();
        // Once it runs and loses everybody, twice it starts with nothing but its list.
        if entry == "r3" {
            story.network.part(&["n1"], &REGISTRIES);
            for name in REGISTRIES {
                story.lost(name, "n1").await;
            }
            story.network.heal(&["n1"], &[entry]);
        } else {
            story.network.part(&["n1"], &others);
            story.grid.stop("n1").await;
            story.lost(entry, "n1").await;
            std::fs::remove_file(story.grid.data("n1").join("peers.cbor")).expect("peers are remembered");
            story.grid.start("n1");
        }
        let what = format!("n1 is back at {entry} alone");
        story
            .grid
            .status(&what, &[entry], |status| {
                let up = status.nodes.iter().any(|row| row.name == "n1" && row.state == "up");
                if up { Ok(()) } else { Err(format!("{status:?}")) }
            })
            .await;
        story.serves_on(entry).await;
        story.network.heal(&["n1"], &others);
        story.grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    }
}
