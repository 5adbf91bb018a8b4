//! Requests as those of the bus are written by hand.

#[path = "../bus/requests/common.rs"]
#[expect(dead_code, reason = "it is that of all tests of the bus")]
pub(crate) mod common;
