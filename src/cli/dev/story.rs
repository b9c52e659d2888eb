//! The story that floe exists for: a grid at work, its master killed, a replica promoted by its configuration, everything
//! attached again, the old master back as a follower. Each step is timed and must hold.

use super::Say;
use super::grid::{DevError, Grid, NODES, REGISTRIES, settled};
use crate::pure::protocol::report::{RegistryReport, ServerReport};
use crate::pure::protocol::request::ErrorCode;
use crate::pure::protocol::{Request, Response};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Says each step with the time that it took.
struct Teller<'a> {
    say: Say<'a>,
    step: usize,
    since: Instant,
}

impl Teller<'_> {
    fn told(&mut self, what: &str) {
        self.step += 1;
        let took = self.since.elapsed();
        (self.say)(&format!(
            "{:>2}. {:>7.0} ms  {what}",
            self.step,
            took.as_secs_f64() * 1000.0
        ));
        self.since = Instant::now();
    }
}

pub(super) async fn play(grid: &mut Grid, say: Say<'_>) -> Result<(), DevError> {
    let mut teller = Teller {
        say,
        step: 0,
        since: Instant::now(),
    };
    let before = at_work(grid, &mut teller).await?;
    without_master(grid, &mut teller).await?;
    promoted(grid, &mut teller, &before).await?;
    old_master_returns(grid, &mut teller, &before).await?;
    (teller.say)("the story held: nothing acknowledged was lost, no server was restarted");
    Ok(())
}

/// Starts the grid and deploys; gives the servers with their processes.
async fn at_work(grid: &mut Grid, teller: &mut Teller<'_>) -> Result<BTreeMap<String, Option<u32>>, DevError> {
    grid.start_all()?;
    let status = grid.settled().await?;
    let epoch = status.master.as_ref().map_or(0, |master| master.epoch);
    teller.told(&format!(
        "3 registries and 2 nodes are up; r1 leads epoch {epoch}, the nodes found it through r2 and r3"
    ));
    let applied = grid.deploy().await?;
    if applied.copies != 3 {
        return Err(grid.broken(format!("the update is on {} disks instead of 3", applied.copies)));
    }
    let servers = grid.active(&["web-1", "web-2"]).await?;
    teller.told(&format!(
        "application shop is deployed as {} on {} disks, its 2 web servers are active",
        applied.version, applied.copies
    ));
    answer(grid, &servers).await?;
    let first = grid.resolve("web", &["r3"]).await?.endpoints;
    let second = grid.resolve("web", &["r3"]).await?.endpoints;
    if first == second {
        return Err(grid.broken(format!("round-robin gave {first:?} twice")));
    }
    teller.told("both answer over HTTP; the group resolves in turn through r3");
    Ok(pids(&servers))
}

/// Kills the master: reads go on, updates are refused with a reason.
async fn without_master(grid: &mut Grid, teller: &mut Teller<'_>) -> Result<(), DevError> {
    grid.signal("r1", Signal::KILL).await?;
    teller.told("r1 is killed (SIGKILL)");
    grid.see(
        "r2 and r3 see that no master leads",
        &["r2", "r3"],
        Request::Status,
        |response| match response {
            Response::Status(status) if status.master.is_none() => Ok(()),
            Response::Status(status) => Err(format!("{:?} leads", status.master)),
            _ => Err("no status".to_owned()),
        },
    )
    .await?;
    teller.told("r2 and r3 know it");
    let endpoints = grid.resolve("web", &["r2"]).await?.endpoints;
    let name = "shop".parse().map_err(|error| grid.broken(format!("{error}")))?;
    let remove = Request::Remove {
        name,
        request: crate::pure::base::RequestId::from_bits(1),
    };
    let refusal = grid.client(&["r2"]).call(remove).await;
    match refusal {
        Err(crate::client::Error::Failed(failure)) if failure.code == ErrorCode::NotMaster => {
            teller.told(&format!(
                "{} still resolves; an update is refused: {failure}",
                endpoints.join(" ")
            ));
            Ok(())
        }
        other => Err(grid.broken(format!("an update without a master gave {other:?}"))),
    }
}

