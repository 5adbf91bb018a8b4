//! An event that says what its handler is to do, and the journal in which handlers say what they did: for tests in which
//! processes die.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use eventsmith::catalogue::StreamDescriptor;
use eventsmith::generated::{Schema, Token};
use eventsmith::{DecodeError, Event, Invalid, Kind, Violation};
use serde::{Deserialize, Serialize};

/// The stream of [`Job`]s.
pub const JOBS: StreamDescriptor =
    StreamDescriptor::new("JOBS", &["rules.domain.>"]).description("Jobs, which tell their handler what to do");

/// The stream of what handlers gave up on.
pub const LETTERS: StreamDescriptor =
    JOBS.name("LETTERS").description("Dead letters of jobs").subjects(&["rules.dlq.>"]);

/// An event whose handler does as it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number, by which the journal names it.
    pub id: u64,
    /// Jobs of one key are done in their order.
    pub key: String,
    /// What to do at the first attempt, at the second and so on; the last goes for all that follow. A job without any can
    /// be published, as by a producer with a defect, and not be decoded.
    pub deeds: Vec<Deed>,
}

/// What a handler does at one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Completes.
    Complete,
    /// Completes after this many milliseconds.
    Work(u64),
    /// Never returns.
    Hang,
    /// Waits for a moment, then blocks its thread for ever.
    Block,
    /// Fails, and may be tried again.
    Fail,
    /// Fails, and must not be tried again.
    Reject,
    /// Panics.
    Panic,
    /// Ends the process at once.
    Abort,
}

impl Job {
    /// A job of a key of its own.
    pub fn new(id: u64, deeds: impl Into<Vec<Deed>>) -> Self {
        Self { id, key: format!("key-{id}"), deeds: deeds.into() }
    }

    /// What to do at this attempt, counted from 1.
    pub fn deed(&self, attempt: u64) -> Deed {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX).min(self.deeds.len() - 1);
        self.deeds[index]
    }
}

impl Event for Job {
    const TOKEN: Token = Token::of_generated_code();
    const KIND: Kind = Kind::Domain;
    const TYPE: &'static str = "job.given";
    const VERSION: u32 = 1;
    const SUBJECT: &'static str = "rules.domain.job.given";
    const SCHEMA: &'static str = "true";
    const KEY: Option<&'static str> = Some("/key");

    fn key(&self) -> Option<String> {
        Some(self.key.clone())
    }

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new(Job::TYPE, Job::VERSION, Job::SCHEMA);
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        if version > Self::VERSION {
            return Err(DecodeError::UnknownVersion { event_type: Self::TYPE, version, newest: Self::VERSION });
        }
        let job: Self = serde_json::from_slice(data).map_err(|error| invalid(&error.to_string()))?;
        if job.deeds.is_empty() { Err(invalid("a deed").into()) } else { Ok(job) }
    }
}

fn invalid(expected: &str) -> Invalid {
    let violation = Violation::new("", "", expected);
    Invalid::new(Job::TYPE, Job::VERSION, vec![violation])
}

/// What happened to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Its handler was called.
    Begun,
    /// Its handler did what it had to, and is about to return.
    Done,
}

/// A line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What happened.
    pub what: What,
    /// To the job of this number.
    pub id: u64,
    /// At this attempt, counted from 1.
    pub attempt: u64,
    /// At this delivery, counted from 1. Several may be the same attempt, as not each is known to have been run.
    pub delivery: u64,
    /// In this process.
    pub process: u32,
}

/// A file that many processes append to, in one order of all of them. Each entry is one write, so that it is there as a
/// whole or not at all, and stays there when its process is killed.
#[derive(Debug, Clone)]
pub struct Journal(PathBuf);

impl Journal {
    /// The journal at this path, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn append(&self, what: What, id: u64, attempt: u64, delivery: u64) -> io::Result<()> {
        let what = if what == What::Begun { "begun" } else { "done" };
        let line = format!("{what} {id} {attempt} {delivery} {}\n", std::process::id());
        let written = OpenOptions::new().create(true).append(true).open(&self.0)?.write(line.as_bytes())?;
        if written == line.len() { Ok(()) } else { Err(io::Error::other("half an entry was written")) }
    }

    /// All entries, in order.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn read(&self) -> io::Result<Vec<Entry>> {
        let text = match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        // What has no end yet is being written at this moment.
        let text = text.rsplit_once('\n').map_or("", |(entries, _)| entries);
        let parse = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, id, attempt, delivery, process] = words[..] else { return None };
            let what = match what {
                "begun" => What::Begun,
                "done" => What::Done,
                _ => return None,
            };
            let (id, attempt) = (id.parse().ok()?, attempt.parse().ok()?);
            let (delivery, process) = (delivery.parse().ok()?, process.parse().ok()?);
            Some(Entry { what, id, attempt, delivery, process })
        };
        text.lines().map(|line| parse(line).ok_or_else(|| io::Error::other(format!("not an entry: {line}")))).collect()
    }

    /// The entries of what was done.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn done(&self) -> io::Result<Vec<Entry>> {
        Ok(self.read()?.into_iter().filter(|entry| entry.what == What::Done).collect())
    }
}

/// What a worker process is told, as JSON in its only argument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Orders {
    /// The server, or a proxy before it.
    pub url: String,
    /// Where the journal is.
    pub journal: PathBuf,
    /// The consumer's name.
    pub consumer: String,
    /// How many jobs at a time.
    pub concurrency: usize,
    /// How many jobs are fetched ahead.
    pub prefetch: usize,
    /// After how many milliseconds without a sign of life a job goes to somebody else.
    pub ack_wait_ms: u64,
    /// How often a job is tried.
    pub max_attempts: u64,
    /// The delay after the first attempt, in milliseconds; no delay is longer than five times this.
    pub retry_delay_ms: u64,
    /// Whether jobs of one key are done in their order.
    pub ordered: bool,
    /// How many milliseconds handlers may go on once the worker is told to stop.
    pub shutdown_timeout_ms: u64,
}

impl Orders {
    /// What suits most tests.
    pub fn new(url: impl Into<String>, journal: &Journal) -> Self {
        Self {
            url: url.into(),
            journal: journal.path().to_owned(),
            consumer: "worker".to_owned(),
            concurrency: 4,
            prefetch: 8,
            ack_wait_ms: 400,
            max_attempts: 3,
            retry_delay_ms: 20,
            ordered: false,
            shutdown_timeout_ms: 25_000,
        }
    }
}
