//! The HTTP API: every command and query of a catalogue, driven by its descriptors.
//!
//! | route | what |
//! |---|---|
//! | `POST /commands/rule/activate` | asks for the command `rule.activate`; the body is its payload |
//! | `POST /queries/rule/get`, `GET /queries/rule/get?rule_id=..` | asks the query |
//! | `GET /openapi.json` | what there is, as OpenAPI 3.1 |
//! | `GET /healthz`, `GET /readyz` | whether the process answers, and whether it is connected |
//!
//! What went wrong is a problem as RFC 9457 has it. A new schema file is a new route: there is no list of them here.

mod answer;
mod ask;
mod auth;
mod config;
mod headers;
mod health;
mod idempotency;
mod openapi;
mod problem;
mod query;
mod route;
mod router;
mod shared;

pub use config::ApiConfig;
pub use openapi::openapi;
pub use problem::Problem;
pub use router::Api;
