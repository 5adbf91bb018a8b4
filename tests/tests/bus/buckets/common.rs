//! Documents written by hand, and a bucket for them.

use std::time::Duration;

use eventsmith::bucket::{Change, Watcher};
use eventsmith::catalogue::BucketDescriptor;
use eventsmith::{Invalid, Violation};
use eventsmith_tests::running::PATIENCE;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::common::Outcome;

/// A document of version 2, whose version 1 had no `hits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Compiled {
    pub(crate) rule_id: String,
    #[serde(default)]
    pub(crate) hits: u32,
}

/// A document that no bucket holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unheld {}

/// Lies in the bucket of [`Compiled`] and is none.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Intruder {
    pub(crate) anything: String,
}

macro_rules! document {
    ($name:ident, $type:literal, $version:literal, $bucket:literal, $valid:expr) => {
        impl eventsmith::State for $name {
            const KIND: eventsmith::Kind = eventsmith::Kind::State;
            const TYPE: &'static str = $type;
            const VERSION: u32 = $version;
            const BUCKET: &'static str = $bucket;
            const SUBJECT: &'static str = concat!("$KV.", $bucket, ".>");
            const SCHEMA: &'static str = "true";
            const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();

            fn payload_schema() -> &'static eventsmith::generated::Schema {
                static SCHEMA: eventsmith::generated::Schema =
                    eventsmith::generated::Schema::new(<$name as eventsmith::State>::TYPE, $version, "true");
                &SCHEMA
            }

            fn validate(&self) -> Result<(), eventsmith::Invalid> {
                let valid: fn(&Self) -> bool = $valid;
                if valid(self) { Ok(()) } else { Err($crate::buckets::common::invalid("a name")) }
            }

            fn decode(version: u32, data: &[u8]) -> Result<Self, eventsmith::DecodeError> {
                if version > Self::VERSION {
                    return Err(eventsmith::DecodeError::UnknownVersion {
                        event_type: $type,
                        version,
                        newest: $version,
                    });
                }
                serde_json::from_slice(data)
                    .map_err(|error| $crate::buckets::common::invalid(&error.to_string()).into())
            }
        }
    };
}

pub(crate) fn invalid(expected: &str) -> Invalid {
    Invalid::new("rule.compiled", 2, vec![Violation::new("/rule_id", "/x", expected)])
}

pub(crate) use document;

document!(Compiled, "rule.compiled", 2, "COMPILED", |document| !document.rule_id.is_empty());
document!(Intruder, "rule.intruder", 1, "COMPILED", |_| true);
document!(Unheld, "rule.unheld", 1, "UNHELD", |_| true);

pub(crate) const COMPILED: BucketDescriptor =
    BucketDescriptor::new("COMPILED", "rule.compiled").history(3).marker_ttl(Duration::from_secs(1));

pub(crate) fn compiled(rule_id: &str, hits: u32) -> Compiled {
    Compiled { rule_id: rule_id.to_owned(), hits }
}

pub(crate) async fn come(watcher: &mut Watcher<Compiled>) -> Outcome<Change<Compiled>> {
    Ok(timeout(PATIENCE, watcher.next()).await?.ok_or("nothing comes any more")??)
}
