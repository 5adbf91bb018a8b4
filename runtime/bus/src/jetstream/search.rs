//! The search for messages that the client cannot read, among those that a consumer has delivered and that may be unacked.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith_event::filter::covers;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::client::ASK_AGAIN;
use super::header_block::{self, defect_as_delivered, malformed};
use super::life::{Life, Position};
use super::stored::Raw;
use crate::transport::{StreamMessage, Unavailable};

/// How many requests are under way at a time.
const AT_ONCE: usize = 32;
/// Into how many parts the numbers to search are divided at most, and how long such a part is at least.
const PARTS: u64 = 256;
const SHORTEST: u64 = 32;
/// What one search may read: messages, bytes, and how long it may take. What is left is for the next.
const MOST_MESSAGES: usize = 16_384;
const MOST_BYTES: usize = 64 << 20;
const LONGEST: Duration = Duration::from_secs(4);

/// What is searched.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) life: Arc<Life>,
    pub(super) ack_wait: Duration,
    pub(super) is_pinned: bool,
}

/// What a search came to.
#[derive(Debug, Default)]
pub(super) struct Searched {
    /// Where the consumer was when it began, if the server told.
    pub(super) position: Option<Position>,
    /// Messages that the client cannot read, all of them delivered; each may be acked or terminated already.
    pub(super) malformed: Vec<StreamMessage>,
    /// The numbers that need not be searched again.
    pub(super) known: Option<Looked>,
    pub(super) access: Access,
}

/// Numbers that were looked through, for messages of these subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Looked {
    numbers: RangeInclusive<u64>,
    filters: Vec<String>,
}

/// Whether single messages of the stream can be read.
#[derive(Debug, Default)]
pub(super) enum Access {
    /// It was not necessary to try, or not allowed.
    #[default]
    Untried,
    Granted,
    /// They cannot, for this reason.
    Denied(String),
}

/// What is left of the limits of a search.
struct Budget {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    deadline: Instant,
}

/// Some of the numbers, and what was found there.
struct Part {
    from: u64,
    is_complete: bool,
    malformed: Vec<StreamMessage>,
}

impl Scope {
    /// Searches what is delivered and neither known yet nor arrived, the newest first: what was lost a moment ago is there, as
    /// a rule.
    ///
    /// If such a message is found and may have had a new pin, that is given up: otherwise the server serves nobody before it
    /// misses the reader that it has pinned. A pin of after the loss is another reader's, who may be at work.
    pub(super) async fn search(
        self: Arc<Self>,
        known: Option<Looked>,
        arrived: HashSet<u64>,
        pinned_until: Option<Instant>,
    ) -> Searched {
        let searched = self.search_all(known, &arrived).await;
        if let Some(lost_at) = pinned_until
            && !searched.malformed.is_empty()
            && self.is_pinned_since(lost_at).await
        {
            let Life { jetstream, stream, durable, .. } = &*self.life;
            let unpinned = timeout(ASK_AGAIN, jetstream.unpin(stream, durable)).await;
            if !matches!(unpinned, Ok(Ok(()))) {
                tracing::debug!(stream, consumer = durable, ?unpinned, "the pin ends by itself");
            }
        }
        searched
    }

    /// Whether the server has a reader pinned since that time or longer.
    async fn is_pinned_since(&self, then: Instant) -> bool {
        let asked_at = Instant::now();
        let position = timeout(ASK_AGAIN, self.life.position()).await;
        let pinned_for = position.ok().and_then(Result::ok).and_then(|at| at.pinned_for);
        // Two spans, each by one clock: those of two machines cannot be compared.
        pinned_for.is_some_and(|pinned_for| pinned_for >= asked_at.duration_since(then))
    }

