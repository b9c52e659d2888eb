//! Shapes of values: what a key takes, read from a merged value or from the text of a variable or flag.

use super::allocation::{self, Plugin};
use figment::value::{Dict, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Most labels, and the longest one with its name: they travel in each report of a node.
const LABELS_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 256;

/// Which values a key takes. What a text means (a name, an address) is `build`'s business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any text that is not empty.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts; commas separate them in a variable.
    List,
    /// A whole number, bounds included.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A time span such as `"2s"`, bounds included.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// True or false.
    Switch,
    /// A number with up to three decimals, bounds included, in thousandths.
    Ratio {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// Texts by name: a table, or `a=1,b=2` in a variable.
    Labels,
    /// Allocators by name, a table each.
    Plugins,
}

/// A value that has the shape of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shaped {
    Text(String),
    List(Vec<String>),
    Count(u64),
    Duration(Duration),
    Switch(bool),
    /// In thousandths.
    Ratio(u64),
    Labels(BTreeMap<String, String>),
    Plugins(BTreeMap<String, Plugin>),
}

impl Shape {
    /// A value as the environment spells it. Never guesses: `0123` for a text stays `0123`.
    pub(super) fn value_of(self, text: &str) -> Value {
        let as_text = || Value::from(text);
        match self {
            Self::Text | Self::Choice(_) | Self::Duration { .. } | Self::Plugins => as_text(),
            Self::List => {
                let inner = text.trim();
                let inner = inner
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'))
                    .unwrap_or(inner);
                let items = inner.split(',').map(|item| item.trim().trim_matches('"'));
                Value::from(
                    items
                        .filter(|item| !item.is_empty())
                        .map(Value::from)
                        .collect::<Vec<_>>(),
                )
            }
            Self::Count { .. } => text.trim().parse::<u64>().map_or_else(|_| as_text(), Value::from),
            Self::Ratio { .. } => text.trim().parse::<f64>().map_or_else(|_| as_text(), Value::from),
            Self::Labels => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::from(items.map(Value::from).collect::<Vec<_>>())
            }
            Self::Switch => text.trim().parse::<bool>().map_or_else(|_| as_text(), Value::from),
        }
    }

    /// The value, if it has this shape and lies within the bounds.
    ///
    /// # Errors
    /// What is wanted and what was found, in words.
    pub(super) fn read(self, value: &Value) -> Result<Shaped, String> {
        let refuse = || format!("wants {self}, not {}", describe(value));
        match (self, value) {
            (Self::Text, Value::String(_, text)) if !text.is_empty() => Ok(Shaped::Text(text.clone())),
            (Self::Choice(words), Value::String(_, text)) if words.contains(&text.as_str()) => {
                Ok(Shaped::Text(text.clone()))
            }
            (Self::List, Value::Array(_, items)) => {
                let texts = items.iter().map(|item| match item {
                    Value::String(_, text) => Ok(text.clone()),
                    other => Err(format!("wants {self}, and one of them is {}", describe(other))),
                });
                texts.collect::<Result<_, _>>().map(Shaped::List)
            }
            (Self::Count { min, max }, Value::Num(_, number)) => {
                let number = number
                    .to_i128()
                    .or_else(|| number.to_u128().and_then(|wide| i128::try_from(wide).ok()));
                let number = number.and_then(|wide| u64::try_from(wide).ok());
                number
                    .filter(|number| (min..=max).contains(number))
                    .map(Shaped::Count)
                    .ok_or_else(refuse)
            }
            (Self::Duration { min, max }, Value::String(_, text)) => {
                let span = text.parse::<jiff::SignedDuration>().ok();
                let span = span.and_then(|span| Duration::try_from(span).ok());
                span.filter(|span| (min..=max).contains(span))
                    .map(Shaped::Duration)
                    .ok_or_else(refuse)
            }
            (Self::Ratio { min, max }, Value::Num(_, number)) => {
                let whole = number
                    .to_i128()
                    .and_then(|whole| i32::try_from(whole).ok())
                    .map(f64::from);
                let thousandths = number.to_f64().or(whole).and_then(thousandths);
                thousandths
                    .filter(|number| (min..=max).contains(number))
                    .map(Shaped::Ratio)
                    .ok_or_else(refuse)
            }
            (Self::Labels, Value::Array(_, items)) => {
                let labels = items
                    .iter()
                    .map(|item| item.as_str().and_then(label).ok_or_else(refuse));
                let labels: BTreeMap<_, _> = labels.collect::<Result<_, _>>()?;
                let few = labels.len() <= LABELS_MAX;
                few.then_some(Shaped::Labels(labels)).ok_or_else(refuse)
            }
            (Self::Plugins, Value::Array(_, items)) => allocation::read(items).map(Shaped::Plugins),
            (Self::Switch, Value::Bool(_, switch)) => Ok(Shaped::Switch(*switch)),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Choice(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                f.write_str(&quoted.join(" or "))
            }
            Self::List => f.write_str("a list of texts"),
            Self::Count { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Duration { min, max } => write!(f, "a time such as \"2s\" or \"500ms\", from {min:?} to {max:?}"),
            Self::Switch => f.write_str("true or false"),
            Self::Plugins => {
                f.write_str("tables in the file: [allocation.plugin.NAME] with file = \"/path/to/lib.so\"")
            }
            Self::Ratio { min, max } => write!(f, "a number from {} to {}", decimal(*min), decimal(*max)),
            Self::Labels => write!(
                f,
                "at most {LABELS_MAX} texts by name such as {{ zone = \"a\" }}, each of at most {LABEL_BYTES_MAX} bytes"
            ),
        }
    }
}

