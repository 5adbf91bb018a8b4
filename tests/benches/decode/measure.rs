//! Times that can be compared on a machine that others use, too.
//!
//! The candidates take turns, a millisecond each, so that whatever else happens on the machine happens to all of them; of
//! each the quickest turn counts, the one that was disturbed least.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a turn takes.
const TURN: Duration = Duration::from_millis(1);

/// How many turns each candidate has.
const TURNS: usize = 400;

/// One way to do the work.
pub(crate) type Candidate<'a> = &'a dyn Fn() -> bool;

/// Measures candidates side by side: nanoseconds per call.
pub(crate) fn nanoseconds<const N: usize>(candidates: [Candidate<'_>; N]) -> [f64; N] {
    let calls = candidates.map(calls_per_turn);
    let mut best = [f64::INFINITY; N];
    for _ in 0..TURNS {
        for (index, candidate) in candidates.iter().enumerate() {
            best[index] = best[index].min(turn(*candidate, calls[index]));
        }
    }
    best
}

fn calls_per_turn(candidate: Candidate<'_>) -> u32 {
    let mut calls = 1;
    loop {
        let start = Instant::now();
        turn(candidate, calls);
        if start.elapsed() >= TURN {
            return calls;
        }
        calls *= 2;
    }
}

fn turn(candidate: Candidate<'_>, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(candidate());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}
