//! `floe exec-plugin-exam`, a process of our own binary that loads one plugin and asks it everything. It may be lost: whoever
//! started it reads how far it came.

use super::load::Loaded;
use super::questions::{candidates, leases, odd_candidates, queue, request};
use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::{CandidateSpec, EventSpec, Fault, Harness, LeaseSpec, RequestSpec, check_keys};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The hidden verb. Its standard input is a socket: an order comes in, a line goes out for each thing that is tried.
pub const VERB: &str = "exec-plugin-exam";
/// An answer is due within this time (plugins/README.md).
const DEADLINE: Duration = Duration::from_millis(10);
/// How often an instance is made and ended.
const LIVES: u32 = 1000;

/// What to examine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The private copy.
    pub(super) library: PathBuf,
    /// Its configuration, JSON.
    pub(super) config: String,
}

/// How far it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Line {
    /// This is tried now.
    Begun(String),
    /// It went well; what was seen.
    Passed(String),
    /// It did not; why.
    Failed(String),
    /// All was tried.
    Over,
}

/// Runs the verb.
pub fn run() -> ExitCode {
    let outcome = listen().and_then(|(order, mut out)| {
        Exam { out: &mut out }.all(&order)?;
        say(&mut out, &Line::Over)
    });
    outcome.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// The way back, out of the plugin's way, and what is to be done.
fn listen() -> std::io::Result<(Order, UnixStream)> {
    // A crash is a result here and leaves no file.
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    let stream = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3)?);
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    Ok((serde_json::from_str(&line)?, stream))
}

fn say(out: &mut UnixStream, line: &Line) -> std::io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    out.write_all(text.as_bytes())
}

struct Exam<'a> {
    out: &'a mut UnixStream,
}

impl Exam<'_> {
    fn all(&mut self, order: &Order) -> std::io::Result<()> {
        let Some(loaded) = self.step("load it, all names bound", || {
            let loaded = Loaded::open(&order.library)?;
            Ok((String::new(), loaded))
        })?
        else {
            return Ok(());
        };
        let config = order.config.as_str();
        let Some(mut twins) = self.step("make two instances with the configuration", || {
            let twins = [made(&loaded, config)?, made(&loaded, config)?];
            Ok((String::new(), twins))
        })?
        else {
            return Ok(());
        };
        self.step("refuse configurations that are none", || {
            Ok((bad_configurations(&loaded)?, ()))
        })?;
        self.step("choose among 0 to 1000 candidates, twice the same", || {
            Ok((decisions(&mut twins)?, ()))
        })?;
        self.step("stand odd values", || Ok((odd_values(&mut twins)?, ())))?;
        self.step("order those who wait", || Ok((orders(&mut twins)?, ())))?;
        self.step("learn from events, also twice and out of order", || {
            Ok((events(&mut twins)?, ()))
        })?;
        self.step("be made and ended 1000 times", || Ok((lives(&loaded, config)?, ())))?;
        self.step("answer in time", || Ok((speed(&mut twins)?, ())))?;
        self.step("end", || {
            drop(twins);
            Ok((String::new(), ()))
        })?;
        Ok(())
    }

    /// Said before it is tried, so that whoever reads knows what a crash came from.
    fn step<T>(
        &mut self,
        name: &str,
        try_it: impl FnOnce() -> Result<(String, T), String>,
    ) -> std::io::Result<Option<T>> {
        say(self.out, &Line::Begun(name.to_owned()))?;
        match try_it() {
            Ok((seen, value)) => say(self.out, &Line::Passed(seen)).map(|()| Some(value)),
            Err(why) => say(self.out, &Line::Failed(why)).map(|()| None),
        }
    }
}

fn made(loaded: &Loaded, config: &str) -> Result<Harness, String> {
    loaded.create(config).map_err(|fault| format!("create: {fault}"))
}

/// What is no JSON may be refused or not looked at; it must not end the process, and a refusal says why.
fn bad_configurations(loaded: &Loaded) -> Result<String, String> {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(abi::CONFIG_BYTES_MAX as usize - 8));
    let mut refused = 0;
    for config in ["", "{", "[]", "null", "{\"no-such-key-of-yours\":1}", long.as_str()] {
        match loaded.create(config) {
            Ok(_) => {}
            Err(Fault::Reported { code, text }) if code == abi::CONFIG && !text.is_empty() => refused += 1,
            Err(fault) => {
                let shown: String = config.chars().take(30).collect();
                return Err(format!(
                    "configuration {shown:?} came to {fault}; wanted: CONFIG with a sentence, or an instance"
                ));
            }
        }
    }
    Ok(format!("{refused} of 6 refused with a sentence"))
}

