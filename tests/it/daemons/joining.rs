//! The grid is found through any one peer, of whatever kind.

use super::application::Text;
use super::grid::Grid;
use floe::pure::protocol::{Request, Response};

#[tokio::test]
async fn peers_join_through_any_one_peer() {
    let mut grid = Grid::new(&["r1", "r2", "r3", "r4"], &["n1", "n2"]);
    let lists = [
        ("r1", &[][..]),
        ("r2", &["r1"]),
        ("r3", &["r2"]),
        ("r4", &["n1"]),
        ("n1", &["n2"]),
        ("n2", &["r3"]),
    ];
    for (name, list) in lists {
        grid.edit(name, |daemon| {
            daemon.locator = list.iter().map(ToString::to_string).collect();
        });
    }
    grid.start_all();
    grid.settled("r1", &["r2", "r3", "r4"], &["n1", "n2"]).await;
    for (name, _) in lists {
        grid.see(
            &format!("{name} knows everybody"),
            &[name],
            Request::Peers,
            |response| match response {
                Response::Peers(rows) if rows.len() == 6 && rows.iter().all(|row| row.state == "alive") => Ok(()),
                other => Err(format!("{other:?}")),
            },
        )
        .await;
    }
    // A client, too: through a node it finds a registry, through a replica the master.
    let applied = grid
        .apply(&["n2"], &Text::new("one").web("n1", "web-1", "always"))
        .await;
    assert_eq!(applied.copies, 4, "{applied:?}");
    grid.active(&["n1"], &["web-1"]).await;
    grid.answer(&["n2"], &["web-1"]).await;
}

#[tokio::test]
async fn a_peer_that_comes_back_needs_no_locator_that_answers() {
    let mut grid = Grid::new(&["r1", "r2", "r3"], &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    let remembers = |name: &str| {
        let file = std::fs::read(grid.data(name).join("peers.cbor")).unwrap_or_default();
        file.windows(2).any(|two| two == b"r1")
    };
    super::grid::until("everybody is remembered", async || {
        if ["r3", "n1"].into_iter().all(remembers) {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    for name in ["r3", "n1", "r2"] {
        grid.stop(name).await;
    }
    // Nobody in these lists runs any more; r1 is found by memory.
    for name in ["r3", "n1"] {
        grid.edit(name, |daemon| daemon.locator = vec!["r2".to_owned()]);
        grid.start(name);
    }
    grid.settled("r1", &["r3"], &["n1"]).await;
}
