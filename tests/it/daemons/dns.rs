//! DNS as its clients see it: `dig` against real registries.

use super::activation::small_grid;
use super::application::Text;
use super::grid::{Grid, until};
use super::ports::Port;
use floe::pure::protocol::report::ServerState;
use std::process::Command;

/// What dig prints, or `None`, with a word about it, where it is not installed and need not be.
#[expect(clippy::print_stdout, reason = "a skipped check says so")]
fn dig(port: &Port, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("dig");
    command
        .arg(format!("@{}", port.address.host()))
        .args(["-p", &port.address.port().to_string()]);
    match command.args(["+tries=1", "+timeout=5"]).args(arguments).output() {
        Ok(said) => Some(String::from_utf8_lossy(&said.stdout).into_owned()),
        Err(error) => {
            let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!must, "run dig: {error}; install the Debian package bind9-dnsutils");
            println!("skipped: dig: {error}");
            None
        }
    }
}

#[tokio::test]
async fn dig_finds_a_deployed_server_through_a_replica() {
    let port = Port::find();
    let mut grid = Grid::new(&["r1", "r2"], &["n1"]);
    let section = format!("[dns]\nlisten = \"{}\"\n", port.address);
    grid.edit("r2", |daemon| daemon.more.push_str(&section));
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1"]).await;
    let text = Text::new("one")
        .web_in("n1", "web-1", "always", Some("web"))
        .web_in("n1", "web-2", "on-demand", Some("web"))
        .web("n1", "idle", "on-demand")
        .more("\n[[group]]\nid = \"web\"\n");
    grid.apply(&["r1"], &text).await;
    grid.active(&["r1"], &["web-1"]).await;
    let endpoint = grid.resolve(&["r2"], "web-1.http").await.endpoints.remove(0);
    let tcp_port = endpoint.rsplit(':').next().expect("a port").to_owned();
    let zone = format!("{}.floe", "test");
    if dig(&port, &["+short", "-t", "SOA", &zone]).is_none() {
        return;
    }
    let ask = |kind: &str, name: &str, more: &[&str]| {
        let name = format!("{name}.{zone}");
        let arguments = [&["-t", kind, name.as_str()][..], more].concat();
        dig(&port, &arguments).expect("dig is installed")
    };
    let srv = format!("0 0 {tcp_port} ip-127-0-0-1.{zone}.\n");
    for more in [&["+short"][..], &["+short", "+tcp"]] {
        for name in ["web-1.http", "web", "_http._tcp.web"] {
            let said = until("the record is there", async || match ask("SRV", name, more) {
                said if said.is_empty() => Err(said),
                said => Ok(said),
            })
            .await;
            assert_eq!(said, srv, "{name} {more:?}");
        }
        assert_eq!(ask("A", "web", more), "127.0.0.1\n");
    }
    let additional = ask("SRV", "web", &[]);
    assert!(
        additional.contains(&format!("ip-127-0-0-1.{zone}.\t1\tIN\tA\t127.0.0.1")),
        "{additional}"
    );
    assert!(additional.contains("flags: qr aa rd;"), "{additional}");
    // What does not run has no record, and a question starts nothing.
    let idle = ask("SRV", "idle.http", &[]);
    assert!(idle.contains("status: NOERROR") && idle.contains("ANSWER: 0"), "{idle}");
    grid.server(&["r1"], "idle", "does not run", |server| {
        server.state == ServerState::Inactive
    })
    .await;
    assert!(ask("A", "nobody", &[]).contains("status: NXDOMAIN"));
    assert!(dig(&port, &["example.com"]).is_some_and(|said| said.contains("status: REFUSED")));
    // What comes and goes is told at once.
    grid.floe_at(&["r1"], &["server", "stop", "web-1"]).await.done();
    until("the record is gone", async || match ask("SRV", "web", &["+short"]) {
        said if said.is_empty() => Ok(()),
        said => Err(said),
    })
    .await;
}

#[tokio::test]
async fn a_node_with_dns_says_who_answers() {
    let mut grid = small_grid(&Text::new("one").idle("n1", "s1")).await;
    grid.stop("n1").await;
    grid.edit("n1", |daemon| daemon.more.push_str("[dns]\nlisten = \"127.0.0.1:0\"\n"));
    let said = grid.refused("n1", &[]).await;
    assert!(
        said.code == Some(78) && said.err.contains("a node answers no DNS"),
        "{said:?}"
    );
}
