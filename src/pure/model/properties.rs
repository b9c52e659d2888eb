//! Property sets: what one adds up to with those that it uses, and what a server's file holds.
//!
//! A later set wins over an earlier one, and what a set or file says itself over all that it uses. A node's set takes the
//! place of the application's of its name, also where another set of the application uses it.

use super::descriptor::{Application, File, Node, PropertySet};
use super::fault::{Fault, Faults, shown};
use super::nearest::did_you_mean;
use super::place::{Field, Spot};
use super::substitute::{DEPTH_MAX, Scope};
use crate::pure::base::PeerName;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Where a property is written: which set, and of which node when it is a node's own. `None`: in the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin<'a> {
    node: Option<&'a PeerName>,
    set: &'a str,
}
impl<'a> Origin<'a> {
    pub(super) fn place(&self) -> Spot<'a> {
        Spot::property_set(self.node, self.set)
    }
}

/// Properties as written, by name.
pub(super) type Flat<'a> = BTreeMap<&'a str, (&'a str, Option<Origin<'a>>)>;

/// The sets that one node sees, or, without a node, those of the application alone. Each is worked out once.
pub(super) struct Sets<'a> {
    application: &'a Application,
    node: Option<(&'a PeerName, &'a Node)>,
    ready: BTreeMap<&'a str, Result<Rc<Flat<'a>>, Fault>>,
    work: Scope<'a>,
    /// Is it worth looking for the name that may be meant?
    hints: bool,
}

impl<'a> Sets<'a> {
    pub(super) fn new(
        application: &'a Application,
        node: Option<(&'a PeerName, &'a Node)>,
        work: &'a Cell<usize>,
    ) -> Self {
        Self {
            application,
            node,
            ready: BTreeMap::new(),
            work: Scope::new(Vec::new(), work),
            hints: true,
        }
    }

    /// Checks the sets that are declared here, whether a file uses them or not. `told` are faults that were told already.
    pub(super) fn check(&mut self, told: &mut BTreeSet<Fault>, faults: &mut Faults) {
        let sets = self
            .node
            .map_or(&self.application.property_sets, |(_, node)| &node.property_sets);
        for name in sets.keys() {
            self.hints = !faults.is_full();
            if let Err(fault) = self.resolve(name, &mut Vec::new()) {
                tell(fault, told, faults);
            }
        }
    }

