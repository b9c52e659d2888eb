//! The two directions of a connection: frames in with a bound and a deadline, frames out through a bounded queue.
//! Knows no message; shared with `client`.
//!
//! Both halves may be dropped at any await and picked up again: no byte is read twice, lost or written twice.

use crate::pure::wire::{FrameError, Frames};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// How much is read at once, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// Up to how much one write gathers from the queue, in bytes; a single frame may be larger.
const WRITE_BYTES: usize = 64 * 1024;

/// Why no more frames come, or go.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The other side closed the connection between two frames.
    #[error("the other side closed the connection")]
    Closed,
    /// The other side closed the connection within a frame.
    #[error("the other side closed the connection in the middle of a frame")]
    Cut,
    /// Nothing came in time.
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    /// The bytes are no frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Reading failed.
    #[error("read: {0}")]
    Read(#[source] io::Error),
    /// Writing failed.
    #[error("write: {0}")]
    Write(#[source] io::Error),
    /// The other side took no byte in time.
    #[error("the other side read nothing for {0:?}")]
    Stuck(Duration),
}

/// Frames in. Holds at most one frame of the bound in force and one read.
#[derive(Debug)]
pub struct FrameReader {
    half: OwnedReadHalf,
    frames: Frames,
    buffer: Box<[u8]>,
    partial: bool,
    heard: Instant,
}

impl FrameReader {
    /// Reads frames of at most `allowed` bytes.
    pub fn new(half: OwnedReadHalf, allowed: usize) -> Self {
        Self {
            half,
            frames: Frames::new(allowed),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            partial: false,
            heard: Instant::now(),
        }
    }
    /// Changes the bound, as after a valid hello.
    pub fn allow(&mut self, allowed: usize) {
        self.frames.allow(allowed);
    }
    /// Starts the time of silence anew: for when it was we who did not read.
    pub fn touch(&mut self) {
        self.heard = Instant::now();
    }
    /// The next whole frame.
    ///
    /// # Errors
    /// [`StreamError`]: the end, a broken frame, or no byte for `silence_max` since the last one or [`Self::touch`].
    pub async fn next(&mut self, silence_max: Duration) -> Result<Vec<u8>, StreamError> {
        self.fill(silence_max).await?;
        Ok(self.take()?.map(<[u8]>::to_vec).unwrap_or_default())
    }
    /// The next whole frame that was read already, where it lies.
    ///
    /// # Errors
    /// [`StreamError::Frame`].
    pub fn take(&mut self) -> Result<Option<&[u8]>, StreamError> {
        Ok(self.frames.take()?)
    }
    /// Waits until a whole frame is there, for [`Self::take`].
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn fill(&mut self, silence_max: Duration) -> Result<(), StreamError> {
        loop {
            if self.frames.whole()?.is_some() {
                self.partial = false;
                return Ok(());
            }
            let read = timeout_at(self.heard + silence_max, self.half.read(&mut self.buffer)).await;
            let count = match read {
                Err(_) => return Err(StreamError::Silent(silence_max)),
                Ok(Err(error)) => return Err(StreamError::Read(error)),
                Ok(Ok(0)) if self.partial => return Err(StreamError::Cut),
                Ok(Ok(0)) => return Err(StreamError::Closed),
                Ok(Ok(count)) => count,
            };
            self.heard = Instant::now();
            self.partial = true;
            self.frames.push(self.buffer.get(..count).unwrap_or_default());
        }
    }
    /// Reads and drops what still comes, until the other side closes or `limit` passes: closing with unread bytes would
    /// make the kernel take back what was written last.
    pub async fn linger(&mut self, limit: Duration) {
        let rest = async { while self.half.read(&mut self.buffer).await.is_ok_and(|count| count > 0) {} };
        timeout(limit, rest).await.ok();
    }
}

/// The bounds of a write queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueBounds {
    /// Most frames.
    pub frames_max: usize,
    /// Most bytes. A single larger frame is still taken when the queue is empty.
    pub bytes_max: usize,
    /// How long the other side may take none of the bytes on their way.
    pub write_timeout: Duration,
}

/// A connection's write queue as its senders see it. Clones share the queue.
#[derive(Clone, Debug)]
pub struct Outbox {
    frames: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    bounds: QueueBounds,
    closing: Arc<watch::Sender<Option<String>>>,
}

#[derive(Debug)]
struct Queued {
    bytes: Vec<u8>,
    /// Gives its room back when the bytes were written.
    room: OwnedSemaphorePermit,
}

