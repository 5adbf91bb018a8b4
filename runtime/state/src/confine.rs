//! Keeps panics of the user's code where it is called.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eventsmith_event::clip::clip;
use futures_util::FutureExt;

/// Does what is the user's; its panic becomes a text.
pub(crate) fn confined<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(text_of)
}

/// The same of work that waits for something.
pub(crate) async fn confined_future<F: Future>(work: impl FnOnce() -> F) -> Result<F::Output, String> {
    let work = confined(work)?;
    AssertUnwindSafe(work).catch_unwind().await.map_err(text_of)
}

/// What a panic says.
fn text_of(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
    let text = clip(text.to_owned());
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // Dropped, it might panic again.
        std::mem::forget(again);
    }
    text
}
