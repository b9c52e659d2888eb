//! What tests of the model and the locator build their deployments of.

use super::deployment::{ApplicationRecord, Deployment};
use super::{Application, Update};
use crate::pure::base::WallTime;
use crate::pure::lineage::{Digest, Serial, Version};
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
        descriptor,
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
