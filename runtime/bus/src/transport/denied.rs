//! What the server does not let a user do.

use std::error::Error;
use std::{fmt, iter};

/// The server does not let this user do something.
///
/// ```
/// use eventsmith::error::Denied;
/// use eventsmith::{Bus, Event, PublishError};
///
/// async fn publish<E: Event>(bus: &Bus, event: &E) {
///     if let Err(PublishError::Denied(Denied { subject, .. })) = bus.publish(event).await {
///         eprintln!("ask the operator for permission to publish to {subject}");
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Denied {
    /// What it may not do.
    pub action: DeniedAction,
    /// The subject that it may not do it with, as the server names it.
    pub subject: String,
}

/// What a user may do with a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeniedAction {
    /// To send messages there.
    Publish,
    /// To receive what is sent there.
    Subscribe,
    /// To have more subscriptions than it has. The subject is what the server says, as it does not say which one it refuses.
    SubscribeMore,
}

impl DeniedAction {
    /// The name of the list of permissions in the server's configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe | Self::SubscribeMore => "subscribe",
        }
    }
}

impl fmt::Display for DeniedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to", self.as_str())
    }
}

impl Denied {
    fn text(&self) -> String {
        let Self { action, subject } = self;
        match action {
            DeniedAction::SubscribeMore => format!(
                "{subject}: this connection has as many subscriptions as it may; raise max_subscriptions in the server's \
                 configuration, or the limit of its account or user"
            ),
            _ => format!(
                "this user may not {action} {subject}; add {} to its permissions to {} in the server's configuration",
                self.permission(),
                action.as_str()
            ),
        }
    }

    /// The denial that led to an error, if one did.
    pub(crate) fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        iter::successors(Some(error), |error| (**error).source()).find_map(|error| error.downcast_ref())
    }

    /// The permission that would allow it: the subject, with wildcards where that is another one each time.
    pub fn permission(&self) -> String {
        let tokens = || self.subject.split('.');
        if let Some((to_consumer, _)) = self.ack() {
            let kept: Vec<&str> = tokens().take(to_consumer + 1).collect();
            return format!("{}.>", kept.join("."));
        }
        // ROOT.dlq.CONSUMER, and then where the event comes from.
        if self.action == DeniedAction::Publish && tokens().nth(1) == Some("dlq") && tokens().count() > 3 {
            return format!("{}.>", tokens().take(3).collect::<Vec<_>>().join("."));
        }
        match self.action {
            DeniedAction::Subscribe if tokens().next() == Some("_INBOX") => "_INBOX.>".to_owned(),
            _ => self.subject.clone(),
        }
    }

    /// The durable consumer whose acks are denied, if it is that.
    pub(crate) fn acked_consumer(&self) -> Option<&str> {
        self.ack().map(|(_, consumer)| consumer)
    }

    /// The consumer in the subject of an ack, and which token it is. (NATS ADR-15: `$JS.ACK.STREAM.CONSUMER` and five more of
    /// old, with `DOMAIN.ACCOUNT` before the stream since.)
    fn ack(&self) -> Option<(usize, &str)> {
        let rest = self.subject.strip_prefix("$JS.ACK.").filter(|_| self.action == DeniedAction::Publish)?;
        let at = if rest.split('.').count() <= 7 { 1 } else { 3 };
        Some((at + 2, rest.split('.').nth(at)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permission_that_is_missing_is_named() {
        let permission = |action, subject: &str| Denied { action, subject: subject.to_owned() }.permission();
        let (publish, subscribe) = (DeniedAction::Publish, DeniedAction::Subscribe);

        assert_eq!(permission(publish, "rules.domain.rule.created"), "rules.domain.rule.created");
        assert_eq!(permission(publish, "$JS.API.CONSUMER.MSG.NEXT.S.C"), "$JS.API.CONSUMER.MSG.NEXT.S.C");
        assert_eq!(permission(publish, "rules.dlq.promotions.RULES.17.domain.rule.created"), "rules.dlq.promotions.>");
        assert_eq!(permission(publish, "$JS.ACK.S.C.1.2.3.4.5"), "$JS.ACK.S.C.>");
        assert_eq!(permission(publish, "$JS.ACK._.hash.S.C.1.2.3.4.5.token"), "$JS.ACK._.hash.S.C.>");
        assert_eq!(permission(subscribe, "_INBOX.abc.*"), "_INBOX.>");
    }

    #[test]
    fn it_says_what_is_denied_and_how_to_allow_it() {
        let denied = Denied { action: DeniedAction::Subscribe, subject: "_INBOX.abc.*".to_owned() };

        let text = "this user may not subscribe to _INBOX.abc.*; add _INBOX.> to its permissions to subscribe in the \
                    server's configuration";
        assert_eq!(denied.to_string(), text);
    }
}
