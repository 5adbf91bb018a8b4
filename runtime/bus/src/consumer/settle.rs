//! The one place that decides how a delivered event is settled.

use std::time::Duration;

use eventsmith_event::clip::clip;

use super::retry::RetryPolicy;
use crate::config::duration::LONGEST;
use crate::dead_letters::reason::DeadReason;
use crate::handler::{Advice, HandlerError};

/// How the attempt to handle an event ended.
#[derive(Debug)]
pub(super) enum HandlerOutcome {
    /// Its handler returned `Ok`.
    Handled,
    /// It was replayed for another consumer.
    NotMeant,
    /// Its handler returned an error.
    Failed(HandlerError),
    /// Its handler panicked.
    Panicked(String),
    /// Its handler was cut off after this long.
    TimedOut(Duration),
    /// Its handler was cut off because the consumer is shut down.
    CutOff,
    /// Its handler was dropped because its lease ended.
    LeaseLost,
    /// It never came to a handler, as it was delivered more often than it may be tried: its handler killed the process.
    Exhausted,
    /// It was to be dead-lettered for this reason with this text, and the dead letter could not be stored.
    Decided(DeadReason, String),
    /// It has no envelope, or violates its schema.
    Undecodable(String),
    /// It is of a version that is no longer known here.
    TooOld(String),
    /// It is of a version that is not known here yet.
    TooNew(String),
    /// It is of this type, which no handler here is for. Another instance of the service may have one.
    Unrouted(String),
    /// It claims a type that does not belong on the subject it came on.
    WrongSubject(String),
}

/// How an event is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settlement {
    /// It is done.
    Ack,
    /// It is redelivered after this long.
    Retry(Duration),
    /// It is redelivered at once, to whoever asks.
    Nak,
    /// It is dead-lettered.
    DeadLetter(DeadReason),
    /// It is left to whoever has its lease.
    Leave,
}

impl HandlerOutcome {
    /// What becomes of an event after this attempt, counted from 1.
    pub(super) fn settlement(&self, attempt: u64, policy: &RetryPolicy) -> Settlement {
        let again = |delay: Duration, otherwise: DeadReason| {
            if attempt < policy.max_attempts {
                Settlement::Retry(delay.min(LONGEST))
            } else {
                Settlement::DeadLetter(otherwise)
            }
        };
        match self {
            Self::Handled | Self::NotMeant => Settlement::Ack,
            Self::CutOff => Settlement::Nak,
            Self::LeaseLost => Settlement::Leave,
            Self::Failed(HandlerError { advice: Advice::Reject, .. }) => Settlement::DeadLetter(DeadReason::Rejected),
            Self::Failed(HandlerError { advice: Advice::RetryAfter(delay), .. }) => {
                again(*delay, DeadReason::Exhausted)
            }
            Self::Failed(_) | Self::Panicked(_) | Self::TimedOut(_) => {
                again(policy.delay(attempt), DeadReason::Exhausted)
            }
            Self::Unrouted(_) => again(policy.delay(attempt), DeadReason::Unrouted),
            // Another instance may know the version already, and this one will once it is deployed.
            Self::TooNew(_) => again(policy.delay(attempt), DeadReason::TooNew),
            Self::Exhausted => Settlement::DeadLetter(DeadReason::Exhausted),
            Self::Decided(reason, _) => Settlement::DeadLetter(*reason),
            Self::Undecodable(_) => Settlement::DeadLetter(DeadReason::Undecodable),
            Self::TooOld(_) => Settlement::DeadLetter(DeadReason::TooOld),
            Self::WrongSubject(_) => Settlement::DeadLetter(DeadReason::WrongSubject),
        }
    }

    /// Whether no handler here was for it, so that it was not run: another instance may have one.
    pub(super) fn is_handed_back(&self) -> bool {
        matches!(self, Self::Unrouted(_) | Self::TooNew(_))
    }

    /// What the attempt says about what the handler needs: whether it fails, or nothing.
    pub(super) fn speaks_of_failure(&self) -> Option<bool> {
        match self {
            Self::Handled => Some(false),
            Self::Failed(error) => Some(!error.is_reject()),
            Self::Panicked(_) | Self::TimedOut(_) => Some(true),
            _ => None,
        }
    }

