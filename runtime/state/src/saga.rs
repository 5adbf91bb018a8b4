//! Sagas: workflows across services that end completed or compensated.
//!
//! From the bottom up: `subjects` is where a saga lies in its stream, [`error`] why it does not go on, `instance` what its last event says
//! of it; [`step`] and [`definition`] are what users write, `asking` puts the types of requests behind a trait; `advance` decides what follows
//! from what happened, without asking anybody, `fit` whether the definition is that of the instance; `store` reads and appends, and `room` keeps so much free that an instance can end; [`client`] starts, lists, retries and cancels, [`history`] tells;
//! `inlet` lets events start sagas and go into them, `misses` counts those that find none; `perform` handles one message, and [`runner`] many.

mod advance;
mod asking;
mod choice;
pub mod client;
pub mod definition;
mod durable;
pub mod error;
mod fit;
pub mod history;
mod inlet;
mod instance;
mod misses;
pub mod options;
mod perform;
mod room;
pub mod runner;
pub mod step;
mod store;
mod subjects;
mod told;

pub use choice::{Otherwise, SagaRetry};
pub use instance::{SagaEventKind, SagaStatus, StepOutcome};
pub use perform::request_id;
