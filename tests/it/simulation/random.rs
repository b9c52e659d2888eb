//! Random lives of grids, with nodes and without, one test a size.
//!
//! `FLOE_SCHEDULES` sets how many lives a size gets, `FLOE_SEED` repeats one.

use super::schedule::{Figures, SIZES, live};

/// How many lives each size gets where nobody says otherwise: takes about a minute of one processor for all sizes.
const SCHEDULES: u64 = 150;

/// A number from the environment.
pub(super) fn number(key: &str) -> Option<u64> {
    let text = std::env::var(key).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{key}={text:?} is no number: {error}")),
    )
}

#[expect(clippy::print_stdout, reason = "the figures of a run that went well")]
fn live_all(size: u64) {
    let seeds: Vec<u64> = match number("FLOE_SEED") {
        Some(seed) if seed % 10 == size => vec![seed],
        Some(_) => Vec::new(),
        None => (0..number("FLOE_SCHEDULES").unwrap_or(SCHEDULES))
            .map(|number| number * 10 + size)
            .collect(),
    };
    let mut sum = Figures::default();
    for seed in &seeds {
        match live(*seed, None, false) {
            Ok(figures) => {
                sum.steps += figures.steps;
                sum.millis += figures.millis;
                sum.acknowledged += figures.acknowledged;
                sum.reigns += figures.reigns;
                sum.slices += figures.slices;
                sum.processes += figures.processes;
            }
            Err(failure) => {
                #[expect(clippy::print_stderr, reason = "comes out before the long trace")]
                {
                    eprintln!("seed {seed}: {}", failure.fault);
                }
                let events = live(*seed, None, true)
                    .err()
                    .map_or_else(String::new, |failure| failure.events);
                panic!(
                    "{events}\nseed {seed}: {}\nrepeat it with: FLOE_SEED={seed} cargo nextest run --features mutants --test it random",
                    failure.fault
                );
            }
        }
    }
    let (registries, min_copies, nodes) = SIZES[usize::try_from(size).expect("below ten")];
    println!(
        "{registries} registries, {min_copies} copies, {nodes} nodes: {} lives, {} s of their time, {} events, {} reigns, {} updates acknowledged, {} slices taken, {} processes",
        seeds.len(),
        sum.millis / 1000,
        sum.steps,
        sum.reigns,
        sum.acknowledged,
        sum.slices,
        sum.processes
    );
}

#[test]
fn two_registries_one_copy() {
    live_all(0);
}
#[test]
fn two_registries_two_copies() {
    live_all(1);
}
#[test]
fn three_registries_one_copy() {
    live_all(2);
}
#[test]
fn three_registries_two_copies() {
    live_all(3);
}
#[test]
fn three_registries_three_copies() {
    live_all(4);
}
#[test]
fn five_registries_two_copies() {
    live_all(5);
}
#[test]
fn five_registries_three_copies() {
    live_all(6);
}
#[test]
fn two_registries_one_node() {
    live_all(7);
}
#[test]
fn three_registries_one_copy_two_nodes() {
    live_all(8);
}
#[test]
fn three_registries_two_copies_two_nodes() {
    live_all(9);
}