    /// What went wrong, for people.
    pub(super) fn error(&self) -> String {
        match self {
            Self::Handled => String::new(),
            Self::NotMeant => "replayed for another consumer".to_owned(),
            Self::Failed(error) => error.to_string(),
            Self::Panicked(reason) => format!("the handler panicked: {reason}"),
            Self::TimedOut(after) => format!("the handler took longer than {after:?}"),
            Self::CutOff => "cut off as the consumer is shut down".to_owned(),
            Self::LeaseLost => "its lease ended while its handler ran".to_owned(),
            Self::Exhausted => {
                "its last attempt was noted and did not come to an end: its process died or was cut off, or the run \
                                lost its lease"
                    .to_owned()
            }
            Self::Decided(_, reason)
            | Self::Undecodable(reason)
            | Self::TooOld(reason)
            | Self::TooNew(reason)
            | Self::WrongSubject(reason) => reason.clone(),
            Self::Unrouted(event_type) => clip(format!("no handler here is for {event_type}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { first_delay: Duration::from_secs(1), max_delay: Duration::from_secs(60), max_attempts: 3 };

    #[test]
    fn only_what_is_done_with_is_acknowledged() {
        let others = [
            HandlerOutcome::Failed(HandlerError::retry("x")),
            HandlerOutcome::Failed(HandlerError::reject("x")),
            HandlerOutcome::Panicked("x".to_owned()),
            HandlerOutcome::TimedOut(Duration::ZERO),
            HandlerOutcome::CutOff,
            HandlerOutcome::LeaseLost,
            HandlerOutcome::Exhausted,
            HandlerOutcome::Undecodable("x".to_owned()),
            HandlerOutcome::TooOld("x".to_owned()),
            HandlerOutcome::TooNew("x".to_owned()),
            HandlerOutcome::Unrouted("x".to_owned()),
            HandlerOutcome::WrongSubject("x".to_owned()),
        ];

        assert_eq!(HandlerOutcome::Handled.settlement(9, &POLICY), Settlement::Ack);
        for outcome in others {
            for attempt in 1..9 {
                assert_ne!(outcome.settlement(attempt, &POLICY), Settlement::Ack, "{outcome:?}");
            }
        }
    }

    #[test]
    fn no_delay_is_longer_than_clocks_can_add() {
        let outcome = HandlerOutcome::Failed(HandlerError::retry_after(Duration::MAX, "never"));

        assert_eq!(outcome.settlement(1, &POLICY), Settlement::Retry(LONGEST));
    }

    #[test]
    fn a_handler_may_name_the_delay_itself() {
        let outcome = HandlerOutcome::Failed(HandlerError::retry_after(Duration::from_secs(7), "busy"));

        assert_eq!(outcome.settlement(1, &POLICY), Settlement::Retry(Duration::from_secs(7)));
    }

    #[test]
    fn the_last_attempt_ends_among_the_dead_letters() {
        for outcome in [HandlerOutcome::Failed(HandlerError::retry("x")), HandlerOutcome::TimedOut(Duration::ZERO)] {
            assert!(matches!(outcome.settlement(2, &POLICY), Settlement::Retry(_)), "{outcome:?}");
            assert_eq!(outcome.settlement(3, &POLICY), Settlement::DeadLetter(DeadReason::Exhausted));
        }
    }

    #[test]
    fn what_another_instance_may_know_is_tried_again() {
        let cases = [
            (HandlerOutcome::TooNew(String::new()), DeadReason::TooNew),
            (HandlerOutcome::Unrouted(String::new()), DeadReason::Unrouted),
        ];
        for (outcome, reason) in cases {
            assert!(matches!(outcome.settlement(2, &POLICY), Settlement::Retry(_)), "{outcome:?}");
            assert_eq!(outcome.settlement(3, &POLICY), Settlement::DeadLetter(reason));
        }
    }

    #[test]
    fn what_cannot_go_better_is_not_tried_again() {
        let rejected = HandlerOutcome::Failed(HandlerError::reject("x"));

        assert_eq!(rejected.settlement(1, &POLICY), Settlement::DeadLetter(DeadReason::Rejected));
        assert_eq!(
            HandlerOutcome::TooOld(String::new()).settlement(1, &POLICY),
            Settlement::DeadLetter(DeadReason::TooOld)
        );
    }
}
