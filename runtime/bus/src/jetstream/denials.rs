//! What the server does not let this connection do.
//!
//! The server says so at once, but to nobody in particular: what waits for a reply would see nothing but its own timeout.
//! Here those who wait find what concerns them.

use std::collections::VecDeque;

use crate::environment::watch;
use crate::transport::{ConsumerPhase, Denied, DeniedAction};

/// How many subjects are remembered: more than anyone waits for that is denied at the same time.
const REMEMBERED: usize = 256;

/// The denials of one connection, as they come in.
#[derive(Debug, Default)]
pub(super) struct DenialLog {
    /// How many there were, over all connections.
    count: u64,
    /// The last ones, each with its number; one for each subject.
    recent: VecDeque<(u64, Denied)>,
    /// An inbox that cannot be subscribed to. It stays so for as long as the connection: nobody subscribes to it again.
    inbox: Option<Denied>,
    /// That this connection may not subscribe to more. Nobody knows to what it could not.
    more: Option<Denied>,
}

impl DenialLog {
    /// Takes in what the server says, if it is about permissions. Returns whether it is.
    pub(super) fn record(&mut self, error: &str) -> bool {
        let Some(denied) = parse(error) else { return false };
        self.count += 1;
        if keeps_answers_out(&denied) {
            self.inbox = Some(denied.clone());
        }
        if denied.action == DeniedAction::SubscribeMore {
            self.more = Some(denied.clone());
        }
        self.recent.retain(|(_, other)| *other != denied);
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((self.count, denied));
        true
    }

    /// Forgets everything, as a new connection may have other permissions.
    pub(super) fn clear(&mut self) {
        self.recent.clear();
        (self.inbox, self.more) = (None, None);
    }

    /// The denials after a number.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Denied> {
        self.recent.iter().filter(move |(own, _)| *own > number).map(|(_, denied)| denied)
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// That this connection has been denied a further subscription.
    pub(super) fn more(&self) -> Option<&Denied> {
        self.more.as_ref()
    }

    /// The inbox that cannot be subscribed to.
    pub(super) fn inbox(&self) -> Option<&Denied> {
        self.inbox.as_ref()
    }
}

/// What the inboxes of the client begin with.
const INBOXES: &str = "_INBOX.";

/// Whether a denial is about an inbox. Whatever else cannot be subscribed to concerns its subscriber alone.
pub(super) fn keeps_answers_out(denied: &Denied) -> bool {
    denied.action == DeniedAction::Subscribe && denied.subject.starts_with(INBOXES)
}

/// The denials as those see them who wait for something.
#[derive(Debug, Clone)]
pub(super) struct Denials(pub(super) watch::Receiver<DenialLog>);

