//! Whole grids of real processes on loopback: what operators and programs see of them, and what `kill -9` does to them.

mod application;
mod claims;
mod commands;
mod crashes;
mod dev;
mod folder;
mod grid;
mod http;
mod init;
mod joining;
mod nodes;
mod ports;
mod process;
mod servers;
mod story;
