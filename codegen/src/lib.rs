//! Turns a catalogue of JSON Schema files into typed Rust events.
//!
//! A plain library: no async, no network. Data flows one way: files are [`load`](load())ed into a [`model`], which is checked,
//! lowered to types ([`shape`]) and emitted as text: see [`generate`](generate()).
//!
//! Most people need one line of a build script:
//!
//! ```no_run
//! eventsmith_codegen::Builder::new().build();
//! ```

pub mod breaking;
mod builder;
pub mod bundle;
mod check;
pub mod containment;
pub mod diagnostic;
pub mod domain_event;
pub mod editor;
mod emit;
pub mod evolution;
pub mod excerpt;
mod filter;
mod generate;
mod language;
pub mod lint;
pub mod load;
pub mod lookup;
mod lower;
pub mod manifest;
pub mod model;
pub mod pages;
mod parallel;
pub mod paths;
pub mod payload;
pub mod pointer;
pub mod references;
mod rule;
pub mod sample;
pub mod schema;
pub mod shape;
mod walk;

pub use builder::Builder;
pub use diagnostic::{Diagnostic, Severity};
pub use domain_event::domain_event;
pub use emit::Runtime;
pub use generate::{PayloadType, findings, from_files, generate, generate_for, load, payload_types};
pub use lint::rules;
pub use load::Loaded;
