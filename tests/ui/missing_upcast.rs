//! A new version that no old value provably fits, without an upcast. The catalogue is that of docs/evolution.md.

include!("missing_upcast/golden/events.rs");

fn main() {}
