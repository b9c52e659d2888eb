//! What differs between two deployments, in lines for people.

use super::descriptor::Balance;
use super::fault::shown;
use super::measure::{duration_text, processors_text, size_text};
use super::spec::{Activation, DisableAfter, Ready, Scrape};
use crate::pure::base::{AdapterId, GroupId, PeerName, Signal};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most lines of details; the rest is counted. With short values, a plan fits into a frame.
pub(super) const DETAILS_MAX: usize = 1000;
/// Longest value shown in a line of details, in characters.
const VALUE_CHARS_MAX: usize = 160;

/// A value as people write it.
pub(super) trait Show {
    fn show(&self) -> String;
}

macro_rules! show {
    ($($type:ty => |$value:ident| $text:expr),* $(,)?) => {
        $(impl Show for $type {
            fn show(&self) -> String {
                let $value = self;
                $text
            }
        })*
    };
}

show! {
    String => |text| format!("{text:?}"),
    Vec<String> => |texts| format!("{texts:?}"),
    PeerName => |name| format!("{name:?}"),
    AdapterId => |id| format!("{id:?}"),
    GroupId => |id| format!("{id:?}"),
    u16 => |number| number.to_string(),
    u32 => |number| number.to_string(),
    u64 => |number| number.to_string(),
    i32 => |number| number.to_string(),
    bool => |value| if *value { "yes".to_owned() } else { "no".to_owned() },
    Signal => |signal| signal.to_string(),
    Duration => |duration| duration_text(*duration),
    Bytes => |bytes| size_text(bytes.0),
    Processors => |millis| processors_text(millis.0),
    Activation => |activation| match activation {
        Activation::Manual => "manual",
        Activation::OnDemand => "on-demand",
        Activation::Always => "always",
        Activation::Session => "session",
    }.to_owned(),
    Balance => |balance| match balance {
        Balance::Random => "random",
        Balance::RoundRobin => "round-robin",
        Balance::Ordered => "ordered",
        Balance::Adaptive => "adaptive",
    }.to_owned(),
    Ready => |ready| match ready {
        Ready::AtOnce => "as soon as it runs".to_owned(),
        Ready::Tcp(adapter) => format!("tcp {adapter}"),
        Ready::Http { adapter, path } => format!("http {adapter} {path}"),
        Ready::Notify => "notify".to_owned(),
        Ready::After(time) => format!("after {}", duration_text(*time)),
    },
    Scrape => |scrape| format!("{} {}", scrape.adapter, scrape.path),
    DisableAfter => |after| {
        let period = after.period.map_or_else(|| "good".to_owned(), duration_text);
        format!("{} failures, for {period}", after.failures)
    },
}

impl<T: Show> Show for Option<T> {
    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), T::show)
    }
}
impl<T: Show> Show for &T {
    fn show(&self) -> String {
        (*self).show()
    }
}

/// Bytes, shown in the largest unit that fits.
#[derive(PartialEq)]
pub(super) struct Bytes(pub(super) u64);
/// Thousandths of a processor.
#[derive(PartialEq)]
pub(super) struct Processors(pub(super) u64);

/// Lines of details about one subject after another.
#[derive(Default)]
pub(super) struct Details {
    pub(super) subject: String,
    lines: Vec<String>,
    more: usize,
}

impl Details {
    pub(super) fn line(&mut self, text: &str) {
        if self.lines.len() < DETAILS_MAX {
            self.lines.push(format!("{}: {text}", self.subject));
        } else {
            self.more += 1;
        }
    }
    /// Adds a line when the values differ; tells whether they do.
    pub(super) fn field<T: PartialEq + Show>(&mut self, name: &str, old: &T, new: &T) -> bool {
        let differs = old != new;
        if differs {
            self.line(&format!(
                "{}: {} -> {}",
                shown(name),
                cut(&old.show()),
                cut(&new.show())
            ));
        }
        differs
    }
    /// One line for each key that comes, goes or has another value.
    pub(super) fn map<T: PartialEq + Show>(
        &mut self,
        name: &str,
        old: &BTreeMap<String, T>,
        new: &BTreeMap<String, T>,
    ) -> bool {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let mut any = false;
        for key in keys {
            any |= self.field(&format!("{name} {key}"), &old.get(key), &new.get(key));
        }
        any
    }
    pub(super) fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.lines.push(format!("further changes: {}", self.more));
        }
        self.lines
    }
}

fn cut(text: &str) -> String {
    let mut out: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if text.chars().nth(VALUE_CHARS_MAX).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_bounded() {
        let mut details = Details::default();
        for _ in 0..=DETAILS_MAX {
            details.field("run", &"x".repeat(10_000), &String::new());
        }
        let lines = details.finish();
        assert_eq!(lines.len(), DETAILS_MAX + 1);
        assert_eq!(lines.last().map(String::as_str), Some("further changes: 1"));
        assert!(lines.iter().all(|line| line.len() < 400));
    }
}
