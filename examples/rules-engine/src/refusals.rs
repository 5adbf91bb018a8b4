//! Refusals that all services have in common, and what becomes of a command that failed.

use eventsmith::Refusal;
use eventsmith::error::InvalidText;
use eventsmith::state::ExecuteError;
use rules_events::common::{LimitReached, NotAllowed, NotFound, WrongState};

/// There is no such thing.
pub(crate) fn not_found(what: impl Into<String>) -> NotFound {
    NotFound { message: what.into().parse().ok() }
}

/// It is not allowed, and why.
pub(crate) fn not_allowed(why: impl Into<String>) -> NotAllowed {
    let why: String = why.into().chars().take(2_000).collect();
    NotAllowed { message: why.parse().ok() }
}

/// A limit is reached.
pub(crate) fn limit_reached(limit: i64, what: impl Into<String>) -> LimitReached {
    LimitReached { limit, message: what.into().parse().ok() }
}

/// It is in a state that does not allow it.
pub(crate) fn wrong_state(state: &str, wanted: &[&str]) -> Result<WrongState, InvalidText> {
    let wanted = wanted.iter().map(|state| state.parse()).collect::<Result<_, _>>()?;
    Ok(WrongState { state: state.parse()?, wanted, message: None })
}

/// What a command on an aggregate is answered with, where it did not go well.
pub(crate) fn refusal<E>(error: ExecuteError<Refusal<E>>) -> Refusal<E> {
    match error {
        ExecuteError::Refused(refusal) => refusal,
        ExecuteError::State(error) => Refusal::failed(error),
    }
}
