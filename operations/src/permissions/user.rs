//! One user, with all that it may do, and why.

use crate::landscape::Landscape;

/// What a user is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It is a service of the catalogue.
    Service,
    /// People and their tools.
    Operator,
}

impl Role {
    /// The folder of its keys, and the token of its inboxes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "services",
            Self::Operator => "operators",
        }
    }
}

/// One user, with all that it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name, which no other user of its role has.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// What it does, in a sentence.
    pub purpose: String,
    /// What it may publish to.
    pub publish: Vec<Grant>,
    /// What of that it may not.
    pub publish_denied: Vec<Grant>,
    /// What it may subscribe to.
    pub subscribe: Vec<Grant>,
    /// Whether it may answer where it was asked to: the reason, for those who answer.
    pub answers: Option<Grant>,
}

/// What of a server somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Send messages.
    Publish,
    /// Receive them.
    Subscribe,
}

impl Verb {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Publish, Self::Subscribe];

    /// The word of the server's configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}

/// A permission, and why it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The subject, with wildcards.
    pub subject: String,
    /// Why, in a few words.
    pub reason: String,
    /// The line of `eventsmith.toml` that it follows from; none where it follows from the role.
    pub line: Option<usize>,
}

impl User {
    pub(super) fn new(role: Role, name: &str, purpose: &str) -> Self {
        let mut user = Self {
            name: name.to_owned(),
            role,
            purpose: purpose.to_owned(),
            publish: Vec::new(),
            publish_denied: Vec::new(),
            subscribe: Vec::new(),
            answers: None,
        };
        let inbox = format!("{}.>", user.inbox_prefix());
        let why = Why { reason: "the inbox for the answers to it".to_owned(), line: None };
        user.subscribe(&inbox, &why);
        // A program sends itself messages, to know that a connection listens.
        user.publish(&inbox, &why);
        user
    }

    /// Its folder and name: `services/promotions`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.role.as_str(), self.name)
    }

    /// What its inboxes begin with: the setting `inbox_prefix` of its programs.
    pub fn inbox_prefix(&self) -> String {
        format!("_INBOX.{}.{}", self.role.as_str(), self.name)
    }

    pub(super) fn publish(&mut self, subject: &str, why: &Why) {
        add(&mut self.publish, subject, why);
    }

    pub(super) fn deny(&mut self, subject: &str, why: &Why) {
        add(&mut self.publish_denied, subject, why);
    }

    pub(super) fn subscribe(&mut self, subject: &str, why: &Why) {
        add(&mut self.subscribe, subject, why);
    }
}

/// Why something is granted.
#[derive(Debug, Clone, Default)]
pub(super) struct Why {
    pub(super) reason: String,
    pub(super) line: Option<usize>,
}

/// The first reason counts.
fn add(grants: &mut Vec<Grant>, subject: &str, why: &Why) {
    if !grants.iter().any(|grant| grant.subject == subject) {
        grants.push(Grant { subject: subject.to_owned(), reason: why.reason.clone(), line: why.line });
    }
}

/// Reading a stream by consumers that are made for it, each with one filter in its subject. Names cannot be told apart by permissions, so
/// that those of durable consumers are taken away again.
pub(super) fn follow(user: &mut User, landscape: &Landscape, stream: &str, filter: &str, why: &Why) {
    user.publish(&format!("$JS.API.CONSUMER.CREATE.{stream}.*.{filter}"), why);
    user.publish(&format!("$JS.FC.{stream}.>"), why);
    // The form with domain and account, of newer servers.
    user.publish(&format!("$JS.FC.*.*.{stream}.>"), why);
    for consumer in landscape.durable_consumers().filter(|consumer| consumer.stream == stream) {
        let why =
            Why { reason: format!("the durable consumer {} is not its own to change", consumer.name), line: None };
        user.deny(&format!("$JS.API.CONSUMER.CREATE.{stream}.{}.>", consumer.name), &why);
    }
}
