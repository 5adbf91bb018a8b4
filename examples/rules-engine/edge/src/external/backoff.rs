//! How long to wait between attempts.

use std::time::Duration;

/// Delays that double, each shortened at random by up to a half, so that many who failed together do not come again together.
///
/// ```
/// use std::time::Duration;
/// use rules_engine_edge::external::Backoff;
///
/// let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
/// let third = backoff.after(3);
/// assert!(third >= Duration::from_millis(200) && third <= Duration::from_millis(400));
/// assert!(backoff.after(60) <= Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest delay after the first attempt.
    pub first: Duration,
    /// The longest of all.
    pub longest: Duration,
}

impl Backoff {
    /// The delay after so many attempts.
    pub fn after(&self, attempts: u32) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        let delay = doubled.min(self.longest);
        let mut random = [0_u8; 1];
        // Without random numbers the delay is the longest one.
        let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random);
        delay - delay.mul_f64(f64::from(random[0]) / 510.0)
    }
}
