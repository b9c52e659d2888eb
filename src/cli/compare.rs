//! Reads two registries for a comparison, each from its process or from its file, until both are seen at one moment each.
//! What they differ in is decided by `pure::registry::difference`.

use super::Exit;
use super::ask::Ask;
use super::failing::Failing;
use super::offline::{self, Kept};
use crate::pure::base::{Address, PeerName};
use crate::pure::lineage::Serial;
use crate::pure::protocol::content::{ContentKind, ContentPart, ContentRow, LogPart, LogRow, LogSummary};
use crate::pure::protocol::{Request, Response};
use crate::pure::registry::contents::{content_rows, log_rows, log_summary};
use crate::pure::registry::difference::{Difference, Fetched, Need, Side, Source, begin, difference, learn, need};
use std::path::Path;

/// How often a registry that goes on writing is read again from the start.
const TRIES: usize = 5;

/// One side, ready to be read.
pub(super) enum Reader {
    /// A registry that runs.
    Running {
        /// Its name.
        name: PeerName,
        /// Where it is.
        address: Address,
        /// The way to it.
        link: Box<dyn Ask>,
    },
    /// A file.
    File {
        /// As the operator named it.
        name: String,
        /// What it holds.
        kept: Box<Kept>,
    },
}

/// What was read moved meanwhile, or an answer cannot be.
enum Trouble {
    Moved,
    Failing(Failing),
}
impl From<Failing> for Trouble {
    fn from(failing: Failing) -> Self {
        Self::Failing(failing)
    }
}

impl Reader {
    /// What both words mean: names of running registries, or paths.
    pub(super) fn of_both(
        words: [&str; 2],
        open: &mut dyn FnMut() -> Result<Box<dyn Ask>, Failing>,
    ) -> Result<[Self; 2], Failing> {
        let [one, other] = words;
        let twice = || {
            Failing::usage(format!(
                "{one} and {other} are the same: name two registries, or two files"
            ))
        };
        if one == other {
            return Err(twice());
        }
        let readers = [Self::of(one, open)?, Self::of(other, open)?];
        match &readers {
            [Self::File { kept: one, .. }, Self::File { kept: other, .. }] if one.opened.path == other.opened.path => {
                Err(twice())
            }
            _ => Ok(readers),
        }
    }

    fn of(word: &str, open: &mut dyn FnMut() -> Result<Box<dyn Ask>, Failing>) -> Result<Self, Failing> {
        // The names of peers hold neither slashes nor dots.
        if word.contains(['/', '.']) {
            let kept = offline::open(Path::new(word))?;
            return Ok(Self::File {
                name: word.to_owned(),
                kept: Box::new(kept),
            });
        }
        let wrong = |error| Failing::usage(format!("{error}; a path holds a slash, as in ./{word}"));
        let name: PeerName = word.parse().map_err(wrong)?;
        let mut link = open()?;
        let address = address_of(&name, &mut *link)?;
        Ok(Self::Running { name, address, link })
    }

    fn source(&self) -> Source {
        match self {
            Self::Running { name, .. } => Source::Registry(name.to_string()),
            Self::File { name, .. } => Source::File(name.clone()),
        }
    }

    fn side(&mut self) -> Result<Side, Failing> {
        let log = match self {
            Self::File { kept, .. } => log_summary(&kept.database, None),
            Self::Running { .. } => self.ask(Request::LogSummary, |response| match response {
                Response::LogSummary(log) => Some(*log),
                _ => None,
            })?,
        };
        Ok(Side {
            source: self.source(),
            log,
        })
    }

    /// The entries after a serial up to the end that the summary tells of, part by part.
    fn rows(&mut self, log: &LogSummary, after: Serial) -> Result<Vec<LogRow>, Trouble> {
        let end = log.summary.end;
        let mut rows: Vec<LogRow> = Vec::new();
        loop {
            let after = rows.last().map_or(after, |row| row.serial);
            if after >= end.serial {
                break;
            }
            let part = self.log_part(after)?;
            let follows = part.rows.iter().zip(after + 1..).all(|(row, due)| row.serial == due);
            if part.rows.is_empty() || !follows {
                return Err(Trouble::Moved);
            }
            rows.extend(part.rows);
        }
        rows.retain(|row| row.serial <= end.serial);
        match rows.last() {
            Some(last) if last.digest != end.digest => Err(Trouble::Moved),
            _ => Ok(rows),
        }
    }