/// Both instances, asked the same.
fn both(twins: &mut [Harness; 2], request: &RequestSpec, candidates: &[CandidateSpec]) -> Result<i32, String> {
    let [one, other] = twins;
    let of = |text: String| format!("{} candidates, seed {}: {text}", candidates.len(), request.seed);
    let decided = one.decide(request, candidates).map_err(|fault| of(fault.to_string()))?;
    let again = other
        .decide(request, candidates)
        .map_err(|fault| of(fault.to_string()))?;
    if decided != again {
        let message = format!(
            "chose {:?}, and a second instance {:?}: the same question wants the same answer",
            decided.chosen, again.chosen
        );
        return Err(of(message));
    }
    if candidates.is_empty() && !decided.chosen.is_empty() {
        return Err(of("chose although there is nothing".to_owned()));
    }
    Ok(decided.answer.code)
}

fn decisions(twins: &mut [Harness; 2]) -> Result<String, String> {
    let mut asked = 0;
    for count in [0, 1, 2, 10, 100, 1000] {
        let candidates = candidates(count);
        for (seed, want) in [(1, 1), (2, 1), (3, 3), (4, 2000)] {
            both(twins, &request(seed, want), &candidates)?;
            asked += 1;
        }
    }
    Ok(format!("{asked} questions"))
}

fn odd_values(twins: &mut [Harness; 2]) -> Result<String, String> {
    let odd = odd_candidates();
    both(twins, &request(5, 2), &odd)?;
    for one in odd.chunks(1) {
        both(twins, &request(6, 1), one)?;
    }
    let strange = RequestSpec {
        op: 99,
        priority: i32::MIN,
        now_ms: 0,
        wait_ms: i64::MIN,
        session: 0,
        ..request(7, u32::from(u16::MAX))
    };
    both(twins, &strange, &candidates(10))?;
    Ok(format!("{} questions", odd.len() + 2))
}

fn orders(twins: &mut [Harness; 2]) -> Result<String, String> {
    for count in [0, 1, 2, 100, 1000] {
        let queue = queue(count);
        let [one, other] = &mut *twins;
        let (served, again) = match (one.order(&queue), other.order(&queue)) {
            (Err(Fault::Absent(_)), _) => return Ok("it leaves them as they came".to_owned()),
            (Ok(served), Ok(again)) => (served, again),
            (Err(fault), _) | (_, Err(fault)) => return Err(format!("{count} wait: {fault}")),
        };
        check_keys(&served.1, queue.len()).map_err(|why| format!("{count} wait: {why}"))?;
        if served != again {
            return Err(format!("{count} wait: a second instance orders them otherwise"));
        }
    }
    Ok("0 to 1000 requests".to_owned())
}

fn events(twins: &mut [Harness; 2]) -> Result<String, String> {
    let leases = leases(50);
    let mut told: Vec<_> = leases.iter().map(LeaseSpec::begins).collect();
    told.extend(leases.iter().step_by(3).map(|lease| lease.ends(lease.now_ms)));
    // Twice, backwards, and of a kind that does not exist yet.
    told.extend(told.clone().into_iter().rev());
    if let Some(first) = told.first().cloned() {
        told.push(EventSpec { kind: 999, ..first });
    }
    for harness in &mut *twins {
        harness.resync(&leases, 7).map_err(|fault| format!("resync: {fault}"))?;
        harness.observe(&told).map_err(|fault| format!("observe: {fault}"))?;
        harness
            .resync(&leases, 1000)
            .map_err(|fault| format!("resync: {fault}"))?;
        harness.resync(&[], 1).map_err(|fault| format!("resync: {fault}"))?;
    }
    both(twins, &request(8, 1), &candidates(100))?;
    Ok(format!("{} events", told.len()))
}

fn lives(loaded: &Loaded, config: &str) -> Result<String, String> {
    for life in 0..LIVES {
        let mut harness = made(loaded, config)?;
        if life % 100 == 0 {
            harness
                .decide(&request(9, 1), &candidates(10))
                .map_err(|fault| fault.to_string())?;
        }
    }
    Ok(String::new())
}

/// Measured here, without the way to another thread or process.
fn speed(twins: &mut [Harness; 2]) -> Result<String, String> {
    let [one, _] = twins;
    let mut words = Vec::new();
    for count in [100, 1000] {
        let candidates = candidates(count);
        let mut times = Vec::new();
        for seed in 0..200 {
            let request = request(seed, 1);
            let start = Instant::now();
            one.decide(&request, &candidates).map_err(|fault| fault.to_string())?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        let (best, median, late) = (at(0), at(50), at(99));
        // A busy machine makes any of them slow, and not all of them.
        if best > DEADLINE {
            return Err(format!(
                "{count} candidates take {best:?} at best, an answer is due within {DEADLINE:?}"
            ));
        }
        words.push(format!("{count} candidates {median:.1?}, one in a hundred {late:.1?}"));
    }
    Ok(words.join("; "))
}
