//! Loads a library that was checked. Never unloads one: its threads and its names may be in use for ever.
#![expect(unsafe_code, reason = "a plugin is code of somebody else's, behind C functions")]

use crate::io::telemetry::logging::Chain;
use floe_plugin_sdk::abi::{self, Descriptor};
use floe_plugin_sdk::harness::{Fault, Harness};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::mem::ManuallyDrop;
use std::path::Path;

/// A library that stays until the process ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loaded {
    pub(super) descriptor: Descriptor,
}

impl Loaded {
    /// Loads it with all its names bound, so that a missing function is an error now and not the end of the process later.
    /// `path` is absolute: a bare name would be looked for in the system's folders.
    ///
    /// # Errors
    /// What the loader says.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        // SAFETY: runs the file's code, which is what the operator asked for; the file was checked.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let library = ManuallyDrop::new(library.map_err(|error| Chain(&error).to_string())?);
        // SAFETY: the descriptor of a file that was checked is a constant at least as long as ours.
        let symbol = unsafe { library.get::<*const Descriptor>(abi::SYMBOL.as_bytes()) };
        let symbol = symbol.map_err(|error| Chain(&error).to_string())?;
        let place: *const Descriptor = *symbol;
        // SAFETY: as above; the library stays, and so do its functions.
        let descriptor = unsafe { place.read() };
        Ok(Self { descriptor })
    }

    /// An instance.
    ///
    /// # Errors
    /// What its `create` reported.
    pub(super) fn create(&self, config: &str) -> Result<Harness, Fault> {
        // SAFETY: the library stays loaded; that its functions keep the ABI's promises is what the caller finds out, in a
        // process that may be lost.
        unsafe { Harness::from_descriptor(self.descriptor, config) }
    }
}
