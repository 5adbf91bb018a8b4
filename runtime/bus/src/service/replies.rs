//! The answers to idempotent commands, kept by the ids of the requests: claim, work, store, send.
//!
//! A claim is written before the work begins, and of several who try one succeeds. The answer takes its place, and whoever asks
//! again gets it. A claim that is older than any work may take is one of a service that was lost with it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use eventsmith_event::event::Idempotent;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::answer::{Answer, Outcome};
use super::route::Route;
use crate::bucket::{BucketError, Content, Store, removal};
use crate::environment::{self, watch};
use crate::handler::Begins;
use crate::publish::PublishError;
use crate::request::protocol::{self, milliseconds, parse_milliseconds};
use crate::transport::{Headers, StreamMessage, Subscription};

/// By how much the clocks of services and servers may differ.
const CLOCKS: Duration = Duration::from_secs(10);
/// How soon it is looked again whether another is done with the same request, where nothing says that it may be: at first, and later.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));
/// How soon it is looked again after something said so: it may be on its way to where it is stored.
const AFTER_HINT: Duration = Duration::from_millis(20);
/// How long before nobody waits any more that is said.
const IN_TIME: Duration = Duration::from_millis(20);
/// The longest id that is used as it is, in bytes.
const LONGEST_ID: usize = 200;

/// How often, and after how long, it is looked whether a claim was stored that was not acknowledged.
const LOOKS: u32 = 3;
const UNTIL_LOOK: Duration = Duration::from_secs(5);

/// What the request was whose answer this is.
const REQUEST: &str = "Eventsmith-Request";
/// Whose claim it is.
const CLAIMED_BY: &str = "Eventsmith-Claim";
/// After how many milliseconds a claim is that of a service that was lost.
const LIFETIME: &str = "Eventsmith-Lifetime";
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
    /// How long the work takes at most.
    timeout: Duration,
    /// After how long a claim is that of a service that was lost.
    lifetime: Duration,
}

/// A request that is to be begun, and where its answer is kept.
#[derive(Debug)]
struct Wanted {
    route: Route,
    key: String,
    /// The payload, as a hash.
    hash: String,
}

