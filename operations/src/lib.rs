//! From what a catalogue declares to what operators look at, set up and deploy: pictures of the flow, alerts with their tests, dashboards,
//! permissions, configurations of servers, manifests for Kubernetes.
//!
//! A part of the command line of [`eventsmith`](https://docs.rs/eventsmith). A plain library: texts from data, without disk, network or
//! clock, so that the same catalogue always gives the same text. It knows neither schema files nor servers: the command line makes a
//! [`Landscape`] of a catalogue, and the exporter writes the [`metrics`] that alerts and dashboards name.
//!
//! ```
//! use eventsmith_operations::flow::{Flow, Observed};
//! use eventsmith_operations::{Landscape, Service};
//!
//! let shop = Service { name: "shop".into(), publishes: vec!["order.placed".into()], ..Service::default() };
//! let mail = Service { name: "mail".into(), consumes: vec!["order.placed".into()], ..Service::default() };
//! let landscape = Landscape { services: vec![shop, mail], ..Landscape::default() };
//!
//! let picture = Flow::whole(&landscape, &Observed::default()).to_mermaid();
//!
//! assert!(picture.starts_with("flowchart LR"));
//! ```

pub mod alerts;
pub mod dashboards;
mod file;
pub mod flow;
pub mod kubernetes;
mod landscape;
pub mod metrics;
pub mod permissions;
pub mod prometheus;
mod promql;
pub mod server;
pub mod subject;
mod yaml;

pub use file::File;
pub use landscape::{Consumer, Declared, Event, Landscape, Saga, Service, Stream};