impl Outbox {
    /// Queues a frame without waiting. False when the connection closes, as it does when the queue is full.
    pub fn push(&self, frame: Vec<u8>) -> bool {
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(self.room_for(&frame)) else {
            return self.overflow();
        };
        match self.frames.try_send(Queued { bytes: frame, room }) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => self.overflow(),
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
    /// Queues a frame as soon as there is room; the writer's own deadline bounds the wait. False when the connection is
    /// closed.
    pub async fn push_when_room(&self, frame: Vec<u8>) -> bool {
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(self.room_for(&frame)).await else {
            return false;
        };
        self.frames.send(Queued { bytes: frame, room }).await.is_ok()
    }
    /// Asks for the connection to be closed. The first reason stays.
    pub fn close(&self, reason: impl Into<String>) {
        self.closing.send_if_modified(|closing| {
            let first = closing.is_none();
            if first {
                *closing = Some(reason.into());
            }
            first
        });
    }
    /// Waits until somebody asks for the connection to be closed, and says why.
    pub async fn closing(&self) -> String {
        let mut closing = self.closing.subscribe();
        let reason = closing
            .wait_for(Option::is_some)
            .await
            .map(|reason| reason.clone().unwrap_or_default());
        reason.unwrap_or_default()
    }

    fn overflow(&self) -> bool {
        self.close(format!(
            "its write queue is full ({} frames or {} bytes): the other side reads too slowly",
            self.bounds.frames_max, self.bounds.bytes_max
        ));
        false
    }
    fn room_for(&self, frame: &[u8]) -> u32 {
        u32::try_from(frame.len().min(self.bounds.bytes_max)).unwrap_or(u32::MAX)
    }
}

/// The writing end of an [`Outbox`].
#[derive(Debug)]
pub struct Writer {
    half: OwnedWriteHalf,
    frames: mpsc::Receiver<Queued>,
    write_timeout: Duration,
    /// Bytes on their way: taken from the queue, written up to `written`.
    batch: Vec<u8>,
    written: usize,
    rooms: Vec<OwnedSemaphorePermit>,
}

/// A queue and its writer, for one connection.
pub fn outbox(half: OwnedWriteHalf, bounds: QueueBounds) -> (Outbox, Writer) {
    let (sender, receiver) = mpsc::channel(bounds.frames_max.max(1));
    let bytes_max = bounds.bytes_max.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
    let bounds = QueueBounds { bytes_max, ..bounds };
    let outbox = Outbox {
        frames: sender,
        room: Arc::new(Semaphore::new(bytes_max)),
        bounds,
        closing: Arc::new(watch::Sender::new(None)),
    };
    let writer = Writer {
        half,
        frames: receiver,
        write_timeout: bounds.write_timeout,
        batch: Vec::new(),
        written: 0,
        rooms: Vec::new(),
    };
    (outbox, writer)
}

impl Writer {
    /// Writes what is queued, for ever; `(interval, frame)` writes that frame whenever nothing else was written for the
    /// interval. Returns when writing fails or every [`Outbox`] is gone (then all is written, and the error is
    /// [`StreamError::Closed`]).
    pub async fn run(&mut self, ping: Option<(Duration, &[u8])>) -> StreamError {
        loop {
            if let Err(error) = self.write_batch().await {
                return error;
            }
            let first = match ping {
                None => self.frames.recv().await,
                Some((interval, frame)) => {
                    let Ok(first) = timeout(interval, self.frames.recv()).await else {
                        self.batch.extend_from_slice(frame);
                        continue;
                    };
                    first
                }
            };
            let Some(first) = first else {
                return StreamError::Closed;
            };
            self.take(first);
        }
    }
    /// Writes what is queued now, within `limit`.
    ///
    /// # Errors
    /// [`StreamError`] when writing fails or takes too long; part of it may be written.
    pub async fn drain(&mut self, limit: Duration) -> Result<(), StreamError> {
        let all = async {
            loop {
                self.write_batch().await?;
                match self.frames.try_recv() {
                    Ok(first) => self.take(first),
                    Err(_) => return Ok(()),
                }
            }
        };
        timeout(limit, all).await.unwrap_or(Err(StreamError::Stuck(limit)))
    }
    /// Tells the other side that nothing more comes.
    pub async fn finish(&mut self) {
        // It fails when the other side is gone, and then it needs no telling.
        self.half.shutdown().await.ok();
    }

    fn take(&mut self, first: Queued) {
        let mut next = Some(first);
        while let Some(Queued { bytes, room }) = next {
            self.batch.extend_from_slice(&bytes);
            self.rooms.push(room);
            let full = self.batch.len() >= WRITE_BYTES;
            next = if full { None } else { self.frames.try_recv().ok() };
        }
    }
    async fn write_batch(&mut self) -> Result<(), StreamError> {
        while let Some(rest) = self.batch.get(self.written..).filter(|rest| !rest.is_empty()) {
            match timeout(self.write_timeout, self.half.write(rest)).await {
                Err(_) => return Err(StreamError::Stuck(self.write_timeout)),
                Ok(Err(error)) => return Err(StreamError::Write(error)),
                Ok(Ok(0)) => return Err(StreamError::Closed),
                Ok(Ok(count)) => self.written += count,
            }
        }
        self.batch.clear();
        // One large frame must not keep its memory for the life of the connection.
        self.batch.shrink_to(WRITE_BYTES);
        self.written = 0;
        self.rooms.clear();
        Ok(())
    }
}
