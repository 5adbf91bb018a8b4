//! The fuzz targets compile, and run for a moment: what stands for libFuzzer here changes single bytes.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::env;
use std::time::{Duration, Instant};

// The targets name libfuzzer_sys, which is a compiler of C++ away.
extern crate self as libfuzzer_sys;

/// What the targets are written with. No macro of a module is seen outside but by its path, as those of a crate.
mod macros {
    /// The body of a target, as a function.
    macro_rules! fuzz_target {
        (|$data:ident: &[u8]| $body:block) => {
            pub(crate) fn run($data: &[u8]) $body
        };
    }

    /// The mutator of a target, as a function that returns how long the new input is.
    macro_rules! fuzz_mutator {
        (|$data:ident: &mut [u8], $size:ident: usize, $most:ident: usize, $seed:ident: u32| $body:block) => {
            pub(crate) fn mutate($data: &mut [u8], $size: usize, $most: usize, $seed: u32) -> usize $body
        };
    }

    pub(crate) use {fuzz_mutator, fuzz_target};
}

pub(crate) use macros::{fuzz_mutator, fuzz_target};

fn fuzzer_mutate(data: &mut [u8], size: usize, most: usize) -> usize {
    data[size / 2] ^= 1;
    size.clamp(1, most)
}

#[path = "../../fuzz/fuzz_targets/decode.rs"]
#[expect(unused_attributes, clippy::expect_used, reason = "it is written as a program of its own")]
mod decode;
#[path = "../../fuzz/fuzz_targets/generate.rs"]
#[expect(unused_attributes, unreachable_pub, clippy::expect_used, reason = "it is written as a program of its own")]
mod generate;

/// Runs a target with what its mutator makes of nothing: a few times, or for as long as `EVENTSMITH_FUZZ_SECONDS` says, from the seed
/// `EVENTSMITH_SEED` on. Each seed and input is one run; the longest is told, as time may explode where nothing panics.
fn fuzz(name: &str, run: fn(&[u8]), mutate: fn(&mut [u8], usize, usize, u32) -> usize) {
    const USUAL: u32 = 40;
    let said = |variable: &str| env::var(variable).ok().map(|text| text.parse::<u32>().expect("a whole number"));
    let end = said("EVENTSMITH_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
    let first = said("EVENTSMITH_SEED").unwrap_or_default();
    let (mut runs, mut slowest) = (0_u32, (Duration::ZERO, 0));
    while end.map_or(runs < USUAL, |end| Instant::now() < end) {
        let seed = first.wrapping_add(runs);
        let mut data = vec![b'0'; 1 << 14];
        let size = mutate(&mut data, 0, 1 << 14, seed);
        let started = Instant::now();
        run(&data[..size]);
        slowest = slowest.max((started.elapsed(), seed));
        runs += 1;
    }
    println!("{name}: {runs} runs, the slowest {:.2?} with seed {}", slowest.0, slowest.1);
}

#[test]
fn payloads_are_decoded_as_the_validator_says() {
    fuzz("decode", decode::run, decode::mutate);
}

#[test]
fn whatever_is_generated_is_rust() {
    fuzz("generate", generate::run, generate::mutate);
}
