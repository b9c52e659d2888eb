//! Random lives of grids, with nodes and without, one test a size.
//!
//! `FLOE_SCHEDULES` sets how many lives a size gets, `FLOE_FIRST` which is the first of them, `FLOE_SEED` repeats one.

use super::schedule::{Figures, SIZES, live};

/// How many lives each size gets where nobody says otherwise: takes about a minute of one processor for all sizes.
const SCHEDULES: u64 = 150;
/// After so many broken lives of one size nobody looks for more.
const BROKEN_MAX: usize = 10;

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
    let first = number("FLOE_FIRST").unwrap_or(0);
    let seeds: Vec<u64> = match number("FLOE_SEED") {
        Some(seed) if seed % 10 == size => vec![seed],
        Some(_) => Vec::new(),
        None => (first..first + number("FLOE_SCHEDULES").unwrap_or(SCHEDULES))
            .map(|number| number * 10 + size)
            .collect(),
    };
    let mut sum = Figures::default();
    let mut broken = Vec::new();
    for seed in &seeds {
        match live(*seed, None, false) {
            Ok(figures) => sum.add(figures),
            Err(failure) => {
                #[expect(clippy::print_stderr, reason = "comes out before the long trace")]
                {
                    eprintln!("seed {seed}: {}", failure.fault);
                }
                broken.push((*seed, failure.fault));
            }
        }
        if broken.len() == BROKEN_MAX {
            break;
        }
    }
    if let Some((seed, fault)) = broken.first() {
        let events = live(*seed, None, true)
            .err()
            .map_or_else(String::new, |failure| failure.events);
        let others: Vec<String> = broken[1..].iter().map(|(seed, _)| seed.to_string()).collect();
        panic!(
            "{events}\nseed {seed}: {fault}\nrepeat it with: FLOE_SEED={seed} cargo nextest run --features mutants --test it random\nother broken lives: [{}]",
            others.join(", ")
        );
    }
    let (registries, min_copies, nodes) = SIZES[usize::try_from(size).expect("below ten")];
    println!(
        "{registries} registries, {min_copies} copies, {nodes} nodes: {} lives, {} s of their time, {} events, {} reigns, {} updates acknowledged, {} slices taken, {} processes, {} leases given",
        seeds.len(),
        sum.millis / 1000,
        sum.steps,
        sum.reigns,
        sum.acknowledged,
        sum.slices,
        sum.processes,
        sum.given
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
