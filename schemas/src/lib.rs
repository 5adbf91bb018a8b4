//! The events of the rules engine.

eventsmith::include_events!();
