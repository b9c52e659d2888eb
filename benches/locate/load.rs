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
    /// Each client is a thread that sleeps until its answer is there.
    OneByOne {
        clients: usize,
    },
    /// One client that looks for its answer without sleeping: what is left is the registry's time and the network's.
    Awake,
    /// So many connections, one request in flight on each, all kept by one thread.
    Together {
        clients: usize,
    },
    Pipelined {
        in_flight: usize,
    },
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
        Way::OneByOne { clients } | Way::Together { clients } => (clients, 1),
        Way::Awake => (1, 1),
        Way::Pipelined { in_flight } => (1, in_flight),
    };
    let mut streams: Vec<TcpStream> = (0..clients).map(|_| target.connect()).collect();
    let begun = Instant::now();
    if matches!(way, Way::Awake | Way::Together { .. }) {
        let took = together(target, &mut streams, &requests, begun + time);
        return figures(took, begun.elapsed());
    }
    let took = thread::scope(|scope| {
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
    figures(took, begun.elapsed())
}

fn figures(mut took: Vec<u64>, time: Duration) -> Figures {
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 100] as f64 / 1000.0;
    let rate = took.len() as f64 / time.as_secs_f64();
    Figures {
        rate,
        least: rate,
        most: rate,
        p50_us: at(50),
        p99_us: at(99),
    }
}

/// One thread looks after all connections in turn and never sleeps; how long each request took, in nanoseconds.
fn together<T: Target>(target: &T, streams: &mut [TcpStream], requests: &[Vec<u8>], end: Instant) -> Vec<u64> {
    let mut next = requests.iter().cycle();
    let mut took = Vec::new();
    let mut ask = |stream: &mut TcpStream| {
        stream
            .write_all(next.next().expect("there are requests"))
            .expect("it reads");
        Instant::now()
    };
    let mut open: Vec<(&mut TcpStream, Instant, Vec<u8>)> = Vec::new();
    for stream in streams {
        let since = ask(stream);
        stream.set_nonblocking(true).expect("a socket option");
        open.push((stream, since, Vec::new()));
    }
    let mut buffer = [0; 4096];
    while Instant::now() < end {
        for (stream, since, bytes) in &mut open {
            match stream.read(&mut buffer) {
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => panic!("{error}"),
            }
            if target.reply(bytes).is_some_and(|length| length <= bytes.len()) {
                took.push(u64::try_from(since.elapsed().as_nanos()).expect("not that long"));
                bytes.clear();
                *since = ask(stream);
            }
        }
    }
    took
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