impl Denials {
    /// Waits for a denial that concerns something: one that comes after this call, or an inbox that was denied before. For
    /// ever, if there is none.
    pub(super) fn wait<C: Fn(&Denied) -> bool + Send>(
        &self,
        concerns: C,
    ) -> impl Future<Output = Denied> + Send + use<C> {
        let mut log = self.0.clone();
        let since = log.borrow().count();
        async move {
            loop {
                let found = {
                    let log = log.borrow_and_update();
                    log.after(since).chain(log.inbox()).find(|denied| concerns(denied)).cloned()
                };
                if let Some(denied) = found {
                    return denied;
                }
                if log.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Waits until the server denies a request to a subject, or the inbox of its answer.
    pub(super) fn of_request(&self, subject: &str) -> impl Future<Output = Denied> + Send + use<> {
        let subject = subject.to_owned();
        self.wait(move |denied| match denied.action {
            DeniedAction::Publish => denied.subject == subject,
            DeniedAction::Subscribe => keeps_answers_out(denied),
            DeniedAction::SubscribeMore => true,
        })
    }
}

/// Whether a denial keeps the durable consumers of this name from being read.
pub(super) fn concerns_consumer(denied: &Denied, name: &str, phase: ConsumerPhase) -> bool {
    let Denied { action, subject } = denied;
    match action {
        DeniedAction::Publish => {}
        DeniedAction::Subscribe => return keeps_answers_out(denied),
        // Nothing says whose subscription it was.
        DeniedAction::SubscribeMore => return false,
    }
    let api = api_call(subject).and_then(|api| match api.strip_prefix("CONSUMER.") {
        Some(consumer) => consumer.strip_suffix(name)?.strip_suffix('.'),
        None => Some(api),
    });
    match (phase, api) {
        (_, None) => denied.acked_consumer() == Some(name),
        (ConsumerPhase::Starting, Some("STREAM.NAMES")) => true,
        (ConsumerPhase::Starting, Some(api)) => api.starts_with("INFO.") || api.starts_with("CREATE."),
        // Without knowing that it is the same consumer nothing is acked after a loss.
        (ConsumerPhase::Reading, Some(api)) => api.starts_with("MSG.NEXT.") || api.starts_with("INFO."),
    }
}

/// What the server says about one subscription too many. (nats-server, server/errors.go: `ErrTooManySubs`.)
const TOO_MANY: &str = "maximum subscriptions exceeded";

/// Reads what the server says: `Permissions Violation for Publish to "SUBJECT"`, `Permissions Violation for Subscription to
/// "SUBJECT" using queue "QUEUE"`. (nats-server, server/client.go: `pubPermissionViolation` and `processSub`.)
fn parse(error: &str) -> Option<Denied> {
    const START: &str = "permissions violation for ";
    if error.eq_ignore_ascii_case(TOO_MANY) {
        return Some(Denied { action: DeniedAction::SubscribeMore, subject: error.to_owned() });
    }
    let what = error.get(START.len()..).filter(|_| error[..START.len()].eq_ignore_ascii_case(START))?;
    let (what, subject) = what.split_once('"')?;
    let subject = subject.split_once("\" using queue \"").map_or(subject, |(subject, _)| subject);
    let subject = subject.strip_suffix('"').unwrap_or(subject).to_owned();
    let is = |word: &str| what.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let action = match () {
        () if is("publish") => DeniedAction::Publish,
        () if is("subscription") => DeniedAction::Subscribe,
        () => return None,
    };
    Some(Denied { action, subject })
}

/// What is asked of the JetStream API, in whatever domain.
fn api_call(subject: &str) -> Option<&str> {
    let rest = subject.strip_prefix("$JS.")?;
    rest.strip_prefix("API.")
        .or_else(|| rest.split_once(".API.").filter(|(domain, _)| !domain.contains('.')).map(|it| it.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(subject: &str) -> Denied {
        Denied { action: DeniedAction::Publish, subject: subject.to_owned() }
    }

    fn subscribe(subject: &str) -> Denied {
        Denied { action: DeniedAction::Subscribe, subject: subject.to_owned() }
    }

    #[test]
    fn violations_are_read_as_the_server_writes_them() {
        let cases = [
            (r#"Permissions Violation for Publish to "a.b""#, Some(publish("a.b"))),
            (r#"permissions violation for publish to "a"b""#, Some(publish("a\"b"))),
            (r#"Permissions Violation for Publish with Reply of "x""#, Some(publish("x"))),
            (r#"Permissions Violation for Subscription to "_INBOX.x.*""#, Some(subscribe("_INBOX.x.*"))),
            (r#"Permissions Violation for Subscription to "a" using queue "q""#, Some(subscribe("a"))),
            ("Permissions Violation", None),
            (TOO_MANY, Some(Denied { action: DeniedAction::SubscribeMore, subject: TOO_MANY.to_owned() })),
            ("maximum connections exceeded", None),
            ("ümläüte are no violation of permissions", None),
        ];
        for (error, expected) in cases {
            assert_eq!(parse(error), expected, "{error}");
        }
    }

    #[test]
    fn what_matters_to_a_consumer_is_known_by_its_name_and_phase() {
        let concerns = |subject: &str, phase| concerns_consumer(&publish(subject), "shop", phase);
        for subject in [
            "$JS.API.STREAM.NAMES",
            "$JS.hub.API.CONSUMER.INFO.S.shop",
            "$JS.API.CONSUMER.INFO.S.shop",
            "$JS.API.CONSUMER.CREATE.S.shop",
        ] {
            assert!(concerns(subject, ConsumerPhase::Starting), "{subject}");
            assert_eq!(concerns(subject, ConsumerPhase::Reading), subject.contains(".CONSUMER.INFO."), "{subject}");
        }
        for subject in
            ["$JS.API.CONSUMER.MSG.NEXT.S.shop", "$JS.ACK.S.shop.1.2.3.4.5", "$JS.ACK._.h.S.shop.1.2.3.4.5.t"]
        {
            assert!(concerns(subject, ConsumerPhase::Reading), "{subject}");
        }
        for subject in [
            "$JS.API.CONSUMER.MSG.NEXT.S.workshop",
            "$JS.ACK.shop.other.1.2.3.4.5",
            "$JS.API.STREAM.MSG.GET.S",
            "shop",
            "$JS.API.CONSUMER.UNPIN.S.shop",
        ] {
            assert!(
                !concerns(subject, ConsumerPhase::Reading) && !concerns(subject, ConsumerPhase::Starting),
                "{subject}"
            );
        }
        assert!(concerns_consumer(&subscribe("_INBOX.x"), "shop", ConsumerPhase::Reading));
        assert!(!concerns_consumer(&subscribe("rules.domain.rule.created"), "shop", ConsumerPhase::Reading));
    }

    #[tokio::test]
    async fn those_who_wait_find_what_comes_later_and_an_inbox_that_was_denied_before() {
        let (sender, log) = watch::channel(DenialLog::default());
        let denials = Denials(log);
        let record = |subject: &str| {
            let error = format!("Permissions Violation for Publish to \"{subject}\"");
            sender.send_modify(|log| assert!(log.record(&error)));
        };

        record("a");
        let waiting = denials.of_request("a");
        record("b");
        record("a");
        assert_eq!(waiting.await, publish("a"));
        sender.send_modify(|log| assert!(log.record("Permissions Violation for Subscription to \"_INBOX.x\"")));
        assert_eq!(denials.of_request("c").await, subscribe("_INBOX.x"));
        sender.send_modify(DenialLog::clear);
        sender.send_modify(|log| assert!(log.record("Permissions Violation for Subscription to \"rules.>\"")));

        assert!(sender.borrow().inbox().is_none(), "only inboxes keep answers out");
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut log = DenialLog::default();

        for number in 0..2 * REMEMBERED {
            log.record(&format!("Permissions Violation for Publish to \"a.{number}\""));
            log.record("Permissions Violation for Publish to \"same\"");
        }

        assert_eq!(log.recent.len(), REMEMBERED);
        assert_eq!(log.recent.iter().filter(|(_, denied)| denied.subject == "same").count(), 1);
    }
}
