//! Spreads payloads over all processors, and puts the results in order again.
//!
//! One thread reads and deals jobs to the workers in turn; results are collected in the same turn, so that their order is
//! that of the payloads. All queues are short: whoever is ahead waits, and memory stays constant.

use std::io;
use std::iter;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use super::input::{self, Input, Job};
use super::{Checker, Finding};
use crate::parallel::STACK;

/// How many jobs and results may wait for each worker.
const WAITING: usize = 4;

/// What checking a part of an input has found.
#[derive(Debug, Default)]
pub struct Batch {
    /// The number of payloads without findings.
    pub valid: usize,
    /// The number of payloads with findings, or that could not be read.
    pub invalid: usize,
    /// Everything that is wrong, in the order of the payloads.
    pub findings: Vec<Finding>,
    /// How many bytes were checked.
    pub bytes: usize,
    /// How many line breaks are in the part, if lines of what follows are counted from it.
    pub(super) lines: usize,
}

impl Batch {
    /// One payload that cannot be read.
    pub(super) fn of(finding: Finding) -> Self {
        Self { invalid: 1, findings: vec![finding], ..Self::default() }
    }

    /// Adds what came out of a later part, which begins some lines further down.
    pub(super) fn append(&mut self, mut other: Self, lines: usize) {
        other.move_down(lines);
        self.valid += other.valid;
        self.invalid += other.invalid;
        self.findings.append(&mut other.findings);
    }

    fn move_down(&mut self, lines: usize) {
        for position in self.findings.iter_mut().filter_map(|finding| finding.diagnostic.position.as_mut()) {
            position.line += lines;
        }
    }
}

/// What comes out, part by part.
#[derive(Debug)]
pub enum Outcome {
    /// A part of an input was checked.
    Checked(Batch),
    /// The input of this name could not be read, or not to its end.
    Unreadable(Arc<str>, io::Error),
}

/// What is dealt to a worker.
enum Task {
    Job(Arc<str>, Job),
    Unreadable(Arc<str>, io::Error),
}

/// What comes back, with the buffer of the job.
struct Done {
    outcome: Result<Outcome, String>,
    name: Arc<str>,
    buffer: Vec<u8>,
}

pub(super) fn run(
    checker: &Checker<'_>,
    inputs: impl Iterator<Item = Input> + Send + 'static,
    mut take: impl FnMut(Outcome) -> ControlFlow<()>,
) -> Result<(), String> {
    let count = thread::available_parallelism().map_or(1, usize::from);
    let (to_workers, tasks): (Vec<_>, Vec<_>) = iter::repeat_with(|| sync_channel(WAITING)).take(count).unzip();
    let (from_workers, results): (Vec<_>, Vec<_>) = iter::repeat_with(|| sync_channel(WAITING)).take(count).unzip();
    let (used, empty) = channel();
    let stopped = &AtomicBool::new(false);
    // Nobody waits for this thread: it may be held up by an input that never ends, when all else is over.
    let reader = thread::Builder::new().spawn(move || deal(inputs, &to_workers, &empty));
    reader.map_err(no_thread)?;
    thread::scope(|scope| {
        for (tasks, results) in tasks.into_iter().zip(from_workers) {
            let work = move || work(checker, &tasks, &results, stopped);
            if let Err(error) = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work) {
                return Err(no_thread(error));
            }
        }
        let result = collect(results, &used, &mut take);
        stopped.store(true, Ordering::Relaxed);
        result
    })
}

fn no_thread(error: io::Error) -> String {
    format!("no thread can be had: {error}")
}

/// Takes the results in turn, until there are no more or no more are wanted.
fn collect(
    results: Vec<Receiver<Done>>,
    used: &Sender<Vec<u8>>,
    take: &mut impl FnMut(Outcome) -> ControlFlow<()>,
) -> Result<(), String> {
    let mut above: (Arc<str>, usize) = ("".into(), 0);
    for results in results.iter().cycle() {
        // A worker has no more results when all tasks are dealt; then the next one has none either.
        let Ok(Done { outcome, name, buffer }) = results.recv() else { break };
        // The reader may be done.
        let _ = used.send(buffer);
        let mut outcome = outcome?;
        if let Outcome::Checked(batch) = &mut outcome {
            if !Arc::ptr_eq(&above.0, &name) {
                above = (name, 0);
            }
            batch.move_down(above.1);
            above.1 += batch.lines;
        }
        if take(outcome).is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads all inputs, one after the other, and deals what is in them in turn.
fn deal(inputs: impl Iterator<Item = Input>, workers: &[SyncSender<Task>], empty: &Receiver<Vec<u8>>) {
    let mut turn = workers.iter().cycle();
    // A worker that is gone has no use for more.
    let mut send = |task| turn.next().is_some_and(|worker| worker.send(task).is_ok());
    for input in inputs {
        let name = Arc::clone(&input.name);
        let mut goes_on = true;
        let buffer = || empty.try_recv().unwrap_or_default();
        let read = input::jobs(input, buffer, |job| {
            goes_on = send(Task::Job(Arc::clone(&name), job));
            goes_on
        });
        if let Err(error) = read {
            goes_on = send(Task::Unreadable(name, error));
        }
        if !goes_on {
            return;
        }
    }
}

fn work(checker: &Checker<'_>, tasks: &Receiver<Task>, results: &SyncSender<Done>, stopped: &AtomicBool) {
    /// How soon a worker notices that nothing is wanted any more, while the reader waits for its input.
    const PATIENCE: Duration = Duration::from_millis(50);
    loop {
        let task = match tasks.recv_timeout(PATIENCE) {
            Ok(task) => task,
            Err(RecvTimeoutError::Timeout) if !stopped.load(Ordering::Relaxed) => continue,
            Err(_) => return,
        };
        let done = match task {
            Task::Unreadable(name, error) => {
                let outcome = Ok(Outcome::Unreadable(Arc::clone(&name), error));
                Done { outcome, name, buffer: Vec::new() }
            }
            Task::Job(name, Job::Lines(bytes)) => {
                let outcome = checked(checker.lines(&name, &bytes), &bytes);
                Done { outcome, name, buffer: bytes }
            }
            Task::Job(name, Job::Document(bytes)) => {
                Done { outcome: checked(checker.document(&name, &bytes), &bytes), name, buffer: Vec::new() }
            }
        };
        if results.send(done).is_err() {
            return;
        }
    }
}

fn checked(batch: Result<Batch, String>, bytes: &[u8]) -> Result<Outcome, String> {
    batch.map(|batch| Outcome::Checked(Batch { bytes: bytes.len(), ..batch }))
}
