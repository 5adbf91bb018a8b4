//! The durable consumers of a saga: two for each of its versions.

use std::time::Duration;

use eventsmith_event::stream::DeliverFrom;

use super::ConsumerSettings;

/// The token below the root of all subjects under which sagas lie.
pub const SAGAS: &str = "saga";

/// What runners of sagas wait for and hold unless they are told otherwise.
const ACK_WAIT: Duration = Duration::from_secs(15);
const MAX_ACK_PENDING: usize = 10_000;

/// The root of the subjects of a saga in a stream that captures these, if one of them is for it.
pub fn saga_root<'a>(subjects: impl IntoIterator<Item = &'a str>, saga: &str) -> Option<&'a str> {
    subjects.into_iter().find_map(|subject| {
        let (root, below) = subject.split_once(&format!(".{SAGAS}."))?;
        (below == ">" || below.strip_suffix(".>") == Some(saga)).then_some(root)
    })
}

/// The durable consumers of a version of a saga: one for its requests, one for its time-outs and what comes from outside, which must not wait
/// behind requests that are made again.
pub fn saga_consumers(stream: &str, root: &str, saga: &str, version: u32) -> [ConsumerSettings; 2] {
    let consumer = |name: String, leaves: &[&str]| ConsumerSettings {
        stream: stream.to_owned(),
        name,
        filters: leaves.iter().map(|leaf| format!("{root}.{SAGAS}.{saga}.*.v{version}.{leaf}.*")).collect(),
        deliver: DeliverFrom::All,
        ack_wait: ACK_WAIT,
        max_ack_pending: MAX_ACK_PENDING,
        max_deliver: None,
        ordered: false,
    };
    let name = format!("saga_{saga}_v{version}");
    [consumer(name.clone(), &["command"]), consumer(format!("{name}_inputs"), &["input", "timeout"])]
}
