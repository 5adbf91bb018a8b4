//! The one place that decides what becomes of a delivered event.

use std::time::Duration;

use super::retry::RetryPolicy;
use crate::handler::{Advice, HandlerError};
use crate::transport::Word;

/// How the attempt to handle an event ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its handler returned `Ok`.
    Handled,
    /// Its handler returned an error.
    Failed(HandlerError),
    /// Its handler panicked.
    Panicked(String),
    /// It never came to a handler: it has no envelope, or violates its schema.
    Undecodable(String),
    /// It is of this type, which no handler here is for. Another instance of the service may have one.
    Unrouted(String),
}

/// Longer than any delay makes sense, and short enough for every clock that has to add it.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What to tell the server about an event.
///
/// An event that is undecodable, rejected or exhausted stays where it is, in the stream, and is handed back with the
/// longest delay of the policy: nothing is lost, and a service that was mended gets it again. This is where a dead
/// letter stream will come in.
pub(super) fn word(outcome: &Outcome, attempt: u64, policy: &RetryPolicy) -> Word {
    let retry = |delay: Duration| if attempt < policy.max_attempts { delay } else { policy.max_delay };
    let delay = match outcome {
        Outcome::Handled => return Word::Ack,
        Outcome::Failed(HandlerError { advice: Advice::Retry, .. }) | Outcome::Panicked(_) | Outcome::Unrouted(_) => {
            retry(policy.delay(attempt))
        }
        Outcome::Failed(HandlerError { advice: Advice::RetryAfter(delay), .. }) => retry(*delay),
        Outcome::Failed(HandlerError { advice: Advice::Reject, .. }) | Outcome::Undecodable(_) => policy.max_delay,
    };
    Word::Nak(delay.min(LONGEST))
}

/// Says in the log what became of an event; the span around it says which.
pub(super) fn report(outcome: &Outcome, attempt: u64, policy: &RetryPolicy) {
    let exhausted = attempt >= policy.max_attempts;
    match outcome {
        Outcome::Handled => tracing::debug!("handled"),
        Outcome::Unrouted(event_type) => {
            tracing::error!(event_type, "no handler here is for this type; it stays in the stream and comes again");
        }
        Outcome::Undecodable(reason) => tracing::error!(reason, "undecodable; it stays in the stream and comes again"),
        Outcome::Failed(error) if error.is_reject() => {
            tracing::error!(%error, "rejected; it stays in the stream and comes again");
        }
        Outcome::Failed(error) if exhausted => tracing::error!(%error, "failed too often; it comes again, but rarely"),
        Outcome::Panicked(reason) if exhausted => {
            tracing::error!(reason, "panicked too often; it comes again, but rarely");
        }
        Outcome::Failed(error) => tracing::warn!(%error, "failed; it comes again"),
        Outcome::Panicked(reason) => tracing::error!(reason, "the handler panicked; the event comes again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { first_delay: Duration::from_secs(1), max_delay: Duration::from_secs(60), max_attempts: 3 };

    #[test]
    fn only_what_was_handled_is_acknowledged() {
        let failed = [
            Outcome::Failed(HandlerError::retry("x")),
            Outcome::Failed(HandlerError::reject("x")),
            Outcome::Panicked("x".to_owned()),
            Outcome::Undecodable("x".to_owned()),
        ];

        assert_eq!(word(&Outcome::Handled, 9, &POLICY), Word::Ack);
        for outcome in failed {
            for attempt in 1..9 {
                assert!(
                    matches!(word(&outcome, attempt, &POLICY), Word::Nak(delay) if !delay.is_zero()),
                    "{outcome:?}"
                );
            }
        }
    }

    #[test]
    fn no_delay_is_longer_than_clocks_can_add() {
        let outcome = Outcome::Failed(HandlerError::retry_after(Duration::MAX, "never"));

        assert_eq!(word(&outcome, 1, &POLICY), Word::Nak(LONGEST));
    }

    #[test]
    fn a_handler_may_name_the_delay_itself() {
        let outcome = Outcome::Failed(HandlerError::retry_after(Duration::from_secs(7), "busy"));

        assert_eq!(word(&outcome, 1, &POLICY), Word::Nak(Duration::from_secs(7)));
    }

    #[test]
    fn what_cannot_go_better_waits_longest() {
        let rejected = Outcome::Failed(HandlerError::reject("x"));
        let exhausted = Outcome::Failed(HandlerError::retry("x"));

        assert_eq!(word(&rejected, 1, &POLICY), Word::Nak(POLICY.max_delay));
        assert_eq!(word(&exhausted, POLICY.max_attempts, &POLICY), Word::Nak(POLICY.max_delay));
    }
}
