//! The answers to idempotent commands, kept by the ids of the requests: claim, work, store, send.
//!
//! A claim is written before the work begins, and of several who try one succeeds. The answer takes its place, and whoever asks
//! again gets it. A claim that is older than any work may take is one of a service that was lost with it.

use std::sync::Arc;
use std::time::Duration;

use eventsmith_event::event::Idempotent;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{Answer, Outcome};
use super::route::Route;
use crate::bucket::{BucketError, Content, Store, removal};
use crate::environment::{self, watch};
use crate::publish::PublishError;
use crate::request::protocol;
use crate::transport::{Headers, StreamMessage};

/// By how much the clocks of services and servers may differ.
const CLOCKS: Duration = Duration::from_secs(10);
/// How often it is looked whether another is done with the same request.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));
/// The longest id that is used as it is, in bytes.
const LONGEST_ID: usize = 200;

/// How often, and after how long, it is looked whether a claim was stored that was not acknowledged.
const LOOKS: u32 = 3;
const UNTIL_LOOK: Duration = Duration::from_secs(5);

/// What the request was whose answer this is.
const REQUEST: &str = "Eventsmith-Request";
/// Whose claim it is.
const CLAIMED_BY: &str = "Eventsmith-Claim";
/// That the request may have been begun before it was claimed.
const BEGUN: &str = "Eventsmith-Begun";
/// What is kept: `claim`, `begun` or `answer`.
const KEPT: &str = "Eventsmith-Kept";
const CLAIM: &str = "claim";
const BEGUN_BEFORE: &str = "begun";
const ANSWER: &str = "answer";

/// The kept answers of one type of command.
#[derive(Debug)]
pub(super) struct Replies {
    store: Store,
    idempotent: Idempotent,
    /// After how long a claim is that of a service that was lost.
    lifetime: Duration,
}

/// A request that nobody else works on.
#[derive(Debug)]
pub(super) struct Claim {
    key: String,
    /// The request, as a hash.
    hash: String,
    revision: u64,
    /// Whether it may have been begun before.
    pub(super) was_begun: bool,
}

/// What became of a request that is to be begun.
pub(super) enum Claimed {
    /// Nobody works on it, so that it can be begun.
    Ours(Claim),
    /// It is answered already, or cannot be.
    Answered(Answer),
}

impl Replies {
    /// The answers of a type of command, whose work takes no longer than a given time, and where a write may take as long as another.
    pub(super) fn new(store: Store, idempotent: Idempotent, timeout: Duration, longest_write: Duration) -> Self {
        Self { store, idempotent, lifetime: timeout.saturating_add(longest_write).saturating_add(CLOCKS) }
    }

