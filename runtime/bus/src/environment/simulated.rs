//! The environment of a simulation: all of it follows from a seed. For tests of this repository; nothing here is promised.

pub mod program;
pub(crate) mod watch;

use std::cell::RefCell;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use uuid::{Builder, Uuid};

pub(crate) use program::of_program;

/// A map whose order is the same in every run.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// The clock that tells how long handlers compute: where time is virtual they take none.
pub(crate) use tokio::time::Instant as WorkInstant;

thread_local! {
    static ENVIRONMENT: RefCell<Option<Environment>> = const { RefCell::new(None) };
}

#[derive(Debug)]
struct Environment {
    random: Random,
    begun: Instant,
    time_of_day: Timestamp,
}

/// Puts this thread into an environment that follows from a seed, until the returned value is dropped. To be called within the
/// runtime whose clock counts.
pub fn enter(seed: u64, time_of_day: Timestamp) -> Entered {
    let environment = Environment { random: Random::new(seed), begun: Instant::now(), time_of_day };
    ENVIRONMENT.set(Some(environment));
    Entered(())
}

/// Puts the clock that shows the time of day forward, or back.
pub fn jump(by: SignedDuration) {
    with(|environment| {
        environment.time_of_day = environment.time_of_day.checked_add(by).unwrap_or(environment.time_of_day);
    });
}

/// Leaves the environment when dropped.
#[derive(Debug)]
#[must_use = "dropping it leaves the environment"]
pub struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        ENVIRONMENT.set(None);
    }
}

/// A source of random numbers that follows from a seed (SplitMix64, by Steele, Lea and Flood).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit, which must not be 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        ((self.draw() as u128 * limit as u128) >> 64) as u64
    }
}

/// The time of day, within an environment.
pub fn now() -> Option<Timestamp> {
    with(|environment| environment.now())
}

pub(super) fn new_id() -> Option<Uuid> {
    with(|environment| {
        let millisecond = u64::try_from(environment.now().as_millisecond()).unwrap_or_default();
        let (high, low) = (environment.random.draw().to_le_bytes(), environment.random.draw().to_le_bytes());
        let [a, b, c, d, e, f, g, h] = high;
        Builder::from_unix_timestamp_millis(millisecond, &[a, b, c, d, e, f, g, h, low[0], low[1]]).into_uuid()
    })
}

/// A random number, within an environment.
pub fn random() -> Option<u64> {
    with(|environment| environment.random.draw())
}

impl Environment {
    fn now(&self) -> Timestamp {
        self.time_of_day
            .checked_add(SignedDuration::try_from(self.elapsed()).unwrap_or_default())
            .unwrap_or(self.time_of_day)
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

fn with<T>(get: impl FnOnce(&mut Environment) -> T) -> Option<T> {
    ENVIRONMENT.with_borrow_mut(|environment| environment.as_mut().map(get))
}
