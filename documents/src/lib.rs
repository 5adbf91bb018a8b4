//! From a catalogue to what people and other tools read of it: AsyncAPI documents, a site, what a change means.
//!
//! A part of the command line of [`eventsmith`](https://docs.rs/eventsmith). A plain library: texts from a loaded catalogue, without
//! disk, network or clock, so that the same catalogue always gives the same text.
//!
//! ```
//! use eventsmith_codegen::from_files;
//! use eventsmith_documents::asyncapi::{Options, document};
//!
//! let files = [("eventsmith.toml", "root = \"shop\""), ("domain/order/placed.v1.json", "{\"type\": \"object\"}")];
//! let loaded = from_files("memory", files.into_iter().map(|(path, text)| (path.to_owned(), text.into())).collect());
//!
//! let document = document(&loaded, &Options::default());
//!
//! assert_eq!(document.value["channels"]["order.placed"]["address"], "shop.domain.order.placed");
//! ```

pub mod asyncapi;
pub mod changes;
pub mod explain;
pub mod fields;
pub mod import;
mod keywords;
mod markdown;
pub mod site;
