//! Whole grids of real processes on loopback: what operators and programs see of them, and what `kill -9` does to them.

mod application;
mod catching_up;
mod claims;
mod commands;
mod comparing;
mod crashes;
mod dev;
mod disk;
mod durability;
mod folder;
mod grid;
mod history;
mod http;
mod joining;
mod liar;
mod network;
mod nodes;
mod partition;
mod ports;
mod power;
mod process;
mod promotion;
mod restored;
mod review;
mod servers;
mod story;
