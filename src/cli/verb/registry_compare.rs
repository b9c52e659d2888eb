//! `floe registry compare A B`: what each of two registries, running or kept as files, has that the other lacks.

use crate::cli::compare::{Reader, read_both};
use crate::cli::output::Row;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::registry::difference::{Change, Difference, Item, SideReport, Verdict};

const EXAMPLES: &str = "\
Examples:
  floe registry compare r1 r2
  floe registry compare r1 r2 --exit-code --format json
  floe registry compare r2 /var/lib/floe/r2/database-4.93-20260102T030405Z.replaced
  floe registry compare ./r1 ./r2

A word without a slash or dot is the name of a running registry; anything else is a path. Both are only read.";

/// Compare two registries: what each has that the other lacks, by application and object, and what to do next
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// A running registry's name, or the path of a stopped one's data folder or of a database file
    #[arg(value_name = "A")]
    one: String,
    /// The other one
    #[arg(value_name = "B")]
    other: String,
    /// Exit with 3 when there are differences
    #[arg(long)]
    exit_code: bool,
}

impl Row for Item {
    const HEAD: &'static [&'static str] = &[
        "WHAT",
        "NAME",
        "CHANGE",
        "REVISION",
        "WHEN",
        "BY",
        "ENTRIES",
        "OTHER SIDE",
    ];
    fn cells(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let other = match (self.both, self.change) {
            (false, _) => dash(),
            (true, Change::Different) => "has another".to_owned(),
            (true, _) => "changed it too".to_owned(),
        };
        vec![
            self.kind.to_string(),
            self.name.clone(),
            self.change.to_string(),
            if self.revision == 0 {
                dash()
            } else {
                self.revision.to_string()
            },
            self.time.map_or_else(dash, |time| time.to_string()),
            if self.actor.is_empty() {
                dash()
            } else {
                self.actor.clone()
            },
            ranges(&self.entries),
            other,
        ]
    }
}

pub(super) fn run(
    args: &Args,
    open: &mut dyn FnMut() -> Result<Box<dyn Ask>, Failing>,
    output: &mut Output<'_>,
) -> Result<Exit, Failing> {
    let mut readers = Reader::of_both([&args.one, &args.other], open)?;
    let difference = read_both(&mut readers)?;
    let tables = difference.sides.each_ref().map(|side| output.table_of(&side.only_here));
    output.value(&difference, |difference| text_of(difference, &tables))?;
    Ok(if args.exit_code && difference.verdict != Verdict::Same {
        Exit::Differences
    } else {
        Exit::Done
    })
}

fn text_of(difference: &Difference, tables: &[String; 2]) -> String {
    let mut lines = vec![difference.summary.clone()];
    if !difference.note.is_empty() {
        let why = &difference.note;
        lines.push(format!(
            "note: compared by what the two hold, not by their entries: {why}"
        ));
    }
    if difference.verdict != Verdict::Same {
        for (side, table) in difference.sides.iter().zip(tables) {
            lines.push(String::new());
            lines.push(heading(difference, side));
            if !side.only_here.is_empty() {
                lines.push(table.clone());
            }
        }
    }
    for step in &difference.next {
        lines.push(String::new());
        lines.push(step.goal.clone());
        lines.extend(step.commands.iter().map(|command| format!("  {command}")));
    }
    lines.join("\n")
}

fn heading(difference: &Difference, side: &SideReport) -> String {
    let end = match side.standing.as_str() {
        "" => format!("at {}", side.version),
        standing => format!("{standing} at {}", side.version),
    };
    let name = &side.name;
    match difference.fork.filter(|_| difference.basis == "log") {
        _ if side.only_here.is_empty() && side.entries == 0 => format!("only {name} has ({end}): nothing"),
        Some(_) if side.updates == 0 => format!("only {name} has ({end}): no update, only the opening of a reign"),
        Some(fork) => {
            let (first, last) = (fork + 1, fork + side.entries);
            format!("only {name} has ({end}, entries {first} to {last}):")
        }
        None if side.only_here.is_empty() => format!("only {name} has ({end}): nothing that still stands"),
        None => format!("only {name} has, or has otherwise ({end}):"),
    }
}

/// `43, 45-47`.
fn ranges(serials: &[u64]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for run in serials.chunk_by(|a, b| *b == *a + 1) {
        match run {
            [one] => texts.push(one.to_string()),
            [first, .., last] => texts.push(format!("{first}-{last}")),
            [] => {}
        }
    }
    if texts.is_empty() {
        "-".to_owned()
    } else {
        texts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn entries_in_a_row_are_one_range() {
        for (serials, text) in [
            (&[][..], "-"),
            (&[7], "7"),
            (&[1, 2], "1-2"),
            (&[1, 3, 4, 5, 9], "1, 3-5, 9"),
        ] {
            assert_eq!(ranges(serials), text);
        }
    }
}
