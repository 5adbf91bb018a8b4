//! Whether digits may have been lost on the way from a text to a value.

use std::cell::Cell;

thread_local! {
    /// Whether a double was read as what it may not be: an integer, or a value of any type.
    static SEEN: Cell<bool> = const { Cell::new(false) };

    /// Whether what is buffered keeps its text.
    static KEPT: Cell<bool> = const { Cell::new(false) };
}

/// Reads something, and says whether a double stood for what its text may not say: `0.99999999999999999999` is read as
/// `1.0`, and so as an integer. [`Number`](crate::Number) reads its text, and is not concerned.
#[inline]
pub(crate) fn seen<T>(read: impl FnOnce() -> T) -> (T, bool) {
    let outside = SEEN.replace(false);
    let value = read();
    (value, SEEN.replace(outside))
}

/// A double stands for an integer or for any value.
#[inline]
pub(super) fn double() {
    SEEN.set(true);
}

/// Reads something that has wide numbers: what unions buffer keeps its text.
pub(crate) fn kept<T>(read: impl FnOnce() -> T) -> T {
    let outside = KEPT.replace(true);
    let value = read();
    KEPT.set(outside);
    value
}

/// Whether what is buffered keeps its text.
#[inline]
pub(super) fn are_kept() -> bool {
    KEPT.get()
}
