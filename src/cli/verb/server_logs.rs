//! `floe server logs ID`: what a server wrote, once or for as long as one wants.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ServerId;
use crate::pure::protocol::report::{LogPosition, LogReport};
use crate::pure::protocol::{Request, Response};
use std::time::Duration;

/// How often a file that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  floe server logs web-1
  floe server logs web-1 --stderr -n 500
  floe server logs web-1 -f
  floe server logs web-1 --file access";

/// Show what a server wrote: its output, or a log file that it declares
///
/// Asked of any peer, wherever the server runs. With --follow it goes on until interrupted, over rotations and restarts of
/// the server; while nobody answers, that is said on stderr.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The server
    id: ServerId,
    /// Standard error instead of standard output
    #[arg(long)]
    stderr: bool,
    /// A log file that the server declares, by its name, instead of its output
    #[arg(long, value_name = "NAME", conflicts_with = "stderr")]
    file: Option<String>,
    /// How many lines from the end
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    lines: u32,
    /// Go on with what comes
    #[arg(long, short = 'f')]
    follow: bool,
}

impl Args {
    fn request(&self, at: Option<LogPosition>) -> Request {
        Request::Logs {
            server: self.id.clone(),
            stderr: self.stderr,
            lines: self.lines,
            file: self.file.clone(),
            at,
        }
    }
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    // Whoever is not in reach at the start, and a server or file that is not there, are the operator's slip.
    let mut report = piece(args, link, None)?;
    output.caution(link.caution());
    let end = report.end;
    loop {
        print(&report, args.follow, output)?;
        let past = report.next.file == end.file && report.next.offset >= end.offset;
        if output.is_closed() || (!args.follow && (past || !report.more)) {
            return Ok(Exit::Done);
        }
        if !report.more {
            pause();
        }
        report = if args.follow {
            next_piece(args, link, output, report.next)?
        } else {
            piece(args, link, Some(report.next))?
        };
    }
}

/// What comes next, whoever goes away meanwhile.
fn next_piece(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>, at: LogPosition) -> Result<LogReport, Failing> {
    let mut said = false;
    loop {
        match piece(args, link, Some(at)) {
            Ok(report) => return Ok(report),
            // Gone for good.
            Err(failing) if failing.exit == Exit::NotFound => return Err(failing),
            Err(failing) if !said => {
                output.word(&format!("floe: {}; trying again", failing.message));
                said = true;
            }
            Err(_) => (),
        }
        if output.is_closed() {
            return Ok(LogReport {
                next: at,
                end: at,
                ..LogReport::default()
            });
        }
        pause();
    }
}

fn piece(args: &Args, link: &mut dyn Ask, at: Option<LogPosition>) -> Result<LogReport, Failing> {
    match link.get(args.request(at))? {
        Response::Logs(report) => Ok(report),
        _ => Err(Failing::other_answer()),
    }
}

fn print(report: &LogReport, follow: bool, output: &mut Output<'_>) -> Result<(), Failing> {
    if report.missed > 0 {
        output.word(&format!("floe: {} bytes before this were rotated away", report.missed));
    }
    if follow {
        return if report.text.is_empty() {
            Ok(())
        } else {
            output.piece(report, |report| report.text.clone())
        };
    }
    if report.more {
        output.piece(report, |report| report.text.clone())
    } else {
        output.value(report, |report| report.text.clone())
    }
}

fn pause() {
    std::thread::sleep(LOOK_EVERY);
}