/// The operator's promotion: stop a replica, make it master in its file, start it.
async fn promoted(
    grid: &mut Grid,
    teller: &mut Teller<'_>,
    before: &BTreeMap<String, Option<u32>>,
) -> Result<(), DevError> {
    grid.signal("r2", Signal::TERM).await?;
    grid.write_config("r2", "master")?;
    teller.told("r2 is stopped, its file says role = \"master\"");
    grid.start("r2")?;
    let applied = grid.apply("extra", 1).await?;
    teller.told(&format!(
        "r2 is started, leads, and has accepted an update as {} on {} disks",
        applied.version, applied.copies
    ));
    let status = grid
        .see(
            "r3 follows r2 and both nodes obey it",
            &["r2"],
            Request::Status,
            |response| {
                let Response::Status(mut status) = response else {
                    return Err("no status".to_owned());
                };
                // r1 is still dead; all the others must be attached.
                status.registries.retain(|row| row.name != "r1");
                let r3 = status.registries.iter().find(|row| row.name == "r3");
                if r3.is_none_or(|row| row.standing != "following" || row.behind > 0) {
                    return Err(format!("r3 is {r3:?}"));
                }
                let master = status
                    .master
                    .clone()
                    .filter(|master| master.name == "r2")
                    .ok_or("r2 does not lead")?;
                let lagging = status
                    .nodes
                    .iter()
                    .find(|node| node.state != "up" || node.obeys_epoch != master.epoch);
                lagging.map_or(Ok(master), |node| {
                    Err(format!(
                        "node {} is {} and obeys {}",
                        node.name, node.state, node.obeys_epoch
                    ))
                })
            },
        )
        .await?;
    teller.told(&format!(
        "r3 and both nodes are attached to r2 in epoch {}",
        status.epoch
    ));
    let servers = grid.active(&["web-1", "web-2", "extra-web-1"]).await?;
    unchanged(grid, before, &pids(&servers))?;
    answer(grid, &servers).await?;
    teller.told("no server was restarted (same processes), the new one runs too, all answer");
    Ok(())
}

/// The old master comes back unchanged: it follows, at the same version and digest.
async fn old_master_returns(
    grid: &mut Grid,
    teller: &mut Teller<'_>,
    before: &BTreeMap<String, Option<u32>>,
) -> Result<(), DevError> {
    grid.start("r1")?;
    let leads = grid.registry("r2", |_| Ok(())).await?;
    let same = |report: &RegistryReport| {
        let equal = report.standing == "following" && report.version == leads.version && report.digest == leads.digest;
        if equal {
            Ok(())
        } else {
            Err(format!(
                "r1 is {} at {}, r2 at {}: {}",
                report.standing, report.version, leads.version, report.reason
            ))
        }
    };
    let follows = grid.registry("r1", same).await?;
    teller.told(&format!(
        "r1 is started unchanged and follows r2 at {}, digest {}",
        follows.version,
        follows.digest.chars().take(16).collect::<String>()
    ));
    let all = grid.see("everything is attached", &REGISTRIES, Request::Status, |response| {
        let Response::Status(status) = response else {
            return Err("no status".to_owned());
        };
        settled(&status).map(|()| *status)
    });
    let status = all.await?;
    if status.nodes.len() != NODES.len() {
        return Err(grid.broken(format!("{} nodes are known", status.nodes.len())));
    }
    let servers = grid.active(&["web-1", "web-2", "extra-web-1"]).await?;
    unchanged(grid, before, &pids(&servers))?;
    teller.told("3 registries, 2 nodes and 3 servers are up, as if nothing had happened");
    Ok(())
}

fn pids(servers: &[ServerReport]) -> BTreeMap<String, Option<u32>> {
    servers
        .iter()
        .map(|server| (server.id.to_string(), server.pid))
        .collect()
}

fn unchanged(
    grid: &mut Grid,
    before: &BTreeMap<String, Option<u32>>,
    now: &BTreeMap<String, Option<u32>>,
) -> Result<(), DevError> {
    for (id, pid) in before {
        if pid.is_none() || now.get(id) != Some(pid) {
            return Err(grid.broken(format!(
                "server {id} ran as process {pid:?} and now as {:?}",
                now.get(id)
            )));
        }
    }
    Ok(())
}

/// Every server says its own name over HTTP.
async fn answer(grid: &mut Grid, servers: &[ServerReport]) -> Result<(), DevError> {
    for server in servers {
        for endpoint in server.endpoints.values() {
            let text = get(endpoint).await.unwrap_or_else(|error| error.to_string());
            if !text.contains(&format!("hello from {}", server.id)) {
                return Err(grid.broken(format!("{} at {endpoint} says {text:?}", server.id)));
            }
        }
    }
    Ok(())
}

/// What an HTTP endpoint answers, whole; enough for our own sample server.
async fn get(endpoint: &str) -> std::io::Result<String> {
    let address = endpoint.trim_start_matches("http://");
    let fetch = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
            .await?;
        let mut text = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut text).await?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    tokio::time::timeout(Duration::from_secs(5), fetch).await?
}