    /// What a file of a server holds, as written. Names that are not declared are told at the file, what is wrong with a
    /// set at the set, once.
    pub(super) fn of_file<'f>(
        &mut self,
        file: &'f File,
        place: Spot<'_>,
        told: &mut BTreeSet<Fault>,
        faults: &mut Faults,
    ) -> Flat<'f>
    where
        'a: 'f,
    {
        self.hints = !faults.is_full();
        let mut all = Flat::new();
        for (index, name) in file.uses.iter().enumerate() {
            let Some((Origin { set, .. }, _)) = self.find(name) else {
                let message = format!("use: {}", self.unknown(name));
                faults.add(place.field(Field::Item("use", index)), message);
                continue;
            };
            match self.resolve(set, &mut Vec::new()) {
                Ok(flat) => all.extend(flat.iter().map(|(key, value)| (*key, *value))),
                Err(fault) => tell(fault, told, faults),
            }
            if self.work.count(all.len()).is_err() {
                break;
            }
        }
        all.extend(file.set.iter().map(|(key, text)| (key.as_str(), (text.as_str(), None))));
        all
    }

    fn find(&self, name: &str) -> Option<(Origin<'a>, &'a PropertySet)> {
        let own = self.node.and_then(|(node, within)| {
            let (set, properties) = within.property_sets.get_key_value(name)?;
            Some((Origin { node: Some(node), set }, properties))
        });
        own.or_else(|| {
            let (set, properties) = self.application.property_sets.get_key_value(name)?;
            Some((Origin { node: None, set }, properties))
        })
    }

    fn resolve(&mut self, name: &'a str, inside: &mut Vec<&'a str>) -> Result<Rc<Flat<'a>>, Fault> {
        if let Some(known) = self.ready.get(name) {
            return known.clone();
        }
        let Some((origin, set)) = self.find(name) else {
            // Only the application's own sets come here, with what some node declares: that node will see.
            return Ok(Rc::default());
        };
        inside.push(name);
        let result = self.add_up(origin, set, inside).map(Rc::new);
        inside.pop();
        self.ready.insert(name, result.clone());
        result
    }

    fn add_up(
        &mut self,
        origin: Origin<'a>,
        set: &'a PropertySet,
        inside: &mut Vec<&'a str>,
    ) -> Result<Flat<'a>, Fault> {
        let mut all = Flat::new();
        for (index, used) in set.uses.iter().enumerate() {
            let refused = |message: String| {
                let place = origin.place().field(Field::Item("use", index));
                Err(Fault::new(place, format!("use: {message}")))
            };
            if let Some(start) = inside.iter().position(|outer| outer == used) {
                let circle = inside.iter().skip(start).copied().chain([used.as_str()]);
                let circle: Vec<String> = circle.map(shown).collect();
                return refused(format!("property sets go round in a circle: {}", circle.join(" -> ")));
            }
            if inside.len() >= DEPTH_MAX {
                return refused(format!("property sets are nested more than {DEPTH_MAX} deep"));
            }
            if self.find(used).is_none() && (self.node.is_some() || !self.is_elsewhere(used)) {
                return refused(self.unknown(used));
            }
            let flat = self.resolve(used, inside)?;
            if let Err(error) = self.work.count(flat.len() + 1) {
                return refused(error.to_string());
            }
            all.extend(flat.iter().map(|(key, value)| (*key, *value)));
        }
        let own = set.set.iter();
        all.extend(own.map(|(key, text)| (key.as_str(), (text.as_str(), Some(origin)))));
        match self.work.count(all.len() + 1) {
            Ok(()) => Ok(all),
            Err(error) => Err(Fault::new(origin.place(), error.to_string())),
        }
    }

    fn is_elsewhere(&self, name: &str) -> bool {
        let mut nodes = self.application.nodes.values();
        nodes.any(|node| node.property_sets.contains_key(name))
    }

    fn unknown(&self, name: &str) -> String {
        let own = self.node.into_iter().flat_map(|(_, node)| node.property_sets.keys());
        let known = self.application.property_sets.keys().chain(own).map(String::as_str);
        let near = if self.hints {
            did_you_mean(name, known)
        } else {
            String::new()
        };
        let place = match self.node {
            Some((node, _)) if self.is_elsewhere(name) => format!("for node {node}"),
            _ => "in this application".to_owned(),
        };
        format!("property set \"{}\" is not declared {place}{near}", shown(name))
    }
}

fn tell(fault: Fault, told: &mut BTreeSet<Fault>, faults: &mut Faults) {
    if told.insert(fault.clone()) {
        faults.push(fault);
    }
}

/// May a file of a server have this name? In words why not.
pub(super) fn check_file_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("is empty")
    } else if name == "." || name == ".." {
        Err("names a folder")
    } else if name.len() > 255 {
        Err("is longer than 255 bytes")
    } else if name.contains('/') {
        Err("holds a '/': files stand in ${server.config} itself")
    } else if name.chars().any(char::is_control) {
        Err("holds a control character")
    } else {
        Ok(())
    }
}

/// May a property have this name? A line of a file is `name=value`.
pub(super) fn check_property_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("is empty")
    } else if name.len() > 255 {
        Err("is longer than 255 bytes")
    } else if name.contains('=') || name.chars().any(char::is_control) || name.trim() != name || name.starts_with('#') {
        Err("may hold no '=', no line end and no blank at its ends, and does not start with '#'")
    } else {
        Ok(())
    }
}
