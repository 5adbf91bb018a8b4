//! Tests of the whole house. The code in the README is a test, too:
//!
#![doc = include_str!("../../README.md")]
