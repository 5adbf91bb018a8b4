//! Keeps what the user's code does beside running where it is: panics, and errors that panic or have no end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eventsmith_event::clip::head;

use super::settle::HandlerOutcome;
use crate::handler::{HandlerError, LONGEST_TEXT};

/// What a panic of the user's code comes to.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> HandlerOutcome {
    HandlerOutcome::Panicked(panic_text(panic))
}

/// What a panic of the user's code says.
pub(crate) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
    let text = head(LONGEST_TEXT, text);
    discard(panic);
    text
}

/// An error as its text, no longer than anybody reads. The user's error is not needed any more then: to display it and to
/// drop it may panic, which must not change what becomes of the event.
pub(crate) fn in_words(error: HandlerError) -> HandlerError {
    let advice = error.advice;
    let text = catch_unwind(AssertUnwindSafe(|| head(LONGEST_TEXT, &error))).unwrap_or_else(|panic| {
        discard(panic);
        "an error that panics when it is displayed".to_owned()
    });
    discard(error);
    HandlerError { advice, source: text.into() }
}

/// Drops what is the user's, whose panics end here.
pub(crate) fn discard(value: impl Sized) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // Dropped, it might panic again.
        std::mem::forget(panic);
    }
}
