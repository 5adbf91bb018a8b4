//! The simulation can fail: each deliberate bug is found within a few hundred schedules, and a failing schedule replays exactly and
//! becomes smaller.

use eventsmith_simulation::mutation::Mutation;
use eventsmith_simulation::plan::Plan;
use eventsmith_simulation::run::run;
use eventsmith_simulation::shrink::shrink;

/// In how many schedules a bug must be found.
const MOST: u64 = 3_000;

/// The first seed that finds a bug.
fn first(mutation: Mutation) -> Option<u64> {
    (1..=MOST).find(|seed| !run(&Plan::of(*seed), Some(mutation), false).violations.is_empty())
}

fn quietly() {
    // What handlers do that are at fault is no news.
    std::panic::set_hook(Box::new(|_| {}));
}

#[test]
fn every_deliberate_bug_is_found() {
    quietly();

    let found = Mutation::ALL.map(|mutation| (mutation, first(mutation)));

    for (mutation, seed) in found {
        let violations = seed.map(|seed| run(&Plan::of(seed), Some(mutation), false).violations);
        println!("{mutation:?}: SEED={seed:?} {violations:?}");
    }
    let missed: Vec<Mutation> =
        found.iter().filter(|(_, seed)| seed.is_none()).map(|(mutation, _)| *mutation).collect();
    assert!(missed.is_empty(), "not found in {MOST} schedules: {missed:?}");
}

#[test]
fn a_schedule_replays_exactly() {
    quietly();

    for seed in 1..=200 {
        let plan = Plan::of(seed);
        assert_eq!(run(&plan, None, true), run(&plan, None, true), "SEED={seed}");
    }
}

#[test]
fn a_failing_plan_becomes_smaller_and_still_fails() {
    quietly();
    let mutation = Mutation::AckEarly;
    let plan = first(mutation).map(Plan::of).expect("a bug that is easy to find");

    let (smallest, _) = shrink(&plan, Some(mutation), 500);

    assert!(smallest.events.len() + smallest.faults.len() < plan.events.len() + plan.faults.len(), "{smallest:?}");
    assert!(!run(&smallest, Some(mutation), false).violations.is_empty());
}
