//! The socket by which a process tells its node how it stands (`NOTIFY_SOCKET` of `sd_notify`), one a run.
//!
//! Its name is abstract (`@floe-RUN`), not a path: paths of sockets end at 108 bytes, and a data folder may be longer; a
//! server that runs as another user need not be let into the data folder; nothing is left behind that would have to be
//! removed; and the node's next life binds the same name again. Everybody on the host can send to it, so only processes of
//! the run are believed, told by what the kernel says of the sender.
//!
//! What was said is kept in `servers/ID/told` as long as the process lives: an adopted server does not say it again. That is
//! not synced, for a crash that loses it takes the process as well.

use super::find;
use super::journal::{JournalError, read_value, replace_value};
use crate::pure::base::{RunId, ServerId};
use crate::pure::model::{Ready, ServerSpec};
use crate::pure::supervisor::notice::{NOTICE_BYTES_MAX, words_of};
use crate::pure::supervisor::{Event, Told, Word};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, UCred, recvmsg, sockopt};
use serde::{Deserialize, Serialize};
use std::io::{IoSliceMut, Result};
use std::mem::MaybeUninit;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What changes is passed on at most this often: a server that floods us with words does not flood the grid.
const PAUSE: Duration = Duration::from_millis(100);
/// Malformed notices are logged at most this often.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// What one run has said, as on disk.
#[derive(Serialize, Deserialize)]
struct Record {
    run: RunId,
    told: Told,
}

/// The socket of one run.
#[derive(Debug)]
pub(super) struct Ear {
    /// `None`: it is still to be bound.
    socket: Option<UnixDatagram>,
    run: RunId,
    spec: Arc<ServerSpec>,
    home: PathBuf,
}

/// What the process of this run finds in its environment.
pub(super) fn variable(run: RunId) -> String {
    format!("@floe-{run}")
}

/// What the run has said to an earlier life of the node.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn remembered(home: &Path, run: RunId) -> std::result::Result<Told, JournalError> {
    let record: Option<Record> = read_value(&home.join("told"))?;
    let told = record.filter(|record| record.run == run).map(|record| record.told);
    Ok(told.unwrap_or_default())
}

impl Ear {
    /// Binds the socket of a run, where its definition asks for one.
    ///
    /// # Errors
    /// When the system refuses, or another holds the name.
    pub(super) fn open(run: RunId, spec: &Arc<ServerSpec>, home: &Path) -> Result<Option<Self>> {
        let mut ear = Self::adopt(run, spec, home);
        if let Some(ear) = &mut ear {
            ear.socket = Some(bind(run)?);
        }
        Ok(ear)
    }

    /// The same for a process that was found: who binds the name is sure only once the node's former life is gone.
    pub(super) fn adopt(run: RunId, spec: &Arc<ServerSpec>, home: &Path) -> Option<Self> {
        (spec.ready == Ready::Notify).then(|| Self {
            socket: None,
            run,
            spec: spec.clone(),
            home: home.to_owned(),
        })
    }

    /// Listens to the process for ever; whoever waits cancels it when the process has ended.
    pub(super) async fn listen(self, leader: u32, server: ServerId, events: mpsc::Sender<(ServerId, Event)>) -> ! {
        let Self {
            socket,
            run,
            spec,
            home,
        } = self;
        let mut said = remembered(&home, run).unwrap_or_default();
        let mut told = said.clone();
        let (mut next, mut next_fault) = (Instant::now(), Instant::now());
        let socket = bound(socket, run, &server).await;
        loop {
            let waiting = told != said;
            tokio::select! {
                notice = receive(&socket) => {
                    let (words, faults) = match notice {
                        Ok((bytes, sender)) if is_of_run(sender, run, leader) => words_of(&bytes, &spec),
                        Ok((_, sender)) => {
                            let pid = sender.map_or(0, |sender| sender.pid.as_raw_nonzero().get());
                            (Vec::new(), vec![format!("a notice of process {pid}, which is not of this run")])
                        }
                        Err(error) => {
                            tokio::time::sleep(FAULT_PAUSE).await;
                            (Vec::new(), vec![format!("receive: {error}")])
                        }
                    };
                    for word in &words {
                        told.hear(word);
                    }
                    if let Some(fault) = faults.first() && Instant::now() >= next_fault {
                        next_fault = Instant::now() + FAULT_PAUSE;
                        tracing::warn!(%server, %run, fault, "notice ignored");
                    }
                }
                () = sleep_until(next), if waiting => {}
            }
            if told != said && Instant::now() >= next {
                next = Instant::now() + PAUSE;
                let news = told.news(&said);
                said.clone_from(&told);
                pass_on(&home, run, &told, news, &server, &events).await;
            }
        }
    }
}

fn bind(run: RunId) -> Result<UnixDatagram> {
    let name = variable(run);
    let address = SocketAddr::from_abstract_name(name.trim_start_matches('@'))?;
    let socket = UnixDatagram::bind_addr(&address)?;
    socket.set_nonblocking(true)?;
    sockopt::set_socket_passcred(&socket, true)?;
    Ok(socket)
}

/// The socket, as soon as it can be had; that it cannot yet is said once.
async fn bound(mut socket: Option<UnixDatagram>, run: RunId, server: &ServerId) -> tokio::net::UnixDatagram {
    let mut warned = false;
    loop {
        let ready = socket.take().map_or_else(|| bind(run), Ok);
        match ready.and_then(tokio::net::UnixDatagram::from_std) {
            Ok(socket) => return socket,
            Err(error) if !std::mem::replace(&mut warned, true) => {
                tracing::warn!(%server, %error, "notices of the server are not heard yet");
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// On disk first: what the node was told, its next life knows as well.
async fn pass_on(
    home: &Path,
    run: RunId,
    told: &Told,
    news: Vec<Word>,
    server: &ServerId,
    events: &mpsc::Sender<(ServerId, Event)>,
) {
    let told = told.clone();
    // A file of some hundred bytes that is not synced: no wait that others would notice.
    if let Err(error) = replace_value(&home.join("told"), &Record { run, told }) {
        tracing::warn!(%server, %error, "what the server says of itself is not kept");
    }
    for word in news {
        // The node is gone when nobody listens.
        drop(events.send((server.clone(), Event::Said { run, word })).await);
    }
}

/// One datagram with who sent it. Descriptors that come with it are closed at once, which is all that `BARRIER=1` asks.
async fn receive(socket: &tokio::net::UnixDatagram) -> Result<(Vec<u8>, Option<UCred>)> {
    socket
        .async_io(Interest::READABLE, || {
            let mut bytes = vec![0; NOTICE_BYTES_MAX + 1];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4), ScmCredentials(1))];
            let mut beside = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let received = recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut beside, flags)?;
            bytes.truncate(received.bytes);
            let sender = beside.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmCredentials(sender) => Some(sender),
                _ => None,
            });
            Ok((bytes, sender))
        })
        .await
}

/// Is the sender a process of the run: by its environment, or by its group? One that ended right after its word (a shell's
/// helper) shows neither any more; then the user that it ran as must do, who could do anything to the server anyway.
fn is_of_run(sender: Option<UCred>, run: RunId, leader: u32) -> bool {
    let Some(sender) = sender else {
        return false;
    };
    let Ok(pid) = u32::try_from(sender.pid.as_raw_nonzero().get()) else {
        return false;
    };
    if find::run_of(pid) == Some(run) {
        return true;
    }
    match find::group_and_life(pid) {
        Some((group, true)) => group == leader,
        Some((_, false)) | None => find::user(leader) == Some(sender.uid.as_raw()),
    }
}
