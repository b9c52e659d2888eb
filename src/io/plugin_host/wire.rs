//! What goes between the registry and where a plugin runs: frames of a length and a record each, names as texts.

use serde::{Deserialize, Serialize};
use std::io::{Error, ErrorKind, Read, Write};

/// Largest frame in bytes: some ten thousand candidates with attributes.
pub(super) const FRAME_BYTES_MAX: usize = 16 << 20;

/// What is asked. The first one is `Create`, and the only one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Call<'a> {
    /// Load this file, which was checked, and make an instance with this configuration in JSON.
    Create { library: &'a str, config: &'a str },
    /// Which of the candidates.
    Decide {
        #[serde(borrow)]
        lesson: Lesson<'a>,
        request: Request<'a>,
        candidates: Vec<Candidate<'a>>,
    },
    /// Who is served first.
    Order {
        #[serde(borrow)]
        lesson: Lesson<'a>,
        waiters: Vec<Waiter<'a>>,
    },
}

/// What has to be learned before the question.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Lesson<'a> {
    /// All that is held; what was learned before is void.
    #[serde(borrow)]
    pub(super) all: Option<Vec<Lease<'a>>>,
    /// What happened since, in order: a kind of event of the ABI, when, and to what.
    pub(super) news: Vec<(u32, u64, Lease<'a>)>,
}

/// As `abi::Request`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request<'a> {
    pub(super) op: u32,
    pub(super) now_ms: u64,
    pub(super) seed: u64,
    pub(super) session: u64,
    pub(super) principal: &'a str,
    pub(super) kind: &'a str,
    pub(super) wait_ms: i64,
    pub(super) deadline_us: u32,
    pub(super) held: Vec<u64>,
    #[serde(borrow)]
    pub(super) attributes: Vec<(&'a str, &'a str)>,
    /// How many are to be put in order; 1 for a grant.
    pub(super) want: u32,
}

/// As `abi::Candidate`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Candidate<'a> {
    pub(super) name: &'a str,
    pub(super) node: &'a str,
    pub(super) zone: &'a str,
    pub(super) kind: &'a str,
    pub(super) state: u32,
    pub(super) flags: u32,
    pub(super) loads: [f32; 3],
    pub(super) load_age_ms: u32,
    pub(super) capacity: u32,
    pub(super) in_use: u32,
    pub(super) pending: u32,
    pub(super) priority: i32,
    #[serde(borrow)]
    pub(super) attributes: Vec<(&'a str, &'a str)>,
}

/// As `abi::Waiting`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Waiter<'a> {
    #[serde(borrow)]
    pub(super) request: Request<'a>,
    pub(super) since_ms: u64,
    pub(super) passed: u32,
}

/// As `abi::Lease`; the candidate by its name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lease<'a> {
    pub(super) number: u64,
    pub(super) candidate: &'a str,
    pub(super) session: u64,
    pub(super) since_ms: u64,
    pub(super) now_ms: u64,
    pub(super) principal: &'a str,
    pub(super) kind: &'a str,
    pub(super) zone: &'a str,
    pub(super) node: &'a str,
}

/// An answer, and what was logged meanwhile: level and line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) said: Said,
    pub(super) log: Vec<(u32, String)>,
}

/// The answer itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    /// It is loaded and has an instance.
    Created { abilities: Abilities },
    /// A decision: an outcome of the ABI, its text, what was chosen, when to ask again, a verdict a candidate.
    Decided {
        code: i32,
        text: String,
        chosen: Vec<u32>,
        retry_after_ms: u64,
        verdicts: Vec<(i64, u32)>,
    },
    /// An order: places, each once; empty where it has no opinion.
    Ordered { places: Vec<u32> },
    /// It could not be loaded, or reported a fault, or gave no answer that can be accepted.
    Fault { words: String },
}

/// Which questions it can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Abilities {
    /// It orders those who wait.
    pub(super) orders: bool,
    /// It hears what happens.
    pub(super) learns: bool,
}

/// A record as a frame.
pub(super) fn frame(record: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut bytes = postcard::to_extend(record, vec![0; 4]).map_err(Error::other)?;
    let length = bytes.len() - 4;
    if length > FRAME_BYTES_MAX {
        let message = format!("a frame of {length} bytes, at most {FRAME_BYTES_MAX} are allowed");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    for (byte, value) in bytes.iter_mut().zip(length) {
        *byte = value;
    }
    Ok(bytes)
}

/// Writes a record as a frame.
pub(super) fn write(to: &mut impl Write, record: &impl Serialize) -> std::io::Result<()> {
    to.write_all(&frame(record)?)
}

/// Reads the bytes of a frame.
pub(super) fn read(from: &mut impl Read, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        let message = format!("a frame of {length} bytes, at most {FRAME_BYTES_MAX} are allowed");
        return Err(Error::new(ErrorKind::InvalidData, message));
    }
    bytes.clear();
    // Grows as bytes come, not as a length says.
    from.take(length as u64).read_to_end(bytes)?;
    if bytes.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// The record in the bytes of a frame.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> std::io::Result<T> {
    postcard::from_bytes(bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))
}
