//! What an operator meets around nodes, one story a test.

use super::peer::Start;
use super::scenarios::{MASTER, PROMOTED, REPLICA, code, found, settled, tell, updated};
use super::workload;
use super::world::{Checked, Setup, World};
use floe::pure::base::{RequestId, RunId, ServerId};
use floe::pure::membership::Standing;
use floe::pure::protocol::request::{ErrorCode, Verb};
use floe::pure::protocol::{Request, Response};
use floe::pure::supervisor::Exit;

fn with_nodes(registries: usize, min_copies: u64, nodes: usize) -> Setup {
    Setup {
        nodes,
        ..Setup::new(registries, min_copies)
    }
}
/// r1 leads, everybody else follows, and nodes run nothing yet.
fn founded(world: &mut World) -> Checked {
    found(world)?;
    for index in world.nodes() {
        world.start_node(index)?;
    }
    has_latest(world, 0)
}
/// Every node has what this master has.
fn has_latest(world: &mut World, master: usize) -> Checked {
    world.until(5_000, "every node has the master's slice", |world| {
        let end = world.core(master).database().end();
        world.nodes().all(|index| {
            let node = world.node(index);
            node.applied() == Some(end) && Some(node.obeys()) == world.core(master).reign()
        })
    })
}
/// Deploys an application with one server that runs always on each node, and says what came of it.
fn deployed(world: &mut World, index: usize, name: &str, request: u128) -> Result<Response, String> {
    let nodes: Vec<_> = world
        .nodes()
        .map(|index| world.peers[index].card.name.clone())
        .collect();
    let to = world.deploy(index, workload::everywhere(name, &nodes), RequestId::from_bits(request))?;
    world.until(5_000, "the update is answered", |world| world.response(to).is_some())?;
    Ok(world.response(to).cloned().expect("it was answered"))
}
fn run_of(world: &World, index: usize, server: &str) -> Option<RunId> {
    let process = world.peers[index].host.processes.get(server)?;
    Some(process.run)
}
fn runs(world: &mut World, index: usize, server: &str) -> Result<RunId, String> {
    world.until(40_000, &format!("{server} runs"), |world| {
        run_of(world, index, server).is_some()
    })?;
    Ok(run_of(world, index, server).expect("it runs"))
}

#[test]
fn servers_outlive_their_node_and_all_registries() {
    tell(with_nodes(3, 1, 1), |world| {
        founded(world)?;
        deployed(world, 0, "shop", 1)?;
        let run = runs(world, 3, "shop-n1")?;
        for index in world.registries() {
            world.crash(index);
        }
        world.run(10_000)?;
        world.crash(3);
        world.run(10_000)?;
        world.start_node(3)?;
        world.run(1_000)?;
        assert_eq!(run_of(world, 3, "shop-n1"), Some(run), "it was adopted");
        // A crash of the server is mended without anybody, and so is one while the node is away.
        let server: ServerId = "shop-n1".parse().expect("a valid id");
        world.exit(3, server.clone(), run, Exit::Signal(9));
        let second = runs(world, 3, "shop-n1")?;
        assert_ne!(run, second);
        world.crash(3);
        world.exit(3, server, second, Exit::Signal(9));
        world.start_node(3)?;
        let third = runs(world, 3, "shop-n1")?;
        assert_ne!(second, third);
        Ok(())
    });
}

#[test]
fn a_deposed_master_commands_no_node_and_hears_it_from_the_node() {
    tell(with_nodes(3, 1, 1), |world| {
        founded(world)?;
        deployed(world, 0, "shop", 1)?;
        has_latest(world, 0)?;
        // r1 and the node see each other; the other registries see the node only.
        world.part(0, 1, 60_000);
        world.part(0, 2, 60_000);
        world.crash(1);
        world.start(1, PROMOTED)?;
        world.until(10_000, "r2 leads", |world| world.standing(1) == Standing::Leading)?;
        has_latest(world, 1)?;
        world.until(1_000, "r1 stops", |world| world.standing(0) != Standing::Leading)?;
        assert_eq!(code(&updated(world, 0, "shop", 2)?), ErrorCode::NotMaster);
        // Its word counts for nothing with the node either, also after the node's restart.
        world.crash(3);
        world.start_node(3)?;
        world.run(1_000)?;
        assert_eq!(world.node(3).obeys(), world.core(1).promise());
        world.heal();
        settled(world, 1)
    });
}

