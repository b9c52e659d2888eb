//! A bare client: whole requests out, counted replies in.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Who is asked.
pub(crate) trait Target: Sync {
    /// A connection that may be asked at once.
    fn connect(&self) -> TcpStream;
    /// The bytes of one request.
    fn request(&self, number: u32, id: &str) -> Vec<u8>;
    /// How long the reply at the start of these bytes is, once that can be told; it is checked that it found something.
    fn reply(&self, bytes: &[u8]) -> Option<usize>;
}

/// How it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    OneByOne { clients: usize },
    Pipelined { in_flight: usize },
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) rate: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Figures {
    pub(crate) fn median(mut rounds: Vec<Self>) -> Self {
        rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        let (least, most) = (rounds[0].rate, rounds[rounds.len() - 1].rate);
        let middle = rounds.swap_remove(rounds.len() / 2);
        Self { least, most, ..middle }
    }
}

/// Asks for all of these ids in turn, for so long.
pub(crate) fn measure<T: Target>(target: &T, ids: &[String], way: Way, time: Duration) -> Figures {
    let requests: Vec<Vec<u8>> = (1..).zip(ids).map(|(number, id)| target.request(number, id)).collect();
    let (clients, in_flight) = match way {
        Way::OneByOne { clients } => (clients, 1),
        Way::Pipelined { in_flight } => (1, in_flight),
    };
    let mut streams: Vec<TcpStream> = (0..clients).map(|_| target.connect()).collect();
    let begun = Instant::now();
    let mut latencies: Vec<u64> = thread::scope(|scope| {
        let (requests, end) = (&requests, begun + time);
        let running = streams
            .iter_mut()
            .enumerate()
            .map(|(client, stream)| scope.spawn(move || ask(target, stream, requests, client * 997, in_flight, end)));
        let running: Vec<_> = running.collect();
        running
            .into_iter()
            .flat_map(|one| one.join().expect("a client ends"))
            .collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |part: usize| latencies[(latencies.len() - 1) * part / 100] as f64 / 1000.0;
    let rate = latencies.len() as f64 / seconds;
    Figures {
        rate,
        least: rate,
        most: rate,
        p50_us: at(50),
        p99_us: at(99),
    }
}

/// Keeps so many requests in flight; how long each one took, in nanoseconds.
fn ask<T: Target>(
    target: &T,
    stream: &mut TcpStream,
    requests: &[Vec<u8>],
    first: usize,
    in_flight: usize,
    end: Instant,
) -> Vec<u64> {
    let mut next = requests.iter().cycle().skip(first % requests.len());
    let mut sent = std::collections::VecDeque::new();
    let (mut bytes, mut filled, mut took, mut out) = (vec![0; 256 * 1024], 0, Vec::new(), Vec::new());
    loop {
        let now = Instant::now();
        if now < end && sent.len() * 2 <= in_flight {
            out.clear();
            while sent.len() < in_flight {
                out.extend_from_slice(next.next().expect("there are requests"));
                sent.push_back(now);
            }
            stream.write_all(&out).expect("it reads");
        }
        if sent.is_empty() {
            return took;
        }
        filled += stream.read(&mut bytes[filled..]).expect("it answers");
        let now = Instant::now();
        let mut taken = 0;
        while let Some(length) = target
            .reply(&bytes[taken..filled])
            .filter(|length| taken + length <= filled)
        {
            taken += length;
            let since: Instant = sent.pop_front().expect("no more replies than requests");
            took.push(u64::try_from((now - since).as_nanos()).expect("not that long"));
        }
        bytes.copy_within(taken..filled, 0);
        filled -= taken;
    }
}

/// What a process holds, in MiB.
pub(crate) fn memory_mib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.expect("the kernel tells it") / 1024
}
