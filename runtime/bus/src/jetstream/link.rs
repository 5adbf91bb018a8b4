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
    /// Whether the client has told of a connection.
    is_announced: bool,
    /// Since when nobody let us in, if the login was refused at all; and when that was the case last.
    refused_since: Option<Instant>,
    refused_last: Option<Instant>,
    /// Whether that has been so for longer than is waited for.
    pub(super) is_locked_out: bool,
}

impl Link {
    /// A connection that was just made.
    pub(super) fn new() -> Self {
        let connected_at = Instant::now();
        let (refused_since, refused_last) = (None, None);
        let (losses, is_announced, is_locked_out) = (0, false, false);
        Self {
            connected: true,
            closed: false,
            connected_at,
            losses,
            is_announced,
            refused_since,
            refused_last,
            is_locked_out,
        }
    }

    /// There is a connection. If there seemed to be one, its loss was not told: the client keeps a limited number of events.
    pub(super) fn connect(&mut self, now: Instant) {
        if self.connected && self.is_announced {
            self.losses += 1;
        }
        self.connected = true;
        self.is_announced = true;
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
        self.refused_last = Some(now);
        self.is_locked_out = now.duration_since(since) >= patience;
    }

    /// Nobody said anything about the login. Behind one address there may be several servers, some of which are down: that one of them
    /// is, says nothing about the others.
    pub(super) fn miss(&mut self, now: Instant, patience: Duration) {
        if self.refused_last.is_none_or(|last| now.duration_since(last) >= patience) {
            self.let_in();
        }
    }

    /// No server refuses the login, as far as is known.
    fn let_in(&mut self) {
        self.refused_since = None;
        self.refused_last = None;
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

        link.connect(begin + 3 * second);
        assert!(!link.is_locked_out);
        link.refuse(begin + 4 * second, 2 * second);
        assert!(!link.is_locked_out, "it begins anew");
    }

    #[test]
    fn that_some_servers_are_down_does_not_hide_that_the_others_refuse() {
        let (mut link, begin, second) = (Link::new(), Instant::now(), Duration::from_secs(1));

        link.refuse(begin, 4 * second);
        for after in 1..4 {
            link.miss(begin + after * second, 4 * second);
        }
        link.refuse(begin + 4 * second, 4 * second);
        assert!(link.is_locked_out);

        link.miss(begin + 9 * second, 4 * second);
        link.refuse(begin + 10 * second, 4 * second);
        assert!(!link.is_locked_out, "for long nobody has refused anything");
    }

    #[test]
    fn a_connection_that_comes_although_there_was_one_is_another() {
        let mut link = Link::new();

        link.connect(Instant::now());
        assert_eq!(link.losses, 0, "the first is announced late");
        link.connect(Instant::now());
        assert_eq!(link.losses, 1);
    }
}
