//! Keeps panics of the user's code where it is called.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eventsmith_event::clip::clip;

/// Does what is the user's; its panic becomes a text.
pub(crate) fn confined<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(text_of)
}

/// What a panic says.
pub(crate) fn text_of(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
    let text = clip(text.to_owned());
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // Dropped, it might panic again.
        std::mem::forget(again);
    }
    text
}
