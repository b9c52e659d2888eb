//! How long a decision takes: built in, and by a plugin in a process and in a thread, among 10 to 1000 candidates.
//! `cargo bench --bench allocators`.
//!
//! The questions go the way of the registry's loop, from what is deployed to the checked answer. Rounds alternate, each figure
//! is the best median of five rounds, and ratios say more than numbers. Nothing here is asserted.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench starts processes, reads clocks and prints figures"
)]

use floe::io::config::{Allocation, Isolation, Plugin};
use floe::io::plugin_host::host::Host;
use floe::io::telemetry::metrics::Metrics;
use floe::pure::allocation::{
    Activity, Allocations, Allocator, Asking, Load, Market, Offer, Outcome, Purpose, Random, Session, Wish,
};
use floe::pure::base::{ObjectId, PeerName, Secret, WallTime};
use floe::pure::membership::PeerKind;
use floe::pure::model::AllocatableRecord;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const QUESTIONS: u64 = 2000;

/// Resources on seven nodes in three zones.
#[derive(Debug)]
struct Hall {
    records: BTreeMap<ObjectId, (AllocatableRecord, PeerName)>,
}

impl Hall {
    fn new(count: usize) -> Self {
        let one = |number: usize| {
            let id: ObjectId = format!("gpu-{number:04}").parse().expect("an id");
            let zone = ["a", "b", "c"][number % 3].to_owned();
            let record = AllocatableRecord {
                id: id.clone(),
                kind: "gpu".to_owned(),
                attributes: BTreeMap::from([("zone".to_owned(), zone), ("memory".to_owned(), "80GiB".to_owned())]),
                server: format!("server-{number}").parse().expect("an id"),
                home: None,
            };
            let node = format!("n{}", number % 7).parse().expect("a name");
            (id, (record, node))
        };
        Self {
            records: (0..count).map(one).collect(),
        }
    }
}

impl Market for Hall {
    fn offer(&self, id: &ObjectId) -> Option<Offer<'_>> {
        let (record, node) = self.records.get(id)?;
        Some(Offer {
            record,
            node,
            exclusive: false,
            out: None,
            activity: Activity::Active,
            load: Some(Load {
                averages: [0.5, 0.4, 0.3],
                age: Duration::from_secs(3),
            }),
            node_zone: None,
        })
    }
    fn offers(&self, _: &str) -> Vec<Offer<'_>> {
        self.records.keys().filter_map(|id| self.offer(id)).collect()
    }
}

/// The registry's binary, and a plugin's library, as they were built with this bench.
fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this bench is a file");
    own.with_file_name(name)
}

fn host(name: &str, isolation: Isolation, data: &Path, metrics: &Metrics) -> Host {
    let plugin = Plugin {
        digest: None,
        file: built(&format!("libfloe_{}.so", name.replace('-', "_"))),
        isolation,
        config: serde_json::Map::new(),
    };
    let settings = Allocation {
        policy: name.to_owned(),
        deadline: Duration::from_secs(1),
        plugins: BTreeMap::from([(name.to_owned(), plugin)]),
        ..Allocation::default()
    };
    let program = Path::new(env!("CARGO_BIN_EXE_floe"));
    let host = Host::start(
        settings,
        program,
        data,
        metrics.allocator.clone(),
        Box::new(|| Err("a bench reads no file".to_owned())),
    );
    let end = Instant::now() + Duration::from_secs(20);
    while host.plugins().first().is_none_or(|row| row.state != "active") {
        assert!(Instant::now() < end, "{:?}", host.plugins());
        std::thread::sleep(Duration::from_millis(5));
    }
    host
}

/// The median of so many decisions.
fn median(hall: &Hall, allocator: &dyn Allocator) -> Duration {
    let (allocations, wish) = (
        Allocations::default(),
        Wish::Type {
            kind: "gpu".to_owned(),
            attributes: BTreeMap::new(),
        },
    );
    let secret = Secret::from_bits(1);
    let session = Session::new(
        secret,
        String::new(),
        Duration::from_secs(10),
        "a@b".to_owned(),
        WallTime(0),
    );
    let mut times: Vec<Duration> = (0..QUESTIONS)
        .map(|seed| {
            let asking = Asking {
                purpose: Purpose::Allocate,
                session: &session,
                wish: &wish,
                wait: None,
                seed,
                now: floe::io::clock::now(),
            };
            let begun = Instant::now();
            let decided = allocations.decide(&asking, hall, allocator);
            let took = begun.elapsed();
            assert!(matches!(decided.outcome, Outcome::Grant { .. }), "{decided:?}");
            took
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let metrics = Metrics::new(PeerKind::Registry);
    let hosts = [
        (
            "least-loaded in a process",
            host("least-loaded", Isolation::Process, data.path(), &metrics),
        ),
        (
            "least-loaded in a thread",
            host("least-loaded", Isolation::Thread, data.path(), &metrics),
        ),
        (
            "spread in a process",
            host("spread", Isolation::Process, data.path(), &metrics),
        ),
    ];
    for count in [10, 100, 1000] {
        let hall = Hall::new(count);
        let mut best: BTreeMap<&str, Duration> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let built_in: [(&str, &dyn Allocator); 1] = [("built in (random)", &Random)];
            let plugins = hosts.iter().map(|(name, host)| (*name, host as &dyn Allocator));
            for (name, allocator) in built_in.into_iter().chain(plugins) {
                let took = median(&hall, allocator);
                best.entry(name)
                    .and_modify(|best| *best = took.min(*best))
                    .or_insert(took);
            }
        }
        let base = best["built in (random)"];
        for (name, took) in best {
            println!(
                "{count:5} candidates  {name:28} {took:10.1?}  {:5.1}x",
                took.as_secs_f64() / base.as_secs_f64()
            );
        }
    }
}
