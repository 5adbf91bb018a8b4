//! Whether digits may have been lost on the way from a text to a value.

use std::cell::Cell;

thread_local! {
    /// Whether a double was read as what it may not be: an integer, or a value of any type.
    static SEEN: Cell<bool> = const { Cell::new(false) };

    /// Whether one alternative was taken though another may only have had no room for a number.
    static DOUBTFUL: Cell<bool> = const { Cell::new(false) };

    /// Whether what is buffered keeps its text.
    static KEPT: Cell<bool> = const { Cell::new(false) };
}

/// What may have been lost while something was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lost {
    /// A double stood for what its text may not say: `0.99999999999999999999` is read as `1.0`, and so as an integer.
    /// [`Number`](crate::Number) reads its text, and is not concerned.
    pub(crate) digits: bool,
    /// A union of which one alternative must match may match several: those that have no room for an integer were passed over.
    pub(crate) alternatives: bool,
}

/// Reads something, and says what may have been lost.
#[inline]
pub(crate) fn seen<T>(read: impl FnOnce() -> T) -> (T, Lost) {
    let outside = (SEEN.replace(false), DOUBTFUL.replace(false));
    let value = read();
    (value, Lost { digits: SEEN.replace(outside.0), alternatives: DOUBTFUL.replace(outside.1) })
}

/// An alternative may have been passed over for want of room.
pub(super) fn doubtful() {
    DOUBTFUL.set(true);
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
