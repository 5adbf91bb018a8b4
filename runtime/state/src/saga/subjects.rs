//! Where all of a saga lies: `ROOT.saga.NAME.ID.vVERSION`, and what it is behind that.

use eventsmith_bus::settings::{SAGAS as SAGA, saga_root};

/// The longest id of an instance, in bytes.
const LONGEST_ID: usize = 128;

/// The stream that holds a saga, and the root of its subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) stream: String,
    pub(crate) root: String,
}

/// One instance of a saga, and the version that it began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) saga: String,
    pub(crate) id: String,
    pub(crate) version: u32,
}

/// What a message of a saga is, by its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf<'a> {
    /// What happened, of this kind.
    Event(&'a str),
    /// A request that is to be made.
    Command(u64),
    /// A time-out that waits for its time.
    Timer(u64),
    /// A time-out that is due.
    Timeout(u64),
    /// What comes from outside.
    Input(&'a str),
}

impl Home {
    /// The home of a saga in a stream with these subjects, if one of them is for it.
    pub(crate) fn of<'a>(stream: &str, subjects: impl IntoIterator<Item = &'a str>, saga: &str) -> Option<Self> {
        let root = saga_root(subjects, saga)?;
        Some(Self { stream: stream.to_owned(), root: root.to_owned() })
    }

    /// All subjects of an instance, whatever its version.
    pub(crate) fn all(&self, saga: &str, id: &str) -> String {
        format!("{}.{SAGA}.{saga}.{id}.>", self.root)
    }

    /// The subjects of what happened to an instance, or with `*` to all of them.
    pub(crate) fn events(&self, saga: &str, id: &str) -> String {
        format!("{}.{SAGA}.{saga}.{id}.*.event.*", self.root)
    }

    /// The subjects on which all instances, or those of one version, say that a kind of event happened.
    pub(crate) fn events_of_kind(&self, saga: &str, version: Option<u32>, kind: &str) -> String {
        let version = version.map_or_else(|| "*".to_owned(), |version| format!("v{version}"));
        format!("{}.{SAGA}.{saga}.*.{version}.event.{kind}", self.root)
    }

    /// The subject of a message of an instance.
    pub(crate) fn subject(&self, key: &Key, leaf: Leaf<'_>) -> String {
        let Key { saga, id, version } = key;
        let prefix = format!("{}.{SAGA}.{saga}.{id}.v{version}", self.root);
        match leaf {
            Leaf::Event(kind) => format!("{prefix}.event.{kind}"),
            Leaf::Command(number) => format!("{prefix}.command.{number}"),
            Leaf::Timer(number) => format!("{prefix}.timer.{number}"),
            Leaf::Timeout(number) => format!("{prefix}.timeout.{number}"),
            Leaf::Input(kind) => format!("{prefix}.input.{kind}"),
        }
    }

    /// What a subject says.
    pub(crate) fn parse<'a>(&self, subject: &'a str) -> Option<(Key, Leaf<'a>)> {
        let below = subject.strip_prefix(&self.root)?.strip_prefix('.')?.strip_prefix(SAGA)?.strip_prefix('.')?;
        let mut tokens = below.split('.');
        let (saga, id, version) = (tokens.next()?, tokens.next()?, tokens.next()?);
        let (kind, last) = (tokens.next()?, tokens.next()?);
        let version = version.strip_prefix('v')?.parse().ok()?;
        let leaf = match kind {
            "event" => Leaf::Event(last),
            "command" => Leaf::Command(last.parse().ok()?),
            "timer" => Leaf::Timer(last.parse().ok()?),
            "timeout" => Leaf::Timeout(last.parse().ok()?),
            "input" => Leaf::Input(last),
            _ => return None,
        };
        let key = Key { saga: saga.to_owned(), id: id.to_owned(), version };
        tokens.next().is_none().then_some((key, leaf))
    }
}

/// Whether an instance may be called so: one token of a subject.
pub(crate) fn is_legal_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'.' | b'*' | b'>');
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let home = Home::of("S", ["a.b.saga.>"], "pay").unwrap();
        let key = Key { saga: "pay".to_owned(), id: "p-1".to_owned(), version: 2 };

        for leaf in
            [Leaf::Event("started"), Leaf::Command(3), Leaf::Timer(3), Leaf::Timeout(u64::MAX), Leaf::Input("cancel")]
        {
            let subject = home.subject(&key, leaf);
            assert_eq!(home.parse(&subject), Some((key.clone(), leaf)), "{subject}");
        }
        assert_eq!(home.subject(&key, Leaf::Command(3)), "a.b.saga.pay.p-1.v2.command.3");
    }

    #[test]
    fn what_is_of_no_saga_is_none() {
        let home = Home { stream: "S".to_owned(), root: "a".to_owned() };
        for subject in [
            "a.saga.pay.p-1.v2.command",
            "a.saga.pay.p-1.v2.command.x",
            "a.saga.pay.p-1.v2.command.1.2",
            "a.saga.pay.p-1.2.command.1",
            "a.saga.pay.p-1.v99999999999.command.1",
            "a.sagas.pay.p-1.v2.command.1",
            "b.saga.pay.p-1.v2.command.1",
        ] {
            assert_eq!(home.parse(subject), None, "{subject}");
        }
    }

    #[test]
    fn a_stream_is_for_the_sagas_that_it_captures() {
        assert!(Home::of("S", ["a.saga.pay.>"], "pay").is_some());
        assert!(Home::of("S", ["a.saga.pay.>"], "ship").is_none());
        assert!(Home::of("S", ["a.domain.>"], "pay").is_none());
    }

    #[test]
    fn an_id_is_one_token() {
        assert!(is_legal_id("order-7_ä".trim_end_matches('ä')) && is_legal_id("019cadab-23b8"));
        for id in ["", "a.b", "a b", "*", ">", "ü", &"a".repeat(129)] {
            assert!(!is_legal_id(id), "{id}");
        }
    }
}
