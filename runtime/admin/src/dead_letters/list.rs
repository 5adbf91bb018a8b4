//! Dead letters one after the other, and what is done with many.

use std::collections::BTreeMap;

use eventsmith_bus::dead_letters::reason::DeadReason;
use eventsmith_bus::dead_letters::record::{self, DeadLetter};
use eventsmith_bus::dead_letters::runs::is_run_count;
use eventsmith_bus::transport::MessageSelector;
use eventsmith_event::stream::Retention;
use jiff::Timestamp;

use super::filter::DeadLetterFilter;
use super::pages::Pages;
use super::store::{DeadLetterError, DeadLetters};

impl DeadLetters {
    /// The dead letters that a filter selects, oldest first, of those that are there when the list is begun. They are fetched
    /// some hundreds at a time, so that a list of a million takes no more memory than one of a thousand, and one by one for a user who
    /// may not create consumers of their stream.
    pub fn list(&self, filter: &DeadLetterFilter) -> DeadLetterList {
        DeadLetterList::new(self.clone(), filter.clone())
    }

    /// Deletes the dead letters that a filter selects, and returns how many.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`]; what was deleted before is deleted.
    pub async fn purge(&self, filter: &DeadLetterFilter) -> Result<u64, DeadLetterError> {
        let (mut list, mut purged) = (self.list(filter), 0);
        while let Some(dead_letter) = list.next().await? {
            self.delete_with_marks(&dead_letter).await?;
            purged += 1;
        }
        Ok(purged)
    }

    /// Counts the dead letters that a filter selects, by consumer and reason.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`].
    pub async fn count(
        &self,
        filter: &DeadLetterFilter,
    ) -> Result<BTreeMap<(String, DeadReason), u64>, DeadLetterError> {
        let (mut list, mut counts) = (self.list(filter), BTreeMap::new());
        while let Some(dead_letter) = list.next().await? {
            *counts.entry((dead_letter.consumer, dead_letter.reason)).or_default() += 1;
        }
        Ok(counts)
    }
}

/// A list of dead letters under way, see [`DeadLetters::list`].
#[derive(Debug)]
pub struct DeadLetterList {
    dead_letters: DeadLetters,
    filter: DeadLetterFilter,
    subject: String,
    now: Timestamp,
    from: u64,
    /// The last message that was there when the list was begun.
    until: Option<u64>,
    pages: Pages,
    foreign: u64,
}

impl DeadLetterList {
    fn new(dead_letters: DeadLetters, filter: DeadLetterFilter) -> Self {
        let subject = filter.subject(&dead_letters.root);
        let pages = Pages::default();
        Self { dead_letters, filter, subject, now: Timestamp::now(), from: 1, until: None, pages, foreign: 0 }
    }

    /// The next dead letter; `None` at the end.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`]. The list can be continued after it.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, DeadLetterError> {
        let DeadLetters { server, stream, .. } = &self.dead_letters;
        let transport = server.transport();
        let until = match self.until {
            Some(until) => until,
            None => {
                let found = server.stream(stream).await?;
                self.pages = Pages::of(found.as_ref().map_or(Retention::Limits, |found| found.settings.retention));
                found.map_or(0, |found| found.last_sequence)
            }
        };
        self.until = Some(until);
        while self.from <= until {
            let next = self.pages.next(server, stream, &self.subject, self.from).await?;
            let Some(kept) = next.filter(|kept| kept.sequence <= until) else { break };
            self.from = kept.sequence + 1;
            let sequence = kept.sequence;
            if is_run_count(&kept.message.subject) {
                continue;
            }
            let Some(dead_letter) = record::read(kept) else {
                tracing::warn!(stream, sequence, "among the dead letters is a message that is none");
                self.foreign += 1;
                continue;
            };
            // While a dead letter is being replayed there are two of it. The copy counts only if the dead letter itself is
            // gone.
            if let Some(mark) = dead_letter.mark
                && transport.message(stream, MessageSelector::Sequence(mark.of)).await?.is_some()
            {
                continue;
            }
            if self.filter.fits(&dead_letter, self.now) {
                return Ok(Some(dead_letter));
            }
        }
        self.from = until + 1;
        Ok(None)
    }

    /// How many messages were passed that are no dead letters, though they are where dead letters should be.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }
}
