//! The simulation is only worth what it notices: with one safety rule switched off, it must find a broken promise.
//!
//! `FLOE_SCHEDULES` sets after how many lives it gives up.

use super::random::number;
use super::schedule::{Off, has_nodes, is_smallest, live};
use floe::pure::lineage::rules::Rule;

/// After how many lives a rule counts as unguarded.
const BUDGET: u64 = 4_000;

fn is_caught(rule: Rule) {
    is_noticed(Off::Everywhere(rule), |_| true);
}
/// The registries keep to the rule.
fn is_caught_at_nodes(rule: Rule) {
    is_noticed(Off::OnlyAtNodes(rule), has_nodes);
}
#[expect(clippy::print_stdout, reason = "how much it took to notice")]
fn is_noticed(off: Off, seeds: impl Fn(u64) -> bool) {
    let budget = number("FLOE_SCHEDULES").unwrap_or(BUDGET);
    let budget = usize::try_from(budget).expect("a sensible number");
    // A life that only comes to a standstill shows no more than that something is different.
    let broken = |fault: &str| ["promise", "request"].iter().any(|word| fault.starts_with(word));
    let caught = (0..).filter(|seed| seeds(*seed)).take(budget).find_map(|seed| {
        let failure = live(seed, Some(off), false).err()?;
        broken(&failure.fault).then_some((seed, failure.fault))
    });
    let (seed, fault) =
        caught.unwrap_or_else(|| panic!("{off:?} is switched off, and no promise broke in {budget} lives"));
    println!("{off:?}: caught by life {seed}: {fault}");
}

#[test]
fn epochs_without_ids() {
    is_caught(Rule::EpochIdDecides);
}
#[test]
fn a_start_that_goes_on_in_the_old_epoch() {
    is_caught(Rule::NewEpochAtStart);
}
#[test]
fn overwriting_a_replica_that_is_ahead() {
    is_caught(Rule::RefuseOverwrite);
}
#[test]
fn obeying_a_lower_epoch() {
    is_caught(Rule::HonourPromise);
}
#[test]
fn a_promise_that_a_crash_forgets() {
    is_caught(Rule::PromiseIsDurable);
}
#[test]
fn a_promotion_past_a_newer_registry() {
    is_caught(Rule::CompleteOrRefuse);
}
#[test]
fn a_master_that_sends_before_it_syncs() {
    is_caught(Rule::MasterSyncsFirst);
}
#[test]
fn a_replica_that_confirms_before_it_syncs() {
    is_caught(Rule::ReplicaSyncsFirst);
}
#[test]
fn a_deposed_master_that_goes_on() {
    is_caught(Rule::DeposedStops);
}
#[test]
fn an_update_acknowledged_without_its_copies() {
    is_caught(Rule::WaitForCopies);
}
#[test]
fn a_proof_with_one_answer_too_few() {
    is_caught(Rule::Coverage);
}
#[test]
fn a_candidate_that_asks_for_promises_and_does_not_listen() {
    is_caught(Rule::PromisesDecideAgain);
}
#[test]
fn a_master_that_hands_over_and_writes_on() {
    is_caught(Rule::HandOverStopsWriting);
}
#[test]
fn an_order_that_a_crash_forgets() {
    is_caught(Rule::OrderIsDurable);
}
#[test]
fn a_proof_by_a_registry_that_was_given_another_database() {
    // Rare, and seen soonest where one disk is enough for an update and only one other is asked for a proof.
    is_noticed(Off::Everywhere(Rule::UnprovenDoesNotCount), is_smallest);
}
#[test]
fn a_master_that_writes_out_of_sight() {
    is_caught(Rule::SightBeforeWriting);
}
#[test]
fn a_review_that_promises() {
    is_caught(Rule::ReviewPromisesNothing);
}
#[test]
fn a_node_that_obeys_a_lower_epoch() {
    is_caught_at_nodes(Rule::NodeObeysHighest);
}
#[test]
fn a_node_that_promises_a_lower_epoch() {
    is_caught_at_nodes(Rule::HonourPromise);
}
#[test]
fn a_node_that_takes_one_reign_for_another_of_its_number() {
    is_caught_at_nodes(Rule::EpochIdDecides);
}
#[test]
fn a_node_whose_promise_a_crash_forgets() {
    is_caught_at_nodes(Rule::PromiseIsDurable);
}
