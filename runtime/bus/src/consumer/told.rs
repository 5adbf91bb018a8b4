//! A run, as observers are told of it.

use tokio::time::Instant;

use super::settle::HandlerOutcome;
use crate::observe::{MessageType, RunOutcome};

/// A run that observers were told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToldRun {
    pub(super) message: MessageType,
    pub(super) begun: Instant,
}

impl HandlerOutcome {
    /// What observers are told of it.
    pub(super) fn told(&self) -> RunOutcome {
        match self {
            Self::Handled => RunOutcome::Handled,
            Self::NotMeant => RunOutcome::NotMeant,
            Self::Failed(error) if error.is_reject() => RunOutcome::Rejected,
            Self::Failed(_) => RunOutcome::Failed,
            Self::Panicked(_) => RunOutcome::Panicked,
            Self::TimedOut(_) => RunOutcome::TimedOut,
            Self::CutOff => RunOutcome::CutOff,
            Self::LeaseLost => RunOutcome::LeaseLost,
            // It was not run this time.
            Self::Exhausted | Self::Decided(..) => RunOutcome::Exhausted,
            Self::Undecodable(_) => RunOutcome::Undecodable,
            Self::TooOld(_) => RunOutcome::TooOld,
            Self::TooNew(_) => RunOutcome::TooNew,
            Self::Unrouted(_) => RunOutcome::Unrouted,
            Self::WrongSubject(_) => RunOutcome::WrongSubject,
        }
    }
}
