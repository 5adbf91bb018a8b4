//! What a message is, by its subject and headers.

use eventsmith::admin::TracedMessage;

/// What a stored message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// An event, or what else somebody published.
    Event,
    /// A dead letter, of the event that lies there.
    DeadLetter(DeadLetter<'a>),
    /// A message of a saga.
    Saga(SagaMessage<'a>),
}

/// What a dead letter says of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeadLetter<'a> {
    pub(super) reason: &'a str,
    pub(super) consumer: &'a str,
    pub(super) attempts: &'a str,
    pub(super) error: &'a str,
    /// Where its event lies, or lay: the stream and the number.
    pub(super) origin: Option<(&'a str, u64)>,
    /// The id of its event.
    pub(super) event_id: Option<&'a str>,
}

/// Where a message of a saga belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SagaMessage<'a> {
    pub(super) name: &'a str,
    pub(super) id: &'a str,
    /// `event`, `command`, `timer`, `timeout`, `input`.
    pub(super) leaf: &'a str,
    /// What kind of event or input, or the number of the command.
    pub(super) of: &'a str,
}

impl<'a> Kind<'a> {
    pub(super) fn of(message: &'a TracedMessage) -> Self {
        if let Some(reason) = message.header("Eventsmith-Dead-Reason") {
            let header = |name| message.header(name).unwrap_or_default();
            let stream = message.header("Eventsmith-Dead-Stream");
            let sequence = header("Eventsmith-Dead-Sequence").parse().ok();
            return Self::DeadLetter(DeadLetter {
                reason,
                consumer: header("Eventsmith-Dead-Consumer"),
                attempts: header("Eventsmith-Dead-Attempts"),
                error: header("Eventsmith-Dead-Error"),
                origin: stream.zip(sequence),
                event_id: message.header("Eventsmith-Message-Id"),
            });
        }
        SagaMessage::of(&message.subject).map_or(Self::Event, Self::Saga)
    }
}

impl<'a> SagaMessage<'a> {
    /// Reads `ROOT.saga.NAME.ID.vVERSION.LEAF.OF`; the root may have several tokens.
    fn of(subject: &'a str) -> Option<Self> {
        let mut last = subject.rsplit('.');
        let (of, leaf, version, id, name, saga) =
            (last.next()?, last.next()?, last.next()?, last.next()?, last.next()?, last.next()?);
        let is_version = version.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok());
        let is_leaf = matches!(leaf, "event" | "command" | "timer" | "timeout" | "input");
        (saga == "saga" && is_version && is_leaf && last.next().is_some()).then_some(Self { name, id, leaf, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_of_sagas_are_told_from_others() {
        let told = SagaMessage::of("a.b.saga.checkout.c-1.v3.command.7");

        assert_eq!(told, Some(SagaMessage { name: "checkout", id: "c-1", leaf: "command", of: "7" }));
        for other in ["a.domain.rule.created", "saga.checkout.c-1.v3.command.7", "a.saga.checkout.c-1.3.command.7"] {
            assert_eq!(SagaMessage::of(other), None, "{other}");
        }
    }
}
