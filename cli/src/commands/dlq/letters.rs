//! The letters that a command is about.

use eventsmith::{DeadLetter, DeadLetterError, DeadLetterFilter, DeadLetters, Letters};

use crate::Outcome;
use crate::output::note;

/// The letters that were chosen, by their numbers or by a filter, one after the other.
pub(super) struct Chosen<'a> {
    letters: &'a DeadLetters,
    source: Source<'a>,
    missing: usize,
}

enum Source<'a> {
    Numbers(std::slice::Iter<'a, u64>),
    List(Box<Letters>),
}

impl<'a> Chosen<'a> {
    pub(super) fn numbers(letters: &'a DeadLetters, numbers: &'a [u64]) -> Self {
        Self { letters, source: Source::Numbers(numbers.iter()), missing: 0 }
    }

    pub(super) fn filtered(letters: &'a DeadLetters, filter: &DeadLetterFilter) -> Self {
        Self { letters, source: Source::List(Box::new(letters.list(filter))), missing: 0 }
    }

    /// The next letter. A number without a letter is told, and passed.
    pub(super) async fn next(&mut self) -> Result<Option<DeadLetter>, DeadLetterError> {
        let numbers = match &mut self.source {
            Source::List(list) => return list.next().await,
            Source::Numbers(numbers) => numbers,
        };
        for &number in numbers {
            if let Some(letter) = self.letters.get(number).await? {
                return Ok(Some(letter));
            }
            note(format_args!("there is no dead letter {number} in {}", self.letters.stream()));
            self.missing += 1;
        }
        Ok(None)
    }

    pub(super) fn outcome(&self) -> Outcome {
        if self.missing > 0 { Outcome::Findings } else { Outcome::Clean }
    }
}
