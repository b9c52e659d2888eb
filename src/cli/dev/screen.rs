//! What the operator of a development grid sees: what runs where, and what to try next.

use super::Say;
use super::grid::{DevError, Grid, NODES, REGISTRIES};
use crate::pure::protocol::report::ServerReport;

/// Shows the grid.
pub(super) async fn show(grid: &mut Grid, say: Say<'_>) -> Result<(), DevError> {
    let status = grid.settled().await?;
    let servers = grid.active(&["web-1", "web-2"]).await?;
    let web = grid.resolve("web", &REGISTRIES).await?;
    let master = status.master.as_ref().map_or("none", |master| master.name.as_str());
    say(&format!(
        "floe dev: grid \"{}\" is up, {master} leads. Files and logs: {}",
        status.grid,
        grid.folder().display()
    ));
    say("");
    for name in REGISTRIES.into_iter().chain(NODES) {
        let (Some(place), Some(pid)) = (grid.places.get(name), grid.pid(name)) else {
            continue;
        };
        let standing = status
            .registries
            .iter()
            .find(|row| row.name == name)
            .map_or("up", |row| row.standing.as_str());
        say(&format!(
            "  {name:<8} pid {pid:<8} {standing:<10} control {:<18} http://{}",
            place.control, place.http
        ));
    }
    for server in &servers {
        say(&format!("  {}", describe(server)));
    }
    say("");
    say("Try, in another terminal:");
    say("");
    let r = |name: &str| {
        grid.places
            .get(name)
            .map(|place| place.control.to_string())
            .unwrap_or_default()
    };
    let binary = std::env::current_exe().map_or_else(|_| "floe".to_owned(), |path| path.display().to_string());
    say(&format!("  export FLOE_PEERS={},{},{}", r("r1"), r("r2"), r("r3")));
    say(&format!("  alias floe={binary}"));
    say("  floe status                      # the whole grid in one page");
    say("  floe resolve web                 # where is the group \"web\"? asked twice, it takes turns");
    for endpoint in &web.endpoints {
        say(&format!("  curl {endpoint}"));
    }
    let file = grid.folder().join("shop.toml");
    say(&format!(
        "  floe app diff {}  # edit it first; then: floe app apply",
        file.display()
    ));
    if let Some(pid) = servers.first().and_then(|server| server.pid) {
        say(&format!(
            "  kill -9 {pid}                   # a server: its node starts it again"
        ));
    }
    let metrics = grid
        .places
        .get("r1")
        .map(|place| place.http.to_string())
        .unwrap_or_default();
    say(&format!("  curl http://{metrics}/metrics"));
    say("");
    say("When the master is gone:");
    say("");
    if let Some(r1) = grid.pid("r1") {
        say(&format!(
            "  kill -9 {r1}; floe status       # reads go on, updates are refused"
        ));
        let config = grid.folder().join("r1.toml");
        say("  floe registry promote r2         # asks who holds what, then r2 leads in the next epoch");
        say("  floe status                      # everything is attached to it");
        say(&format!("  floe registry run --config {} &", config.display()));
        say("  floe registry show r1            # the old master is back, and follows");
    }
    say("");
    say("Or let `floe dev --story` play it. Ctrl-C ends the grid and everything in it.");
    Ok(())
}

fn describe(server: &ServerReport) -> String {
    let pid = server.pid.map(|pid| pid.to_string()).unwrap_or_default();
    let endpoints: Vec<&str> = server.endpoints.values().map(String::as_str).collect();
    format!(
        "{:<8} pid {pid:<8} {:<10} on {:<15} {}",
        server.id,
        server.state,
        server.node,
        endpoints.join(" ")
    )
}
