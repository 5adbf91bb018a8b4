//! Parallel work on lists, and room for work that goes deep. Build scripts run unoptimised, so every processor counts.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What a thread may use for schemas that are nested deeply; only touched pages take memory.
pub(crate) const STACK: usize = 64 << 20;

thread_local! {
    /// Whether this thread has [`STACK`].
    static HAS_ROOM: Cell<bool> = const { Cell::new(false) };
}

/// Does work that goes as deep as schemas refer to each other, on a thread that has [`STACK`]: of the caller's nobody knows how much
/// is left, and a test's thread has 2 MiB.
pub(crate) fn with_room<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if HAS_ROOM.get() {
        return work();
    }
    let mut work = Some(work);
    let mut done = None;
    thread::scope(|scope| {
        let there = || {
            HAS_ROOM.set(true);
            done = work.take().map(|work| work());
        };
        // Without a further thread, this one does it, below.
        if let Ok(thread) = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, there) {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    match (done, work) {
        (Some(done), _) => done,
        (None, Some(work)) => work(),
        (None, None) => unreachable!("work that is taken is done, or panics"),
    }
}

/// Applies a function to every item, on all processors and with room for each, and returns the results in the order of the items.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            match items.get(index) {
                Some(item) => done.push((index, work(item))),
                None => return done,
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let all = || {
        thread::scope(|scope| {
            let help = || {
                HAS_ROOM.set(true);
                take()
            };
            // Without a further thread, this one does the rest.
            let spawn = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, help).ok();
            let helpers: Vec<_> = (1..threads).filter_map(spawn).collect();
            let mut results = take();
            for helper in helpers {
                results.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            results
        })
    };
    let mut results = if items.is_empty() { Vec::new() } else { with_room(all) };
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{STACK, map, with_room};

    /// Uses a part of the stack in each call.
    fn sink(depth: usize) -> usize {
        let page = std::hint::black_box([1_u8; 4096]);
        if depth == 0 { 0 } else { usize::from(page[depth % page.len()]) + sink(depth - 1) }
    }

    #[test]
    fn whoever_calls_there_is_room() {
        let depth = STACK / 4 / 8192;
        let on_a_small_one = move || (with_room(|| with_room(|| sink(depth))), map(&[depth], |depth| sink(*depth)));

        let small = thread::Builder::new().stack_size(128 << 10).spawn(on_a_small_one).unwrap();

        assert_eq!(small.join().unwrap(), (depth, vec![depth]));
    }

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();

        assert_eq!(map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(map(&[], |item: &usize| *item), Vec::<usize>::new());
    }
}
