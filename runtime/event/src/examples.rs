//! The test that the generated text brings along: what writers of any version may have stored can still be read.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::descriptor::EventDescriptor;
use crate::event::{Event, Request, State};
use crate::invalid::DecodeError;

/// The newest version of an event, request or document, as the reader of all others.
#[derive(Debug, Clone, Copy)]
pub struct Newest {
    event_type: &'static str,
    version: u32,
    /// Decodes a payload, and validates what it has become: an upcast by hand may promise too much.
    read: fn(u32, &[u8]) -> Result<(), DecodeError>,
}

impl Newest {
    /// The reader of an event.
    pub const fn of<E: Event>() -> Self {
        Self {
            event_type: E::TYPE,
            version: E::VERSION,
            read: |version, data| Ok(E::decode(version, data)?.validate()?),
        }
    }

    /// The reader of a command or query.
    pub const fn of_request<R: Request>() -> Self {
        Self {
            event_type: R::TYPE,
            version: R::VERSION,
            read: |version, data| Ok(R::decode(version, data)?.validate()?),
        }
    }

    /// The reader of a document of a bucket.
    pub const fn of_state<S: State>() -> Self {
        Self {
            event_type: S::TYPE,
            version: S::VERSION,
            read: |version, data| Ok(S::decode(version, data)?.validate()?),
        }
    }
}

/// Every example of the events, in any version, in replies and errors, that cannot be read, with the reason.
pub fn unreadable(catalogue: &[EventDescriptor], newest: &[Newest]) -> Vec<String> {
    let mut found = Vec::new();
    for Newest { event_type, version: newest, read } in newest {
        for event in catalogue.iter().filter(|event| event.event_type == *event_type) {
            let version = event.version;
            for (index, example) in examples(event.schema).into_iter().enumerate() {
                if let Err(error) = read(version, example.get().as_bytes()) {
                    found.push(format!("{event_type} v{version}, example {index}, read as v{newest}: {error}"));
                }
            }
            for (part, answer) in event.answers() {
                for (index, example) in examples(answer.schema).into_iter().enumerate() {
                    if let Err(error) = (answer.decode)(example.get().as_bytes()) {
                        found.push(format!("{event_type} v{version}, example {index} of the {part}: {error}"));
                    }
                }
            }
        }
    }
    found
}

/// The examples of a schema; a schema may be a mere `true`.
fn examples(schema: &str) -> Vec<&RawValue> {
    #[derive(Deserialize)]
    struct Examples<'a> {
        #[serde(borrow, default)]
        examples: Vec<&'a RawValue>,
    }
    serde_json::from_str::<Examples<'_>>(schema).map(|schema| schema.examples).unwrap_or_default()
}

/// The test that every example of every version is read as the newest version of its event. Generated text ends with
/// it; outside of tests it is nothing.
#[doc(hidden)]
#[macro_export]
macro_rules! stored_payloads {
    ($catalogue:path; $($of:ident $newest:ty),* $(,)?) => {
        #[cfg(test)]
        #[::core::prelude::v1::test]
        fn every_example_is_read_as_the_newest_version() {
            let newest = [$($crate::examples::Newest::$of::<$newest>()),*];
            let unreadable = $crate::examples::unreadable($catalogue, &newest);
            ::std::assert!(unreadable.is_empty(), "{}", unreadable.join("\n"));
        }
    };
}
