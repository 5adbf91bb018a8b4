//! The edge of the rules engine against systems that are played, in memory and on real servers.

mod common;
mod gateway;