    fn log_part(&mut self, after: Serial) -> Result<LogPart, Failing> {
        match self {
            Self::File { kept, .. } => Ok(log_rows(&kept.database, after)),
            Self::Running { .. } => self.ask(Request::LogRows { after }, |response| match response {
                Response::LogRows(part) => Some(part),
                _ => None,
            }),
        }
    }

    /// Everything that the log adds up to at the end that the summary tells of.
    fn contents(&mut self, log: &LogSummary) -> Result<Vec<ContentRow>, Trouble> {
        let mut rows: Vec<ContentRow> = Vec::new();
        loop {
            let last = rows.last().map(|row| (row.kind, row.name.clone()));
            let part = self.content_part(last.clone())?;
            let next = part.rows.first().map(|row| (row.kind, row.name.clone()));
            if part.end != log.summary.end || (part.more && next <= last) {
                return Err(Trouble::Moved);
            }
            rows.extend(part.rows);
            if !part.more {
                return Ok(rows);
            }
        }
    }

    fn content_part(&mut self, after: Option<(ContentKind, String)>) -> Result<ContentPart, Failing> {
        match self {
            Self::File { kept, .. } => Ok(content_rows(&kept.database, after.as_ref())),
            Self::Running { .. } => self.ask(Request::Contents { after }, |response| match response {
                Response::Contents(part) => Some(part),
                _ => None,
            }),
        }
    }

    /// Asks the registry itself: what another tells of it is no proof.
    fn ask<T>(&mut self, request: Request, take: impl FnOnce(Response) -> Option<T>) -> Result<T, Failing> {
        let Self::Running { name, address, link } = self else {
            return Err(Failing::internal("a file is not asked"));
        };
        let response = link.get_at(address, request).map_err(|failing| Failing {
            message: format!("failed to read registry {name} at {address}: {}", failing.message),
            hint: format!("start {name}, or stop it and name its data folder instead of it"),
            ..failing
        })?;
        take(response).ok_or_else(Failing::other_answer)
    }
}

/// Reads both sides and tells them apart.
///
/// # Errors
/// When one cannot be read, or goes on changing faster than it can be read.
pub(super) fn read_both(readers: &mut [Reader; 2]) -> Result<Difference, Failing> {
    for _ in 0..TRIES {
        match read_once(readers) {
            Ok(difference) => return Ok(difference),
            Err(Trouble::Moved) => {}
            Err(Trouble::Failing(failing)) => return Err(failing),
        }
    }
    let [one, other] = readers.each_ref().map(|reader| reader.source().name().to_owned());
    let message = format!("{one} and {other} changed {TRIES} times while they were compared");
    Err(Failing::new(
        Exit::Precondition,
        "precondition",
        message,
        "compare them again when fewer updates come in",
    ))
}

fn read_once([one, other]: &mut [Reader; 2]) -> Result<Difference, Trouble> {
    let (mut ours, mut theirs) = (one.side()?, other.side()?);
    let (mut fetched, mut note) = (Fetched::Nothing, String::new());
    if let Need::Rows(after) = need(&ours.log, &theirs.log) {
        let rows = one.rows(&ours.log, begin(&ours.log, after))?;
        let others = other.rows(&theirs.log, begin(&theirs.log, after))?;
        learn(&mut ours.log, &rows);
        learn(&mut theirs.log, &others);
        fetched = Fetched::Rows(rows, others);
    }
    if let Need::Contents(why) = need(&ours.log, &theirs.log) {
        let contents = one.contents(&ours.log)?;
        fetched = Fetched::Contents(contents, other.contents(&theirs.log)?);
        note = why;
    }
    Ok(difference(&ours, &theirs, &fetched, note))
}

fn address_of(name: &PeerName, link: &mut dyn Ask) -> Result<Address, Failing> {
    let Response::Status(report) = link.get(Request::Status)? else {
        return Err(Failing::other_answer());
    };
    let Some(row) = report.registries.into_iter().find(|row| row.name == name.as_str()) else {
        let folder = if Path::new(name.as_str()).exists() {
            format!("; for the folder or file of that name, write ./{name}")
        } else {
            String::new()
        };
        let hint = format!("floe registry list shows all{folder}");
        return Err(Failing::not_found(format!("there is no registry {name}"), hint));
    };
    row.address
        .parse()
        .map_err(|error| Failing::unreachable(format!("failed to find registry {name}: {error}")))
}
