//! Whole grids of real processes on loopback: what operators and programs see of them, and what `kill -9` does to them.

mod application;
mod grid;
mod ports;
mod process;
mod story;