#[test]
fn a_server_that_a_new_master_never_heard_of_is_kept() {
    tell(with_nodes(2, 1, 1), |world| {
        founded(world)?;
        world.crash(1);
        world.run(3_000)?;
        deployed(world, 0, "shop", 1)?;
        let run = runs(world, 2, "shop-n1")?;
        // What r1 alone knew is lost with it.
        world.crash(0);
        world.start(
            1,
            Start {
                accept_loss: true,
                ..PROMOTED
            },
        )?;
        world.until(10_000, "r2 leads", |world| world.standing(1) == Standing::Leading)?;
        has_latest(world, 1)?;
        let reports = world.node(2).reports();
        assert!(
            reports[0].reason.contains("neither lists nor removes it"),
            "{reports:?}"
        );
        world.crash(2);
        world.start_node(2)?;
        world.run(5_000)?;
        assert_eq!(run_of(world, 2, "shop-n1"), Some(run));
        // Deployed and removed by the new master, it goes, and its directory with it.
        deployed(world, 1, "shop", 2)?;
        let to = world.remove(1, "shop", RequestId::from_bits(3))?;
        world.until(10_000, "it is gone", |world| {
            world.response(to).is_some() && world.peers[2].host.folders.is_empty()
        })?;
        assert_eq!(run_of(world, 2, "shop-n1"), None);
        Ok(())
    });
}

#[test]
fn nodes_hear_of_an_update_when_enough_copies_have_it() {
    tell(with_nodes(2, 2, 1), |world| {
        founded(world)?;
        world.part(0, 1, 60_000);
        let answer = deployed(world, 0, "shop", 1)?;
        assert!(
            matches!(code(&answer), ErrorCode::Precondition | ErrorCode::InDoubt),
            "{answer:?}"
        );
        world.run(10_000)?;
        assert_eq!(world.peers[2].disk.slice.servers.len(), 0);
        world.heal();
        settled(world, 0)?;
        deployed(world, 0, "shop", 1)?;
        runs(world, 2, "shop-n1")?;
        Ok(())
    });
}

#[test]
fn a_stop_outlives_the_node_and_the_master() {
    tell(with_nodes(2, 1, 1), |world| {
        founded(world)?;
        deployed(world, 0, "shop", 1)?;
        runs(world, 2, "shop-n1")?;
        let server: ServerId = "shop-n1".parse().expect("a valid id");
        let verb = Verb::Stop;
        // A replica passes it on as well, once it is linked to the node.
        world.until(10_000, "r2 sees the node", |world| {
            let view = world.core(1).view();
            view.peers.get("n1").is_some_and(|node| node.linked)
        })?;
        let to = world.ask(1, None, Request::Command { server, verb })?;
        world.until(10_000, "it is stopped", |world| world.response(to).is_some())?;
        let Some(Response::Commanded(report)) = world.response(to) else {
            panic!("not carried out: {:?}", world.response(to));
        };
        assert_eq!(report.state.as_str(), "inactive");
        world.crash(2);
        world.crash(0);
        world.start(0, MASTER)?;
        world.start_node(2)?;
        world.crash(1);
        world.start(1, REPLICA)?;
        settled(world, 0)?;
        has_latest(world, 0)?;
        world.run(5_000)?;
        assert_eq!(run_of(world, 2, "shop-n1"), None);
        Ok(())
    });
}
