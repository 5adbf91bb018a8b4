//! Going through letters.

use jiff::Timestamp;

use super::letter::{self, DeadLetter};
use super::{DeadLetterError, DeadLetterFilter, DeadLetters};
use crate::transport::Select;

/// A list of letters under way, see [`DeadLetters::list`].
#[derive(Debug)]
pub struct Letters {
    letters: DeadLetters,
    filter: DeadLetterFilter,
    subject: String,
    now: Timestamp,
    from: u64,
    /// The last message that was there when the list was begun.
    until: Option<u64>,
    foreign: u64,
}

impl Letters {
    pub(super) fn new(letters: DeadLetters, filter: DeadLetterFilter) -> Self {
        let subject = filter.subject(&letters.root);
        Self { letters, filter, subject, now: Timestamp::now(), from: 1, until: None, foreign: 0 }
    }

    /// The next letter; `None` at the end.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`]. The list can be continued after it.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, DeadLetterError> {
        let DeadLetters { transport, stream, .. } = &self.letters;
        let until = match self.until {
            Some(until) => until,
            None => transport.stream(stream).await?.map_or(0, |found| found.last_sequence),
        };
        self.until = Some(until);
        while self.from <= until {
            let select = Select::NextOf { subject: &self.subject, from: self.from };
            let Some(kept) = transport.message(stream, select).await?.filter(|kept| kept.sequence <= until) else {
                break;
            };
            self.from = kept.sequence + 1;
            let sequence = kept.sequence;
            let Some(letter) = letter::read(kept) else {
                tracing::warn!(stream, sequence, "among the dead letters is a message that is none");
                self.foreign += 1;
                continue;
            };
            // While a letter is being replayed there are two of it. The copy counts only if the letter itself is gone.
            if let Some(mark) = letter.mark
                && transport.message(stream, Select::Sequence(mark.of)).await?.is_some()
            {
                continue;
            }
            if self.filter.fits(&letter, self.now) {
                return Ok(Some(letter));
            }
        }
        self.from = until + 1;
        Ok(None)
    }

    /// How many messages were passed that are no letters, though they are where letters should be.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }
}