/// As TOML would write it.
impl fmt::Display for Shaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(items) => write!(f, "{items:?}"),
            Self::Count(number) => write!(f, "{number}"),
            Self::Duration(span) => write!(f, "\"{span:?}\""),
            Self::Switch(switch) => write!(f, "{switch}"),
            Self::Ratio(thousandths) => f.write_str(&decimal(*thousandths)),
            Self::Plugins(plugins) => f.write_str(&allocation::shown(plugins)),
            Self::Labels(labels) => {
                let labels: Vec<String> = labels.iter().map(|(name, text)| format!("{name} = {text:?}")).collect();
                write!(f, "{{ {} }}", labels.join(", "))
            }
        }
    }
}

/// `zone=a`.
fn label(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let good = !name.is_empty() && name.chars().all(plain) && !value.chars().any(char::is_control);
    (good && text.len() <= LABEL_BYTES_MAX).then(|| (name.to_owned(), value.to_owned()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be small and positive"
)]
fn thousandths(number: f64) -> Option<u64> {
    (0.0..1e9).contains(&number).then(|| (number * 1000.0).round() as u64)
}

/// Thousandths as people write them: `0.25`, `2`.
pub fn decimal(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What was found, for a fault. Long texts are cut: they come from outside.
fn describe(value: &Value) -> String {
    match value {
        Value::String(_, text) if text.is_empty() => "an empty one".to_owned(),
        Value::String(_, text) if text.chars().count() > 60 => {
            format!("{:?}...", text.chars().take(60).collect::<String>())
        }
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, letter) => format!("{letter:?}"),
        Value::Bool(_, switch) => switch.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128(), number.to_f64()) {
            (Some(whole), ..) => whole.to_string(),
            (_, Some(whole), _) => whole.to_string(),
            (.., Some(float)) => format!("{float:?}"),
            (None, None, None) => "a number".to_owned(),
        },
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(..) => "a list".to_owned(),
        // The file reader has no other use for it.
        Value::Empty(..) => "a date".to_owned(),
    }
}

/// `registry.role` and a value as nested tables, as figment wants them.
pub(super) fn nested(path: &str, value: Value) -> Dict {
    figment::util::nest(path, value).into_dict().unwrap_or_default()
}
