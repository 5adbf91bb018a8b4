//! The simulation can fail: each deliberate bug is found within a few hundred schedules, and a failing schedule replays exactly and
//! becomes smaller.

use eventsmith_simulation::mutation::Mutation;
use eventsmith_simulation::plan::Plan;
use eventsmith_simulation::run::run;
use eventsmith_simulation::shrink::shrink;

/// In how many schedules a bug must be found.
const MOST: u64 = 3_000;

/// The first seed that finds a bug.
fn first(plan_of: fn(u64) -> Plan, mutation: Mutation) -> Option<u64> {
    (1..=MOST).find(|seed| !run(&plan_of(*seed), Some(mutation), false).violations.is_empty())
}

fn quietly() {
    // What handlers do that are at fault is no news.
    std::panic::set_hook(Box::new(|_| {}));
}

fn all_are_found(plan_of: fn(u64) -> Plan, mutations: &[Mutation]) {
    quietly();

    let found: Vec<_> = mutations.iter().map(|mutation| (*mutation, first(plan_of, *mutation))).collect();

    for (mutation, seed) in &found {
        let violations = seed.map(|seed| run(&plan_of(seed), Some(*mutation), false).violations);
        println!("{mutation:?}: SEED={seed:?} {violations:?}");
    }
    let missed: Vec<Mutation> =
        found.iter().filter(|(_, seed)| seed.is_none()).map(|(mutation, _)| *mutation).collect();
    assert!(missed.is_empty(), "not found in {MOST} schedules: {missed:?}");
}

#[test]
fn every_deliberate_bug_of_delivery_is_found() {
    all_are_found(Plan::of, &Mutation::OF_DELIVERY);
}

#[test]
fn every_deliberate_bug_of_requests_is_found() {
    all_are_found(Plan::of_requests, &Mutation::OF_REQUESTS);
}

#[test]
fn every_deliberate_bug_of_commands_is_found() {
    all_are_found(Plan::of_commands, &Mutation::OF_COMMANDS);
}

#[test]
fn every_deliberate_bug_of_sagas_is_found() {
    all_are_found(Plan::of_transfers, &Mutation::OF_SAGAS);
}

#[test]
fn a_schedule_replays_exactly() {
    quietly();

    for seed in 1..=200 {
        for plan in [Plan::of(seed), Plan::of_requests(seed), Plan::of_commands(seed), Plan::of_transfers(seed)] {
            assert_eq!(run(&plan, None, true), run(&plan, None, true), "SEED={seed}");
        }
    }
}

#[test]
fn a_failing_plan_becomes_smaller_and_still_fails() {
    quietly();
    let mutation = Mutation::AckEarly;
    let plan = first(Plan::of, mutation).map(Plan::of).expect("a bug that is easy to find");

    let (smallest, _) = shrink(&plan, Some(mutation), 500);

    assert!(smallest.events.len() + smallest.faults.len() < plan.events.len() + plan.faults.len(), "{smallest:?}");
    assert!(!run(&smallest, Some(mutation), false).violations.is_empty());
}
