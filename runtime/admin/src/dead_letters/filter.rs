//! Which dead letters are meant.

use std::time::Duration;

use eventsmith_bus::dead_letters::reason::DeadReason;
use eventsmith_bus::dead_letters::record::DeadLetter;
use eventsmith_bus::settings::DEAD_LETTERS;
use jiff::Timestamp;

/// Which dead letters are meant: those that fit everything that is given. The default means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Those of this consumer.
    pub consumer: Option<String>,
    /// Those about events of this stream.
    pub stream: Option<String>,
    /// Those about events of this type, `rule.activated`.
    pub event_type: Option<String>,
    /// Those that were dead-lettered for this reason.
    pub reason: Option<DeadReason>,
    /// Those that were dead-lettered longer ago than this.
    pub older_than: Option<Duration>,
    /// Those that were dead-lettered no longer ago than this.
    pub newer_than: Option<Duration>,
}

impl DeadLetterFilter {
    /// The subjects among which the server finds them.
    pub(super) fn subject(&self, root: &str) -> String {
        let token = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".to_owned());
        format!("{root}.{DEAD_LETTERS}.{}.{}.>", token(&self.consumer), token(&self.stream))
    }

    /// Whether a dead letter from such a subject is meant.
    pub(super) fn fits(&self, dead_letter: &DeadLetter, now: Timestamp) -> bool {
        // A clock that was set back makes dead letters from the future, which are new.
        let age = Duration::try_from(now.duration_since(dead_letter.dead_lettered)).unwrap_or_default();
        self.event_type.as_ref().is_none_or(|wanted| dead_letter.event_type.as_ref() == Some(wanted))
            && self.reason.is_none_or(|wanted| dead_letter.reason == wanted)
            && self.older_than.is_none_or(|limit| age > limit)
            && self.newer_than.is_none_or(|limit| age <= limit)
    }
}
