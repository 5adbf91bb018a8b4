//! What an event is to eventsmith: traits, exact decoding, checks, the envelope, descriptors.
//!
//! A wing of the crate [`eventsmith`](https://docs.rs/eventsmith), which is the one to depend on: this crate has no
//! promises of its own. It knows nothing of networks and async.
//!
//! From the bottom up: [`text`], [`bytes`], [`number`], [`date`] and [`date_time`] are what values are made of, [`maybe`] is what properties are; [`invalid`] says why a payload
//! was refused, in texts that [`clip`] bounds; [`subject`] and [`filter`] are about subjects; [`de`] reads JSON strictly; [`checks`], [`constants`] and
//! [`schema`] judge values; [`event`] holds the traits, [`descriptor`] what they say as data, [`payload`] and [`examples`] the macros that complete their
//! implementations, [`aggregate`] the events of one aggregate as one type, [`habits`] those that give types what users of std expect, [`reply`] what answers a request that says nothing of its reply; [`envelope`] is what messages have in common; [`stream`] describes streams and services, [`wire`] how events are written.

pub mod aggregate;
pub mod builder;
pub mod bytes;
pub mod checks;
pub mod clip;
pub mod constants;
pub mod date;
pub mod date_time;
pub mod de;
pub mod descriptor;
pub mod envelope;
pub mod event;
pub mod examples;
pub mod filter;
pub mod generated;
pub mod habits;
pub mod invalid;
#[cfg(feature = "schemars")]
pub mod json_schema;
pub mod maybe;
pub mod number;
pub mod payload;
pub mod reply;
pub mod schema;
pub mod stream;
pub mod subject;
pub mod text;
pub mod token;
pub mod wire;
