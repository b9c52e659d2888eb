//! supervisor

pub mod report;
