//! The state of the connection, as the client reports it.

use std::time::Duration;

use tokio::time::Instant;

/// After this long a server has refused a subscription that it refuses.
const UNTIL_KNOWN: Duration = Duration::from_secs(5);

/// What the client tells about its connection as time goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) connected: bool,
    pub(super) closed: bool,
    /// Since when there is this connection, or was the last.
    connected_at: Instant,
    /// How often the connection was lost.
    pub(super) losses: u64,
    /// Since when every attempt to connect was refused, if the last one was.
    refused_since: Option<Instant>,
    /// Whether that has been so for longer than is waited for.
    pub(super) is_locked_out: bool,
}

impl Link {
    /// A connection that was just made.
    pub(super) fn new() -> Self {
        let connected_at = Instant::now();
        Self { connected: true, closed: false, connected_at, losses: 0, refused_since: None, is_locked_out: false }
    }

    /// There is a connection.
    pub(super) fn connect(&mut self, now: Instant) {
        self.connected = true;
        self.connected_at = now;
        self.let_in();
    }

    /// Whether the server may still refuse a subscription that was begun then: it does so soon, over each connection anew.
    pub(super) fn may_refuse(&self, subscribed: Instant, now: Instant) -> bool {
        now < self.connected_at.max(subscribed) + UNTIL_KNOWN
    }

    /// The server refused the login.
    pub(super) fn refuse(&mut self, now: Instant, patience: Duration) {
        let since = *self.refused_since.get_or_insert(now);
        self.is_locked_out = now.duration_since(since) >= patience;
    }

    /// No server refuses the login, as far as is known.
    pub(super) fn let_in(&mut self) {
        self.refused_since = None;
        self.is_locked_out = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_refused_soon_or_not_over_this_connection() {
        let (mut link, begin, second) = (Link::new(), Instant::now(), Duration::from_secs(1));

        assert!(link.may_refuse(begin, begin + 4 * second) && !link.may_refuse(begin, begin + 9 * second));
        assert!(link.may_refuse(begin + 8 * second, begin + 9 * second));
        link.connect(begin + 20 * second);
        assert!(link.may_refuse(begin, begin + 21 * second) && !link.may_refuse(begin, begin + 25 * second));
    }

    #[test]
    fn who_is_refused_for_long_enough_is_locked_out() {
        let (mut link, begin, second) = (Link::new(), Instant::now(), Duration::from_secs(1));

        link.refuse(begin, 2 * second);
        link.refuse(begin + second, 2 * second);
        assert!(!link.is_locked_out);
        link.refuse(begin + 2 * second, 2 * second);
        assert!(link.is_locked_out);

        link.let_in();
        assert!(!link.is_locked_out);
        link.refuse(begin + 3 * second, 2 * second);
        assert!(!link.is_locked_out, "it begins anew");
    }
}
