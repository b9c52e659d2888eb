//! Whole grids of real processes on loopback: what operators and programs see of them, and what `kill -9` does to them.

mod application;
mod claims;
mod commands;
mod comparing;
mod crashes;
mod dev;
mod folder;
mod grid;
mod http;
mod joining;
mod nodes;
mod ports;
mod process;
mod promotion;
mod review;
mod servers;
mod story;
