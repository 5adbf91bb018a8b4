//! Instances of a schema: a valid one as an example, and an endless stream of others for tests.
//!
//! A sampler makes candidates by walking the schema. It returns only what the validator accepts, so the walk can be simple: an
//! unusual schema costs more attempts.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use eventsmith_codegen::sample::Sampler;
//! use serde_json::json;
//!
//! let schema = json!({
//!     "type": "object",
//!     "properties": {"rule_id": {"type": "string", "pattern": "^R-[0-9]{3}$"}, "price": {"minimum": 5}},
//!     "required": ["rule_id"]
//! });
//! assert_eq!(Sampler::new(&schema)?.sample()?, json!({"rule_id": "R-000"}));
//! # Ok(())
//! # }
//! ```

mod array;
mod choices;
mod flatten;
mod formats;
mod growth;
mod instances;
mod intersect;
pub(crate) mod local;
mod mutate;
mod number;
mod object;
mod pattern;
mod sampler;
mod text;
mod vocabulary;

pub use choices::{Choices, Optional};
pub use growth::Limit;
pub(crate) use growth::weight;
pub use instances::Instances;
pub use sampler::{NoSample, Sampler};

#[cfg(test)]
mod tests;
