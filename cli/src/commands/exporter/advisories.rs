//! What the server reports by itself.

/// What begins the subjects of all advisories.
const PREFIX: &str = "$JS.EVENT.ADVISORY";
/// What is counted: the kind, and what its subjects have behind the prefix.
const KINDS: [(&str, &str); 5] = [
    ("max_deliveries", "CONSUMER.MAX_DELIVERIES"),
    ("leader_elected", "STREAM.LEADER_ELECTED"),
    ("leader_elected", "CONSUMER.LEADER_ELECTED"),
    ("quorum_lost", "STREAM.QUORUM_LOST"),
    ("quorum_lost", "CONSUMER.QUORUM_LOST"),
];

/// One advisory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advisory {
    pub(super) kind: &'static str,
    pub(super) stream: String,
    /// Empty where it is about the stream itself.
    pub(super) consumer: String,
}

/// The subjects of the advisories that are counted.
pub(super) fn subjects() -> Vec<String> {
    KINDS.iter().map(|(_, of)| format!("{PREFIX}.{of}.>")).collect()
}

/// The kinds that there are of consumers, or of streams.
pub(super) fn kinds(of_consumer: bool) -> impl Iterator<Item = &'static str> {
    let of = if of_consumer { "CONSUMER." } else { "STREAM." };
    KINDS.iter().filter(move |(_, subject)| subject.starts_with(of)).map(|(kind, _)| *kind)
}

impl Advisory {
    /// What the subject of an advisory says.
    pub(super) fn of(subject: &str) -> Option<Self> {
        let below = subject.strip_prefix(PREFIX)?.strip_prefix('.')?;
        let (kind, rest) =
            KINDS.iter().find_map(|(kind, of)| Some((*kind, below.strip_prefix(of)?.strip_prefix('.')?)))?;
        let (stream, consumer) = rest.split_once('.').unwrap_or((rest, ""));
        Some(Self { kind, stream: stream.to_owned(), consumer: consumer.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_say_what_an_advisory_is_about() {
        let of = |subject| Advisory::of(subject).map(|it| (it.kind, it.stream, it.consumer));
        let told = |kind, stream: &str, consumer: &str| Some((kind, stream.to_owned(), consumer.to_owned()));

        assert_eq!(of("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.c"), told("max_deliveries", "S", "c"));
        assert_eq!(of("$JS.EVENT.ADVISORY.STREAM.QUORUM_LOST.S"), told("quorum_lost", "S", ""));
        assert_eq!(of("$JS.EVENT.ADVISORY.API"), None);
    }
}
