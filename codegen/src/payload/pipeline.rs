//! Spreads payloads over all processors, and puts the results in order again.
//!
//! One thread reads the inputs and gives jobs to the workers, round robin. Results are collected round robin too, so their
//! order is that of the payloads. All queues are short: a thread that is ahead waits, and memory stays constant.

use std::io;
use std::iter;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use super::checker::Checker;
use super::input::{self, Input, Job};
use super::part::CheckedPart;
use crate::parallel::STACK;

/// How many jobs and results may wait for each worker.
const WAITING: usize = 4;

/// What checking an input comes to, part by part.
#[derive(Debug)]
pub enum CheckResult {
    /// A part of an input was checked.
    Checked(CheckedPart),
    /// The input of this name could not be read, or not to its end.
    Unreadable(Arc<str>, io::Error),
    /// The input of this name holds nothing.
    Empty(Arc<str>),
}

/// What a worker gets.
enum Task {
    Job(Arc<str>, Job),
    Unreadable(Arc<str>, io::Error),
    Empty(Arc<str>),
}

/// What a worker returns, with the buffer of the job.
struct Done {
    result: Result<CheckResult, String>,
    name: Arc<str>,
    buffer: Vec<u8>,
}

impl Checker<'_> {
    /// Checks the payloads of all inputs, on all processors, in constant memory as far as they are NDJSON. Hands what
    /// came out to `take`, in the order of the payloads, until it breaks.
    ///
    /// # Errors
    /// A schema of the catalogue cannot be compiled.
    pub fn check(
        &self,
        inputs: impl Iterator<Item = Input> + Send + 'static,
        take: impl FnMut(CheckResult) -> ControlFlow<()>,
    ) -> Result<(), String> {
        run(self, inputs, take)
    }
}

fn run(
    checker: &Checker<'_>,
    inputs: impl Iterator<Item = Input> + Send + 'static,
    mut take: impl FnMut(CheckResult) -> ControlFlow<()>,
) -> Result<(), String> {
    let count = thread::available_parallelism().map_or(1, usize::from);
    let (to_workers, tasks): (Vec<_>, Vec<_>) = iter::repeat_with(|| sync_channel(WAITING)).take(count).unzip();
    let (from_workers, results): (Vec<_>, Vec<_>) = iter::repeat_with(|| sync_channel(WAITING)).take(count).unzip();
    let (used, empty) = channel();
    let stopped = &AtomicBool::new(false);
    // This thread is not joined: an input that never ends may block it after everything else is done.
    let reader = thread::Builder::new().spawn(move || read_inputs(inputs, &to_workers, &empty));
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

/// Takes the results round robin, until there are no more or `take` breaks.
fn collect(
    results: Vec<Receiver<Done>>,
    used: &Sender<Vec<u8>>,
    take: &mut impl FnMut(CheckResult) -> ControlFlow<()>,
) -> Result<(), String> {
    let mut above: (Arc<str>, usize) = ("".into(), 0);
    for results in results.iter().cycle() {
        // A worker without results means that all jobs are done: the next worker has none either.
        let Ok(Done { result, name, buffer }) = results.recv() else { break };
        // The reader may have ended.
        let _ = used.send(buffer);
        let mut result = result?;
        if let CheckResult::Checked(part) = &mut result {
            if !Arc::ptr_eq(&above.0, &name) {
                above = (name, 0);
            }
            part.move_down(above.1);
            above.1 += part.lines;
        }
        if take(result).is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads all inputs, one after the other, and gives their parts to the workers, round robin.
fn read_inputs(inputs: impl Iterator<Item = Input>, workers: &[SyncSender<Task>], empty: &Receiver<Vec<u8>>) {
    let mut next = workers.iter().cycle();
    // False once a worker is gone.
    let mut send = |task| next.next().is_some_and(|worker| worker.send(task).is_ok());
    for input in inputs {
        let name = Arc::clone(&input.name);
        let mut goes_on = true;
        let buffer = || empty.try_recv().unwrap_or_default();
        let read = input::jobs(input, buffer, |job| {
            goes_on = send(Task::Job(Arc::clone(&name), job));
            goes_on
        });
        match read {
            Ok(true) => {}
            Ok(false) => goes_on = send(Task::Empty(name)),
            Err(error) => goes_on = send(Task::Unreadable(name, error)),
        }
        if !goes_on {
            return;
        }
    }
}

fn work(checker: &Checker<'_>, tasks: &Receiver<Task>, results: &SyncSender<Done>, stopped: &AtomicBool) {
    /// How soon a worker notices that it is stopped, while the reader waits for its input.
    const POLL: Duration = Duration::from_millis(50);
    loop {
        let task = match tasks.recv_timeout(POLL) {
            Ok(task) => task,
            Err(RecvTimeoutError::Timeout) if !stopped.load(Ordering::Relaxed) => continue,
            Err(_) => return,
        };
        let done = match task {
            Task::Unreadable(name, error) => {
                let result = Ok(CheckResult::Unreadable(Arc::clone(&name), error));
                Done { result, name, buffer: Vec::new() }
            }
            Task::Empty(name) => Done { result: Ok(CheckResult::Empty(Arc::clone(&name))), name, buffer: Vec::new() },
            Task::Job(name, Job::Lines(bytes)) => {
                let result = checked(checker.lines(&name, &bytes), &bytes);
                Done { result, name, buffer: bytes }
            }
            Task::Job(name, Job::Document(bytes)) => {
                Done { result: checked(checker.document(&name, &bytes), &bytes), name, buffer: Vec::new() }
            }
        };
        if results.send(done).is_err() {
            return;
        }
    }
}

fn checked(part: Result<CheckedPart, String>, bytes: &[u8]) -> Result<CheckResult, String> {
    part.map(|part| CheckResult::Checked(CheckedPart { bytes: bytes.len(), ..part }))
}
