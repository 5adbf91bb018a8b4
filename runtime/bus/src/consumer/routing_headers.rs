//! The headers that matter to a consumer.

use eventsmith_event::envelope::WireHeaders;

use crate::transport::Headers;

/// The headers that matter to a consumer, found in one pass.
#[derive(Default)]
pub(super) struct RoutingHeaders<'a> {
    pub(super) event_type: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) only: Option<&'a str>,
    pub(super) traceparent: Option<&'a str>,
    pub(super) tracestate: Option<&'a str>,
    pub(super) replay_of: Option<&'a str>,
    pub(super) wire: WireHeaders<'a>,
}

impl<'a> RoutingHeaders<'a> {
    pub(super) fn of(headers: &'a Headers) -> Self {
        let mut found = Self::default();
        headers.visit(|name, value| {
            let header = match name {
                Headers::TYPE => &mut found.event_type,
                Headers::VERSION => &mut found.version,
                Headers::ONLY => &mut found.only,
                Headers::TRACEPARENT => &mut found.traceparent,
                Headers::TRACESTATE => &mut found.tracestate,
                Headers::REPLAY_OF => &mut found.replay_of,
                _ => return found.wire.note(name, value),
            };
            header.get_or_insert(value);
        });
        found
    }
}
