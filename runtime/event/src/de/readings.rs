//! What came of reading a value as a union, so that however many unions lie in each other, each value is read once as each.
//!
//! A union that nothing distinguishes reads its value as every alternative. Where two of them lead back to the union by one
//! property, each level of a payload would double what is read below it, and some hundred bytes would take for ever.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;

use super::buffered::Buffered;

/// How many unions are read within another one before what comes of them is kept. Ordinary payloads never get there.
const MANY: usize = 1_024;

/// Why a value is not read as a union.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal(pub(super) &'static str);

#[derive(Default)]
struct Readings {
    /// How many unions are being read, each within the one before.
    open: usize,
    /// How many have been read since the outermost began.
    count: usize,
    /// By the type of the union and the text of the value.
    known: HashMap<(TypeId, String), Box<dyn Any>>,
}

thread_local! {
    static READINGS: RefCell<Readings> = RefCell::default();
}

/// Reads a value as a union, unless that was done before.
pub(super) fn once<T: Clone + 'static>(
    value: Buffered,
    read: impl FnOnce(Buffered) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let within = Within::enter();
    if !within.is_kept {
        return read(value);
    }
    let key = (TypeId::of::<T>(), value.to_text());
    if let Some(known) = READINGS.with_borrow(|readings| readings.known.get(&key)?.downcast_ref().cloned()) {
        return known;
    }
    let result = read(value);
    READINGS.with_borrow_mut(|readings| readings.known.insert(key, Box::new(result.clone())));
    result
}

/// Stands for a union that is being read. The last to go forgets what was kept.
struct Within {
    is_kept: bool,
}

impl Within {
    fn enter() -> Self {
        READINGS.with_borrow_mut(|readings| {
            readings.open += 1;
            readings.count += 1;
            Self { is_kept: readings.count > MANY }
        })
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        let outermost = READINGS.with_borrow_mut(|readings| {
            readings.open -= 1;
            (readings.open == 0).then(|| std::mem::take(readings))
        });
        // What was kept is dropped outside of the borrow.
        drop(outermost);
    }
}