/// A request that nobody else works on.
#[derive(Debug)]
pub(super) struct Claim {
    wanted: Arc<Wanted>,
    revision: u64,
    pub(super) begins: Begins,
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
        let lifetime = timeout.saturating_add(longest_write).saturating_add(CLOCKS);
        Self { store, idempotent, timeout, lifetime }
    }

    /// For how long a claim has to be kept at least.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Claims a request, or waits until another is done with it, but no longer than until a given time, and not after handlers are cut
    /// off. While it waits, `waits` is called.
    pub(super) async fn claim(
        self: &Arc<Self>,
        route: &Route,
        id: &str,
        data: &[u8],
        deadline: Instant,
        mut cut_off: watch::Receiver<bool>,
        mut waits: impl FnMut(),
    ) -> Claimed {
        let hash = format!("{:x}", Sha256::digest(data));
        let wanted = Arc::new(Wanted { route: route.clone(), key: key(route.event_type, id), hash });
        let stops = || Answer::unavailable(None, "the service stops");
        let (mut pause, longest) = PAUSES;
        let (mut is_known, mut hints) = (false, None);
        loop {
            match self.try_claim_until(&wanted, is_known, deadline).await {
                Ok(Some(Claimed::Ours(claim))) => {
                    let now = Instant::now();
                    let instead = if *cut_off.borrow() {
                        stops()
                    } else if now >= deadline {
                        Answer::expired("nobody waits any more; the request was not begun")
                    } else if now >= claim.begins.latest {
                        Answer::unavailable(None, "it took too long to note that the request is begun")
                    } else {
                        return Claimed::Ours(claim);
                    };
                    self.give_back(claim).await;
                    return Claimed::Answered(instead);
                }
                Ok(Some(answered)) => return answered,
                // Another works on it, or was faster.
                Ok(None) | Err(BucketError::Conflict { .. }) => {
                    is_known = true;
                    waits();
                }
                Err(error) => {
                    let text = format!("whether it was done before cannot be looked up: {error}");
                    return Claimed::Answered(Answer::unavailable(None, text));
                }
            }
            let until = deadline.checked_sub(IN_TIME).unwrap_or(deadline);
            if Instant::now() >= until {
                let text = "the same request is still under way; ask again under its id";
                return Claimed::Answered(Answer::expired(text));
            }
            let Some(hints) = &mut hints else {
                // It is looked once more after this, so that nothing happens unnoticed in between.
                hints = Some(timeout_at(until, self.store.hints(&wanted.key)).await.ok().and_then(Result::ok));
                continue;
            };
            tokio::select! {
                biased;
                () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => return Claimed::Answered(stops()),
                () = hint(hints) => pause = AFTER_HINT,
                () = sleep_until(until.min(Instant::now() + pause)) => pause = (pause * 2).min(longest),
            }
        }
    }

    /// Claims a request, or finds its answer; nothing if another works on it. A claim that is not known to be stored in time is given
    /// back once it is, so that it is not taken for one of a service that was lost.
    async fn try_claim_until(
        self: &Arc<Self>,
        wanted: &Arc<Wanted>,
        is_known: bool,
        deadline: Instant,
    ) -> Result<Option<Claimed>, BucketError> {
        let (replies, own) = (Arc::clone(self), Arc::clone(wanted));
        let mut claiming = tokio::spawn(async move {
            let token = environment::new_id().to_string();
            let claimed = replies.try_claim(&own, &token, is_known).await;
            if matches!(claimed, Err(BucketError::Store(PublishError::Unacknowledged { .. }))) {
                tokio::spawn(async move { replies.forget_claim(own, &token).await });
            }
            claimed
        });
        match timeout_at(deadline, &mut claiming).await {
            Ok(Ok(claimed)) => claimed,
            // It was shut down with its runtime.
            Ok(Err(_)) => Ok(None),
            Err(_) => {
                let replies = Arc::clone(self);
                tokio::spawn(async move {
                    if let Ok(Ok(Some(Claimed::Ours(claim)))) = claiming.await {
                        replies.give_back(claim).await;
                    }
                });
                Ok(None)
            }
        }
    }

    /// Claims a request, or finds its answer. Nothing if another works on it. What is known to be there is read first.
    async fn try_claim(
        &self,
        wanted: &Arc<Wanted>,
        token: &str,
        is_known: bool,
    ) -> Result<Option<Claimed>, BucketError> {
        let Wanted { route, key, hash } = &**wanted;
        // Its time begins before it is claimed: others may take the claim for that of a service that was lost from when it is stored.
        let latest = Instant::now() + self.timeout;
        let claim = Content::of(route.event_type, route.version, Vec::new().into())
            .with_header(REQUEST, hash)
            .with_header(CLAIMED_BY, token)
            .with_header(LIFETIME, &milliseconds(self.lifetime))
            .with_header(KEPT, CLAIM);
        let ours = |revision, was_begun| {
            let begins = Begins { latest, was_begun };
            Ok(Some(Claimed::Ours(Claim { wanted: Arc::clone(wanted), revision, begins })))
        };
        if !is_known {
            match self.store.write(key, claim.clone(), Some(0)).await {
                Ok(revision) => return ours(revision, false),
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let Some(last) = self.store.last(key).await? else {
            return ours(self.store.write(key, claim, Some(0)).await?, false);
        };
        let StreamMessage { sequence, message, .. } = &last;
        let (age, kept) = (self.store.age(&last), message.headers.get(KEPT));
        if removal(&message.headers).is_some() || kept == Some(ANSWER) && age >= self.idempotent.window {
            return ours(self.store.write(key, claim, Some(*sequence)).await?, false);
        }
        if message.headers.get(REQUEST) != Some(hash) {
            let text = "its id is that of another request with another payload";
            return Ok(Some(Claimed::Answered(Answer::error(Outcome::Invalid, protocol::INVALID, text))));
        }
        // Its service may allow handlers another time than this one does.
        let lifetime = message.headers.get(LIFETIME).and_then(parse_milliseconds).unwrap_or(self.lifetime);
        match kept {
            Some(ANSWER) => Ok(Some(Claimed::Answered(answer(&last)))),
            Some(CLAIM) if age < lifetime => Ok(None),
            _ if self.idempotent.reruns_lost => {
                let claim = claim.with_header(BEGUN, "true");
                ours(self.store.write(key, claim, Some(*sequence)).await?, true)
            }
            _ => {
                let unknown = unknown();
                self.store.write(key, content(wanted, &unknown), Some(*sequence)).await?;
                Ok(Some(Claimed::Answered(unknown)))
            }
        }
    }

    /// Gives back a claim under which nothing was begun: it is as it was before.
    pub(super) async fn give_back(&self, Claim { wanted, revision, begins }: Claim) {
        let content = if begins.was_begun { begun(&wanted) } else { Content::delete() };
        // If it cannot be given back, it is found out to be old.
        drop(self.store.write(&wanted.key, content, Some(revision)).await);
    }

    /// Gives back a claim of which nobody knows whether it is stored, if it is.
    async fn forget_claim(&self, wanted: Arc<Wanted>, token: &str) {
        for _ in 0..LOOKS {
            sleep(UNTIL_LOOK).await;
            let Ok(Some(last)) = self.store.last(&wanted.key).await else { continue };
            if last.message.headers.get(CLAIMED_BY) == Some(token) && last.message.headers.get(KEPT) == Some(CLAIM) {
                let was_begun = last.message.headers.get(BEGUN).is_some();
                let begins = Begins { latest: Instant::now(), was_begun };
                return self.give_back(Claim { wanted, revision: last.sequence, begins }).await;
            }
        }
    }

    /// Keeps the answer to a request, before it is sent. One that failed may be begun again. Where that takes longer than somebody waits,
    /// the rest of it is returned.
    pub(super) async fn keep(
        self: &Arc<Self>,
        claim: Claim,
        answer: &Answer,
        deadline: Instant,
    ) -> Option<JoinHandle<()>> {
        let Claim { wanted, revision, begins } = claim;
        let kept = match answer.outcome {
            Outcome::Replied | Outcome::Refused => content(&wanted, answer),
            _ if !begins.was_begun && !answer.is_cut_off => Content::delete(),
            _ if self.idempotent.reruns_lost => begun(&wanted),
            _ => content(&wanted, &unknown()),
        };
        let instead = content(&wanted, &Answer::failed("it was done, and its answer is too large to be kept"));
        let replies = Arc::clone(self);
        let mut keeping = tokio::spawn(async move {
            let mut written = replies.replace(&wanted.key, kept, revision).await;
            if let Err(BucketError::Store(PublishError::TooLarge { .. } | PublishError::Refused { .. })) = written {
                written = replies.replace(&wanted.key, instead, revision).await;
            }
            if let Err(error) = written {
                // The work is done all the same, and who asked should know.
                tracing::warn!(request = wanted.route.event_type, key = wanted.key, %error, "an answer is not kept");
            }
        });
        match timeout_at(deadline, &mut keeping).await {
            Ok(_) => None,
            Err(_) => Some(keeping),
        }
    }

    /// Writes in place of a claim, also where the bucket has lost it: it may have been deleted and made anew.
    async fn replace(&self, key: &str, content: Content, revision: u64) -> Result<u64, BucketError> {
        match self.store.write(key, content.clone(), Some(revision)).await {
            Err(BucketError::Conflict { found: 0, .. }) => self.store.write(key, content, Some(0)).await,
            written => written,
        }
    }
}

/// Waits until something says that a key may have changed.
async fn hint(hints: &mut Option<Box<dyn Subscription>>) {
    if let Some(hints) = hints
        && hints.next().await.is_some()
    {
        return;
    }
    pending().await
}

/// That nobody knows what became of a request.
fn unknown() -> Answer {
    Answer::failed("the service that began it was lost; it may be done or not, and is not begun again")
}

/// That a request may have been begun, and nobody works on it.
fn begun(Wanted { route, hash, .. }: &Wanted) -> Content {
    let content = Content::of(route.event_type, route.version, Vec::new().into());
    content.with_header(REQUEST, hash).with_header(BEGUN, "true").with_header(KEPT, BEGUN_BEFORE)
}

/// What is kept of an answer.
fn content(Wanted { route, hash, .. }: &Wanted, answer: &Answer) -> Content {
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
