//! What an application may hold, table by table: keys and the shapes of their values. A test ties it to the descriptor.

use crate::pure::base::{ApplicationName, GroupId, PeerName};
use std::str::FromStr;

/// May a text stand here? In words why not.
pub(super) type Rule = fn(&str) -> Result<(), String>;

/// The shape of a value.
#[derive(Debug)]
pub(super) enum Shape {
    /// A text; a number or truth is taken as it is written.
    Text,
    /// A text that a rule judges, taken literally.
    Id(Rule),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number with its bounds.
    Number(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// A list of texts.
    Texts,
    /// A table with any keys.
    Map(&'static Shape),
    /// A table whose keys a rule judges.
    Named(Rule, &'static Shape),
    /// A table with these keys.
    Table(&'static Schema),
    /// A list of such tables.
    Tables(&'static Schema),
}

/// A table with known keys.
#[derive(Debug)]
pub(super) struct Schema {
    /// As messages name it.
    pub(super) what: &'static str,
    /// Keys with their shapes.
    pub(super) keys: &'static [(&'static str, Shape)],
    /// Those that must be there.
    pub(super) required: &'static [&'static str],
}

use Shape::{Boolean, Choice, Id, Map, Named, Number, Table, Tables, Text, Texts};

static TEXT: Shape = Text;
static PORT: Shape = Number(0, u16::MAX as i64);
const BALANCES: Shape = Choice(&["random", "round-robin", "ordered", "adaptive"]);
const SIZE: Shape = Number(0, i64::MAX);
const COUNT: Shape = Number(0, u32::MAX as i64);

fn parses<T: FromStr<Err: ToString>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.to_string())
}

pub(super) static APPLICATION: Schema = Schema {
    what: "an application",
    keys: &[
        ("application", Id(parses::<ApplicationName>)),
        ("description", Text),
        ("variables", Map(&TEXT)),
        ("properties", Map(&Table(&PROPERTY_SET))),
        ("template", Map(&Table(&SERVER))),
        ("group", Tables(&GROUP)),
        ("node", Named(parses::<PeerName>, &Table(&NODE))),
        ("target", Map(&Table(&TARGET))),
    ],
    required: &["application"],
};
pub(super) static TARGET: Schema = Schema {
    what: "a target",
    keys: &[
        ("variables", Map(&TEXT)),
        ("properties", Map(&Table(&PROPERTY_SET))),
        ("template", Map(&Table(&SERVER))),
        ("group", Tables(&GROUP)),
        ("node", Named(parses::<PeerName>, &Table(&NODE))),
    ],
    required: &[],
};
pub(super) static PROPERTY_SET: Schema = Schema {
    what: "a property set",
    keys: &[("use", Texts), ("set", Map(&TEXT))],
    required: &[],
};
pub(super) static NODE: Schema = Schema {
    what: "a node",
    keys: &[
        ("variables", Map(&TEXT)),
        ("properties", Map(&Table(&PROPERTY_SET))),
        ("server", Tables(&SERVER)),
    ],
    required: &[],
};
pub(super) static SERVER: Schema = Schema {
    what: "a server or template",
    keys: &[
        ("id", Text),
        ("template", Text),
        ("with", Map(&TEXT)),
        ("parameters", Map(&Table(&PARAMETER))),
        ("run", Texts),
        ("activation", Choice(&["manual", "on-demand", "always", "session"])),
        ("ready", Table(&READY)),
        ("environment", Map(&TEXT)),
        ("directory", Text),
        ("user", Text),
        ("limits", Table(&LIMITS)),
        ("stop", Texts),
        ("stop_signal", Text),
        ("reload_signal", Text),
        ("activation_timeout", Text),
        ("deactivation_timeout", Text),
        ("disable_after", Table(&DISABLE_AFTER)),
        ("port", Map(&PORT)),
        ("output", Table(&OUTPUT)),
        ("log", Map(&TEXT)),
        ("labels", Map(&TEXT)),
        ("metrics", Table(&SCRAPE)),
        ("exclusive", Boolean),
        ("file", Tables(&FILE)),
        ("adapter", Tables(&ADAPTER)),
        ("object", Tables(&OBJECT)),
        ("allocatable", Tables(&ALLOCATABLE)),
    ],
    required: &[],
};
pub(super) static PARAMETER: Schema = Schema {
    what: "a parameter",
    keys: &[("default", Text)],
    required: &[],
};
pub(super) static READY: Schema = Schema {
    what: "ready",
    keys: &[
        ("tcp", Text),
        ("http", Text),
        ("path", Text),
        ("notify", Boolean),
        ("after", Text),
    ],
    required: &[],
};
pub(super) static LIMITS: Schema = Schema {
    what: "limits",
    keys: &[("cpu", Text), ("memory", Text), ("files", SIZE), ("tasks", SIZE)],
    required: &[],
};
pub(super) static SCRAPE: Schema = Schema {
    what: "metrics",
    keys: &[("adapter", Text), ("path", Text)],
    required: &["adapter"],
};
pub(super) static DISABLE_AFTER: Schema = Schema {
    what: "disable_after",
    keys: &[("failures", COUNT), ("for", Text)],
    required: &["failures"],
};
pub(super) static OUTPUT: Schema = Schema {
    what: "output",
    keys: &[("rotate", Text), ("keep", COUNT)],
    required: &[],
};
pub(super) static FILE: Schema = Schema {
    what: "a file",
    keys: &[("name", Text), ("use", Texts), ("set", Map(&TEXT))],
    required: &["name"],
};
pub(super) static ADAPTER: Schema = Schema {
    what: "an adapter",
    keys: &[
        ("name", Text),
        ("id", Text),
        ("group", Text),
        ("endpoint", Text),
        ("priority", Number(i32::MIN as i64, i32::MAX as i64)),
    ],
    required: &["name"],
};
pub(super) static GROUP: Schema = Schema {
    what: "a group",
    keys: &[
        ("id", Id(parses::<GroupId>)),
        ("balance", BALANCES),
        ("count", COUNT),
        ("object", Tables(&OBJECT)),
    ],
    required: &["id"],
};
pub(super) static OBJECT: Schema = Schema {
    what: "an object",
    keys: &[("id", Text), ("type", Text), ("adapter", Text)],
    required: &["id"],
};
pub(super) static ALLOCATABLE: Schema = Schema {
    what: "an allocatable",
    keys: &[
        ("id", Text),
        ("type", Text),
        ("adapter", Text),
        ("attributes", Map(&TEXT)),
    ],
    required: &["id"],
};