    /// For how long a claim has to be kept at least.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Claims a request, or waits until another is done with it, but no longer than until a given time, and not after handlers are cut
    /// off.
    pub(super) async fn claim(
        self: &Arc<Self>,
        route: &Route,
        id: &str,
        data: &[u8],
        deadline: Instant,
        mut cut_off: watch::Receiver<bool>,
    ) -> Claimed {
        let key = key(route.event_type, id);
        let hash = format!("{:x}", Sha256::digest(data));
        let (mut pause, longest) = PAUSES;
        let mut is_known = false;
        loop {
            match self.try_claim_until(route, &key, &hash, is_known, deadline).await {
                Ok(Some(Claimed::Ours(claim))) if *cut_off.borrow() => {
                    self.give_back(route, claim).await;
                    return Claimed::Answered(Answer::unavailable(None, "the service stops"));
                }
                Ok(Some(claimed)) => return claimed,
                // Another works on it, or was faster.
                Ok(None) | Err(BucketError::Conflict { .. }) => is_known = true,
                Err(error) => {
                    let text = format!("whether it was done before cannot be looked up: {error}");
                    return Claimed::Answered(Answer::unavailable(None, text));
                }
            }
            if Instant::now() + pause >= deadline {
                let text = "the same request is still under way; ask again under its id";
                return Claimed::Answered(Answer::expired(text));
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => {
                    return Claimed::Answered(Answer::unavailable(None, "the service stops"));
                }
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Claims a request, or finds its answer; nothing if another works on it. A claim that is not known to be stored in time is given
    /// back once it is, so that it is not taken for one of a service that was lost.
    async fn try_claim_until(
        self: &Arc<Self>,
        route: &Route,
        key: &str,
        hash: &str,
        is_known: bool,
        deadline: Instant,
    ) -> Result<Option<Claimed>, BucketError> {
        let (replies, own_route) = (Arc::clone(self), route.clone());
        let (own_key, hash) = (key.to_owned(), hash.to_owned());
        let mut claiming = tokio::spawn(async move {
            let token = environment::new_id().to_string();
            let claimed = replies.try_claim(&own_route, &own_key, &hash, &token, is_known).await;
            if matches!(claimed, Err(BucketError::Store(_))) {
                tokio::spawn(async move { replies.forget_claim(&own_route, own_key, hash, &token).await });
            }
            claimed
        });
        match timeout_at(deadline, &mut claiming).await {
            Ok(Ok(claimed)) => claimed,
            // It was shut down with its runtime.
            Ok(Err(_)) => Ok(None),
            Err(_) => {
                let (replies, route) = (Arc::clone(self), route.clone());
                tokio::spawn(async move {
                    if let Ok(Ok(Some(Claimed::Ours(claim)))) = claiming.await {
                        replies.give_back(&route, claim).await;
                    }
                });
                Ok(None)
            }
        }
    }

    /// Claims a request, or finds its answer. Nothing if another works on it. What is known to be there is read first.
    async fn try_claim(
        &self,
        route: &Route,
        key: &str,
        hash: &str,
        token: &str,
        is_known: bool,
    ) -> Result<Option<Claimed>, BucketError> {
        let claim = Content::of(route.event_type, route.version, Vec::new().into())
            .with_header(REQUEST, hash)
            .with_header(CLAIMED_BY, token)
            .with_header(KEPT, CLAIM);
        let ours = |revision, was_begun| {
            Ok(Some(Claimed::Ours(Claim { key: key.to_owned(), hash: hash.to_owned(), revision, was_begun })))
        };
        if !is_known {
            match self.store.create(key, claim.clone(), None).await {
                Ok(revision) => return ours(revision, false),
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let last = self.store.last(key).await?.filter(|last| removal(&last.message.headers).is_none());
        let Some(last) = last else { return ours(self.store.create(key, claim, None).await?, false) };
        let StreamMessage { sequence, stored, message } = &last;
        let age = environment::now().duration_since(*stored);
        let is_older = |than: Duration| SignedDuration::try_from(than).is_ok_and(|than| age >= than);
        let kept = message.headers.get(KEPT);
        if kept == Some(ANSWER) && is_older(self.idempotent.window) {
            return ours(self.store.write(key, claim, Some(*sequence)).await?, false);
        }
        if message.headers.get(REQUEST) != Some(hash) {
            let text = "its id is that of another request with another payload";
            return Ok(Some(Claimed::Answered(Answer::error(Outcome::Invalid, protocol::INVALID, text))));
        }
        match kept {
            Some(ANSWER) => Ok(Some(Claimed::Answered(answer(&last)))),
            Some(CLAIM) if !is_older(self.lifetime) => Ok(None),
            _ if self.idempotent.reruns_lost => {
                let claim = claim.with_header(BEGUN, "true");
                ours(self.store.write(key, claim, Some(*sequence)).await?, true)
            }
            _ => {
                let unknown = unknown();
                self.store.write(key, content(route, hash, &unknown), Some(*sequence)).await?;
                Ok(Some(Claimed::Answered(unknown)))
            }
        }
    }

    /// Gives back a claim under which nothing was begun: it is as it was before.
    async fn give_back(&self, route: &Route, claim: Claim) {
        let content = match claim.was_begun {
            true => begun(route, &claim.hash),
            false => Content::delete(),
        };
        // If it cannot be given back, it is found out to be old.
        drop(self.store.write(&claim.key, content, Some(claim.revision)).await);
    }

    /// Gives back a claim of which nobody knows whether it is stored, if it is.
    async fn forget_claim(&self, route: &Route, key: String, hash: String, token: &str) {
        for _ in 0..LOOKS {
            sleep(UNTIL_LOOK).await;
            let Ok(Some(last)) = self.store.last(&key).await else { continue };
            if last.message.headers.get(CLAIMED_BY) == Some(token) && last.message.headers.get(KEPT) == Some(CLAIM) {
                let was_begun = last.message.headers.get(BEGUN).is_some();
                return self.give_back(route, Claim { key, hash, revision: last.sequence, was_begun }).await;
            }
        }
    }

    /// Keeps the answer to a request, before it is sent. One that failed may be begun again. Where that takes longer than somebody waits,
    /// the rest of it is returned.
    pub(super) async fn keep(
        self: &Arc<Self>,
        route: &Route,
        claim: Claim,
        answer: &Answer,
        deadline: Instant,
    ) -> Option<JoinHandle<()>> {
        let (hash, was_begun) = (&claim.hash, claim.was_begun || answer.is_cut_off);
        let kept = match answer.outcome {
            Outcome::Replied | Outcome::Refused => content(route, hash, answer),
            _ if !was_begun => Content::delete(),
            _ if self.idempotent.reruns_lost => begun(route, hash),
            _ => content(route, hash, &unknown()),
        };
        let instead = content(route, hash, &Answer::failed("it was done, and its answer is too large to be kept"));
        let (replies, event_type) = (Arc::clone(self), route.event_type);
        let mut keeping = tokio::spawn(async move {
            let mut written = replies.store.write(&claim.key, kept, Some(claim.revision)).await;
            if let Err(BucketError::Store(PublishError::TooLarge { .. } | PublishError::Refused { .. })) = written {
                written = replies.store.write(&claim.key, instead, Some(claim.revision)).await;
            }
            if let Err(error) = written {
                // The work is done all the same, and who asked should know.
                tracing::warn!(request = event_type, key = claim.key, %error, "an answer is not kept");
            }
        });
        match timeout_at(deadline, &mut keeping).await {
            Ok(_) => None,
            Err(_) => Some(keeping),
        }
    }
}

/// That nobody knows what became of a request.
fn unknown() -> Answer {
    Answer::failed("the service that began it was lost; it may be done or not, and is not begun again")
}

/// That a request may have been begun, and nobody works on it.
fn begun(route: &Route, hash: &str) -> Content {
    let content = Content::of(route.event_type, route.version, Vec::new().into());
    content.with_header(REQUEST, hash).with_header(BEGUN, "true").with_header(KEPT, BEGUN_BEFORE)
}

/// What is kept of an answer.
fn content(route: &Route, hash: &str, answer: &Answer) -> Content {
    let content = Content::of(route.event_type, route.version, answer.payload.clone().into());
    let content = content.with_header(REQUEST, hash).with_header(KEPT, ANSWER);
    match &answer.error {
        Some((code, text)) => content
            .with_header(Headers::SERVICE_ERROR, text)
            .with_header(Headers::SERVICE_ERROR_CODE, &code.to_string()),
        None => content,
    }
}

/// An answer that was kept.
fn answer(kept: &StreamMessage) -> Answer {
    let (headers, payload) = (&kept.message.headers, kept.message.payload.to_vec());
    let code = headers.get(Headers::SERVICE_ERROR_CODE).and_then(|code| code.parse().ok());
    let answer = match code {
        None => Answer::reply(payload),
        Some(protocol::REFUSED) => Answer::refused(payload),
        Some(code) => {
            let text = headers.get(Headers::SERVICE_ERROR).unwrap_or_default();
            Answer { payload, ..Answer::error(Outcome::Failed, code, text) }
        }
    };
    Answer { is_repeated: true, ..answer }
}

/// The key of a request: its id, where that can be one, or else a hash of it.
fn key(event_type: &str, id: &str) -> String {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let id = match !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(is_legal) {
        true => id.to_owned(),
        false => format!("={:x}", Sha256::digest(id)),
    };
    format!("{event_type}.{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_makes_a_key_of_its_own() {
        assert_eq!(key("rule.activate", "0198-a_B"), "rule.activate.0198-a_B");
        let odd = ["", "a.b", "a b", "ü", "*", ">", "=x", &"a".repeat(201)].map(|id| key("rule.activate", id));
        for (index, one) in odd.iter().enumerate() {
            assert!(one.starts_with("rule.activate.=") && !odd[..index].contains(one), "{one}");
            assert!(one.split('.').all(|token| token.chars().all(|c| c.is_ascii_alphanumeric() || "-_=".contains(c))));
        }
    }
}
