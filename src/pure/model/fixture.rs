//! What tests of the model and the locator build their deployments of.

use super::deployment::{ApplicationRecord, Deployment};
use super::{Application, Expansion, Fault, ServerSpec, Update};
use crate::pure::base::WallTime;
use crate::pure::lineage::{Digest, Serial, Version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An application of TOML that must be readable.
pub(crate) fn application(text: &str) -> Application {
    Application::from_toml(text, "test.toml").unwrap_or_else(|faults| panic!("{faults:?} in:\n{text}"))
}

/// The text of an application with so many servers, named after it, on one node.
pub(crate) fn many(application: &str, node: &str, count: usize, run: &str) -> String {
    let servers =
        (0..count).map(|number| format!("[[node.{node}.server]]\nid = \"{application}{number}\"\nrun = {run}\n"));
    [format!("application = \"{application}\"\n")]
        .into_iter()
        .chain(servers)
        .collect()
}

/// A record as the registry makes it of the entry with this serial.
pub(crate) fn record(descriptor: Application, serial: Serial) -> ApplicationRecord {
    ApplicationRecord {
        descriptor: descriptor.into(),
        revision: serial,
        version: Version {
            epoch: 1,
            serial,
            digest: Digest([7; 32]),
        },
        time: WallTime(0),
        actor: "test".to_owned(),
        changes: None,
        rolled_back_to: None,
    }
}

/// A deployment of applications that must be valid, applied with serials 1, 2, ...
pub(crate) fn deployed(texts: &[&str]) -> Deployment {
    let mut deployment = Deployment::default();
    for (serial, text) in (1..).zip(texts) {
        put(&mut deployment, text, serial);
    }
    deployment
}

/// Applies an application that must be valid.
pub(crate) fn put(deployment: &mut Deployment, text: &str, serial: Serial) {
    let update = Update::PutApplication(Arc::new(record(application(text), serial)));
    deployment
        .apply(&update, serial)
        .unwrap_or_else(|faults| panic!("{faults:?} in:\n{text}"));
}

/// What is wrong with an application of TOML in a deployment.
pub(crate) fn faults_of(deployment: &Deployment, text: &str) -> Vec<String> {
    let faults = deployment.check(&application(text)).err().unwrap_or_default();
    faults.iter().map(Fault::to_string).collect()
}

/// What an application that must be valid means.
pub(crate) fn expanded(text: &str) -> Expansion {
    let application = application(text);
    let expansion = Deployment::default().check(&application);
    expansion.unwrap_or_else(|faults| panic!("{faults:#?} in:\n{text}"))
}

/// One of its servers.
pub(crate) fn server(expansion: &Expansion, id: &str) -> ServerSpec {
    let found = expansion.servers.iter().find(|(_, spec)| spec.id.as_str() == id);
    found
        .unwrap_or_else(|| panic!("no server {id} in {expansion:#?}"))
        .1
        .clone()
}

/// A map of texts.
pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Each text is refused with this one fault, as a whole.
pub(crate) fn refused(head: &str, table: &[(&str, &str)]) {
    for (text, expected) in table {
        let text = format!("application = \"a\"\n{head}\n{text}\n");
        let faults = faults_of(&Deployment::default(), &text);
        assert!(
            faults.len() == 1 && faults[0].contains(expected),
            "wanted {expected:?}, got {faults:#?} for:\n{text}"
        );
    }
}