    async fn search_all(&self, known: Option<Looked>, arrived: &HashSet<u64>) -> Searched {
        let Ok(Ok(at)) = timeout(ASK_AGAIN, self.life.position()).await else {
            return Searched { known, ..Searched::default() };
        };
        let mut searched = Searched { position: Some(at), known: known.clone(), ..Searched::default() };
        let filters = self.life.filters();
        // Of what has become part of it since, nothing was looked at.
        let known = known.filter(|known| known.filters == filters).map(|known| known.numbers);
        let looked_at =
            |numbers: Option<RangeInclusive<u64>>| numbers.map(|numbers| Looked { numbers, filters: filters.clone() });
        let parts = parts(at.floor + 1..=at.delivered, known.as_ref());
        let mut numbers = parts.iter().cloned().flatten();
        let Some(one) = numbers.find(|number| !arrived.contains(number)).filter(|_| at.pending > 0) else {
            searched.known = looked_at(extended(known, parts.last().map(|part| *part.start()), at.delivered));
            return searched;
        };
        // One alone at first: the server and its log are spared the others if it is refused.
        let first = timeout(ASK_AGAIN, self.next_message(&subject_for_all(&filters), one)).await;
        if let Err(error) = first.unwrap_or_else(|_| Err(Unavailable("no answer".into()))) {
            searched.access = Access::Denied(error.to_string());
            return searched;
        }
        searched.access = Access::Granted;
        let budget = Budget {
            messages: AtomicUsize::new(MOST_MESSAGES),
            bytes: AtomicUsize::new(MOST_BYTES),
            deadline: Instant::now() + LONGEST,
        };
        let mut looked =
            stream::iter(parts).map(|part| self.look_through(part, &filters, arrived, &budget)).buffered(AT_ONCE);
        let (mut lowest, mut is_contiguous) = (None, true);
        while let Some(part) = looked.next().await {
            is_contiguous &= part.is_complete;
            if is_contiguous {
                lowest = Some(part.from);
            }
            searched.malformed.extend(part.malformed);
        }
        searched.malformed.sort_unstable_by_key(|message| message.sequence);
        searched.known = looked_at(extended(known, lowest, at.delivered));
        searched
    }

    /// Tells only where the consumer is.
    pub(super) async fn look(self: Arc<Self>, known: Option<Looked>) -> Searched {
        let position = timeout(ASK_AGAIN, self.life.position()).await.ok().and_then(Result::ok);
        Searched { position, known, ..Searched::default() }
    }

    async fn next_message(&self, subject: &str, from: u64) -> Result<Option<Raw>, Unavailable> {
        self.life.jetstream.raw_message(&self.life.stream, &json!({ "seq": from, "next_by_subj": subject })).await
    }

    async fn look_through(
        &self,
        numbers: RangeInclusive<u64>,
        filters: &[String],
        arrived: &HashSet<u64>,
        budget: &Budget,
    ) -> Part {
        let (mut next, until) = (*numbers.start(), *numbers.end());
        let mut part = Part { from: next, is_complete: false, malformed: Vec::new() };
        let subject = subject_for_all(filters);
        while budget.allows() {
            while next <= until && arrived.contains(&next) {
                next += 1;
            }
            if next > until {
                part.is_complete = true;
                break;
            }
            let raw = match timeout(ASK_AGAIN, self.next_message(&subject, next)).await {
                Ok(Ok(Some(raw))) if raw.seq <= until => raw,
                Ok(Ok(_)) => {
                    part.is_complete = true;
                    break;
                }
                Ok(Err(_)) | Err(_) => break,
            };
            budget.spend(raw.size());
            next = raw.seq + 1;
            if filters.is_empty() || filters.iter().any(|filter| covers(filter, &raw.subject)) {
                match self.malformed_message(raw).await {
                    Some(found) => part.malformed.extend(found),
                    // Whether the client can read it is not known.
                    None => break,
                }
            }
        }
        part
    }

    /// A message, if the client cannot read it; nothing at all if that does not become known.
    async fn malformed_message(&self, raw: Raw) -> Option<Option<StreamMessage>> {
        let Some(block) = raw.block() else { return Some(None) };
        if let Some(defect) = defect_as_delivered(&block, self.is_pinned) {
            return Some(raw.with_headers(malformed(block, header_block::HEADERS, defect)));
        }
        let has_headers = self.is_pinned || !block.is_empty();
        let asked = self.life.jetstream.subject_defect(&self.life.stream, &raw, has_headers);
        let defect = timeout(ASK_AGAIN, asked).await.ok()?.ok()?;
        Some(defect.and_then(|defect| raw.with_headers(malformed(block, header_block::SUBJECT, defect))))
    }
}

impl Budget {
    fn allows(&self) -> bool {
        let has_left = |limit: &AtomicUsize| limit.load(Ordering::Relaxed) > 0;
        has_left(&self.messages) && has_left(&self.bytes) && Instant::now() < self.deadline
    }

