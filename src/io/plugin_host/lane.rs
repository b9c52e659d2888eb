//! The registry's end of a place where a plugin runs. Asks with a deadline; after a late answer or none the lane is lost.

use super::serve;
use super::wire::{self, Abilities, Call, Reply, Said};
use crate::io::clock;
use crate::io::config::Isolation;
use crate::pure::base::Time;
use std::io::{Error, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long loading a plugin and making an instance may take.
pub(super) const CREATE_MAX: Duration = Duration::from_secs(10);
/// Most threads that did not return and are left behind: each may keep a processor busy.
const STRAYS_MAX: u32 = 2;
/// Threads that did not return.
static STRAYS: AtomicU32 = AtomicU32::new(0);

/// Why a lane is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// No answer in time.
    Late,
    /// Its process or its thread ended.
    Gone(String),
    /// What came is no answer.
    Nonsense(String),
}

impl Lost {
    fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Late,
            ErrorKind::InvalidData | ErrorKind::InvalidInput => Self::Nonsense(error.to_string()),
            _ => Self::Gone(error.to_string()),
        }
    }
}

/// One instance of a plugin, where it runs.
#[derive(Debug)]
pub(super) struct Lane {
    stream: UnixStream,
    child: Option<Child>,
    pub(super) abilities: Abilities,
    /// Used again and again.
    bytes: Vec<u8>,
    late: bool,
}

impl Lane {
    /// Starts one: `program` is our own binary, `library` a file that was checked.
    ///
    /// # Errors
    /// In words, why there is none.
    pub(super) fn start(program: &Path, isolation: Isolation, library: &Path, config: &str) -> Result<Self, String> {
        let (stream, other) = UnixStream::pair().map_err(|error| format!("no socket for it: {error}"))?;
        let child = match isolation {
            Isolation::Process => Some(process(program, other)?),
            Isolation::Thread => {
                thread(other)?;
                None
            }
        };
        let mut lane = Self {
            stream,
            child,
            abilities: Abilities::default(),
            bytes: Vec::new(),
            late: false,
        };
        let library = library.to_str().ok_or("its path is no UTF-8")?;
        let reply = lane.ask(&Call::Create { library, config }, CREATE_MAX);
        match reply.map(|reply| reply.said) {
            Ok(Said::Created { abilities }) => {
                lane.abilities = abilities;
                Ok(lane)
            }
            Ok(Said::Fault { words }) => Err(words),
            Ok(other) => Err(format!("it answered {other:?} when it was made")),
            Err(Lost::Late) => Err(format!("it was not made within {} s", CREATE_MAX.as_secs())),
            Err(Lost::Gone(words)) => Err(lane.end(&words)),
            Err(Lost::Nonsense(words)) => Err(words),
        }
    }

    /// The process that it runs in.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Asks. Anything but an answer ends the lane.
    pub(super) fn ask(&mut self, call: &Call<'_>, deadline: Duration) -> Result<Reply, Lost> {
        let mut timed = Timed {
            stream: &self.stream,
            until: clock::now().after(deadline),
        };
        let asked = wire::write(&mut timed, call).and_then(|()| wire::read(&mut timed, &mut self.bytes));
        let reply = asked.and_then(|()| wire::parse(&self.bytes));
        reply.map_err(|error| {
            let lost = Lost::of(&error);
            self.late = lost == Lost::Late;
            lost
        })
    }

    /// How its process ended, as far as that is known after it hung up.
    pub(super) fn end(&mut self, otherwise: &str) -> String {
        let Some(child) = &mut self.child else {
            return format!("its thread ended: {otherwise}");
        };
        // What hung up has ended, or is about to.
        let until = clock::now().after(Duration::from_secs(1));
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return format!("its process ended with {status}"),
                Ok(None) if clock::now() < until => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) | Err(_) => return format!("its process hung up: {otherwise}"),
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        match &mut self.child {
            Some(child) => {
                // Ended already is as good.
                child.kill().unwrap_or(());
                child.wait().map_or_else(drop, drop);
            }
            None if self.late => {
                STRAYS.fetch_add(1, Ordering::Relaxed);
            }
            // The thread sees the end of the stream.
            None => {}
        }
    }
}

fn process(program: &Path, socket: UnixStream) -> Result<Child, String> {
    Command::new(program)
        .arg(serve::VERB)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("its process was not started: {error}"))
}

fn thread(socket: UnixStream) -> Result<(), String> {
    let strays = STRAYS.load(Ordering::Relaxed);
    if strays >= STRAYS_MAX {
        return Err(format!(
            "{strays} threads of plugins did not return and still run: nothing more is loaded into a thread until this registry is started again, or use isolation = \"process\""
        ));
    }
    let spawned = std::thread::Builder::new().name("plugin".to_owned()).spawn(move || {
        if let Err(error) = serve::serve(socket) {
            tracing::warn!(%error, "a plugin's thread ended");
        }
    });
    spawned.map_or_else(|error| Err(format!("its thread was not started: {error}")), |_| Ok(()))
}

/// A socket with a time by which all must be done.
struct Timed<'a> {
    stream: &'a UnixStream,
    until: Time,
}

impl Timed<'_> {
    fn left(&self) -> std::io::Result<Option<Duration>> {
        let left = self.until.since(clock::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}
impl Read for Timed<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(bytes)
    }
}
impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}
