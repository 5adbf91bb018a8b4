//! How a projection runs.

use std::time::Duration;

use eventsmith_bus::config::duration;
use serde::{Deserialize, Serialize};

use crate::delay::doubled;

/// How a projection runs. The defaults are good for most. In a configuration durations are texts, such as `5s`.
///
/// ```
/// use std::time::Duration;
///
/// use eventsmith::state::{OnPoison, ProjectionConfig};
///
/// let config = ProjectionConfig { on_poison: OnPoison::Stop, ..ProjectionConfig::default() };
/// assert_eq!(config.lease, Duration::from_secs(10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectionConfig {
    /// How long an instance that projects may be silent before another one takes over. It says that it is there three times in this time.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// How many messages are projected together at most: those that have come already.
    pub max_chunk: usize,
    /// How often an event is tried whose handler fails in a way that may pass, before the projection stops. At least once.
    pub max_attempts: u32,
    /// The pause after the first of these attempts; it doubles, up to 30 s.
    #[serde(with = "duration")]
    pub first_delay: Duration,
    /// What becomes of a message that nobody can read, or that the handler rejects.
    pub on_poison: OnPoison,
    /// How often the projection says how far it is, and looks whether it is to be rebuilt.
    #[serde(with = "duration")]
    pub status_interval: Duration,
}

/// What becomes of a message on the subjects of the projection's events that nobody can read, or that the handler rejects, or at which it
/// panics. An event of a version that the program does not know yet is none of these: it always stops the projection.
///
/// ```
/// assert_eq!(eventsmith::state::OnPoison::default(), eventsmith::state::OnPoison::Skip);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPoison {
    /// It is left out, logged, counted, and the last one is named in the status: as services set such events aside. The stream still has it.
    #[default]
    Skip,
    /// The projection stops before it, and says which it is.
    Stop,
}

impl Default for ProjectionConfig {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            max_chunk: 256,
            max_attempts: 10,
            first_delay: Duration::from_millis(50),
            on_poison: OnPoison::Skip,
            status_interval: Duration::from_secs(1),
        }
    }
}

/// The longest pause between attempts.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

impl ProjectionConfig {
    /// How long to wait after an attempt, counted from 1.
    pub(crate) fn delay(&self, attempt: u32) -> Duration {
        doubled(self.first_delay, LONGEST_DELAY, attempt.into())
    }

    /// No time is zero, and none is too long for a clock.
    pub(crate) fn bounded(mut self) -> Self {
        for time in [&mut self.lease, &mut self.status_interval] {
            *time = (*time).clamp(Duration::from_millis(10), Duration::from_secs(86_400));
        }
        self.first_delay = self.first_delay.max(Duration::from_millis(1));
        self.max_chunk = self.max_chunk.clamp(1, 10_000);
        self.max_attempts = self.max_attempts.max(1);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let config = ProjectionConfig::default();

        let delays = [1, 2, 3, 40].map(|attempt| config.delay(attempt).as_millis());

        assert_eq!(delays, [50, 100, 200, 30_000]);
    }

    #[test]
    fn durations_are_texts_in_a_configuration() {
        let config = ProjectionConfig { lease: Duration::from_millis(1_500), ..ProjectionConfig::default() };

        let text = serde_json::to_string(&config).unwrap();

        assert!(text.contains(r#""lease":"1s 500ms""#), "{text}");
        assert_eq!(serde_json::from_str::<ProjectionConfig>(&text).unwrap(), config);
        assert!(serde_json::from_str::<ProjectionConfig>(r#"{"lease":"5s"}"#).is_ok());
        assert!(serde_json::from_str::<ProjectionConfig>(r#"{"lease":5000}"#).is_err());
    }
}