    fn spend(&self, bytes: usize) {
        for (limit, spent) in [(&self.messages, 1), (&self.bytes, bytes)] {
            // Always `Some`, so it cannot fail.
            let _ = limit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(spent)));
        }
    }
}

/// The numbers that are not known, in parts, the highest first.
fn parts(numbers: RangeInclusive<u64>, known: Option<&RangeInclusive<u64>>) -> Vec<RangeInclusive<u64>> {
    let (low, high) = (*numbers.start(), *numbers.end());
    let pieces = match known {
        Some(known) => vec![low.max(known.end() + 1)..=high, low..=high.min(known.start().saturating_sub(1))],
        None => vec![low..=high],
    };
    let size = (high.saturating_sub(low) / PARTS + 1).max(SHORTEST);
    let mut parts = Vec::new();
    for piece in pieces {
        let mut end = *piece.end();
        while end >= *piece.start() && end > 0 {
            let start = end.saturating_sub(size - 1).max(*piece.start());
            parts.push(start..=end);
            end = start - 1;
        }
    }
    parts
}

/// What is known when all from `lowest` to `highest` that was not known before has been searched.
fn extended(known: Option<RangeInclusive<u64>>, lowest: Option<u64>, highest: u64) -> Option<RangeInclusive<u64>> {
    match (known, lowest) {
        (known, None) => known,
        (Some(known), Some(lowest)) if lowest <= known.end() + 1 => {
            Some(lowest.min(*known.start())..=highest.max(*known.end()))
        }
        (_, Some(lowest)) => Some(lowest..=highest),
    }
}

/// One subject that stands for those of all filters, and perhaps for others.
fn subject_for_all(filters: &[String]) -> String {
    let mut filters = filters.iter().map(|filter| filter.split('.').collect::<Vec<_>>());
    let Some(mut common) = filters.next() else { return ">".to_owned() };
    for filter in filters {
        let is_longer = common.len() != filter.len();
        common.truncate(filter.len());
        for (token, other) in common.iter_mut().zip(&filter) {
            if *token != ">" && token != other {
                *token = if *other == ">" { ">" } else { "*" };
            }
        }
        if is_longer && let Some(last) = common.last_mut() {
            *last = ">";
        }
        if let Some(end) = common.iter().position(|token| *token == ">") {
            common.truncate(end + 1);
        }
    }
    common.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subject_stands_for_all_filters() {
        for (filters, expected) in [
            (&[][..], ">"),
            (&["a.b"], "a.b"),
            (&["a.b.c", "a.x.c"], "a.*.c"),
            (&["a.b", "a.b.c"], "a.>"),
            (&["a.b.c", "a.b", "x.b"], "*.>"),
            (&["a.>", "a.b.c"], "a.>"),
            (&["a.b.c", "a.>"], "a.>"),
        ] {
            let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
            let subject = subject_for_all(&filters);
            assert_eq!(subject, expected, "{filters:?}");
            assert!(filters.iter().all(|filter| covers(&subject, filter)), "{filters:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_searched_from_the_top() {
        let parts = |numbers, known: Option<RangeInclusive<u64>>| super::parts(numbers, known.as_ref());

        assert_eq!(parts(1..=40, None), [9..=40, 1..=8]);
        assert_eq!(parts(1..=40, Some(5..=38)), [39..=40, 1..=4]);
        assert_eq!(parts(6..=40, Some(5..=40)), Vec::<RangeInclusive<u64>>::new());
        assert_eq!(parts(RangeInclusive::new(1, 0), None), Vec::<RangeInclusive<u64>>::new());
        let many = parts(1..=1_000_000, None);
        assert!(many.len() as u64 <= PARTS && many[0].end() == &1_000_000 && many.last().unwrap().start() == &1);
    }

    #[test]
    fn what_was_searched_joins_what_was_known_if_nothing_is_between() {
        assert_eq!(extended(Some(5..=38), Some(39), 40), Some(5..=40));
        assert_eq!(extended(Some(5..=38), Some(1), 40), Some(1..=40));
        assert_eq!(extended(Some(5..=30), Some(39), 40), Some(39..=40));
        assert_eq!(extended(Some(5..=38), None, 40), Some(5..=38));
        assert_eq!(extended(None, Some(1), 40), Some(1..=40));
    }
}
