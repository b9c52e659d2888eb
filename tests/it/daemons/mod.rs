//! Whole grids of real processes on loopback: what operators and programs see of them, and what `kill -9` does to them.

mod application;
mod catching_up;
mod claims;
mod commands;
mod crashes;
mod dev;
mod durability;
mod folder;
mod grid;
mod history;
mod http;
mod joining;
mod nodes;
mod ports;
mod process;
mod servers;
mod story;
