//! Streams and services of a catalogue as data, as eventsmith.toml declares them.

use std::time::Duration;

/// A JetStream stream that the catalogue declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamDescriptor {
    /// The stream's name, `RULES_DOMAIN_EVENTS`.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The subjects it captures, with wildcards.
    pub subjects: &'static [&'static str],
    /// Where messages are kept.
    pub storage: Storage,
    /// When messages are dropped.
    pub retention: Retention,
    /// Messages older than this are dropped.
    pub max_age: Option<Duration>,
    /// The oldest messages are dropped beyond this many bytes.
    pub max_bytes: Option<u64>,
    /// The oldest messages are dropped beyond this many.
    pub max_messages: Option<u64>,
    /// On how many servers of the cluster each message is stored.
    pub replicas: u8,
    /// For how long the stream remembers message ids to drop duplicates.
    pub duplicate_window: Duration,
}

/// Where a stream keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// On disk.
    File,
    /// In memory: gone when the server restarts.
    Memory,
}

/// When a stream drops messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// At its limits of age, bytes and count.
    Limits,
    /// Once every consumer has acknowledged them.
    Interest,
    /// Once one consumer has acknowledged them.
    WorkQueue,
}

/// A service that the catalogue declares, with the types of the events that cross its border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceDescriptor {
    /// The service's name, also the name of its durable consumers.
    pub name: &'static str,
    /// Types of the events that it publishes.
    pub publishes: &'static [&'static str],
    /// Types of the events that it consumes.
    pub consumes: &'static [&'static str],
    /// Types of the commands and queries that it answers.
    pub handles: &'static [&'static str],
}
