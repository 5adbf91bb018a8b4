//! JSON Schemas by which editors complete and check what people write: the files themselves are in `codegen/editor`.

/// Of `eventsmith.toml`.
pub const MANIFEST: &str = include_str!("../editor/eventsmith.schema.json");
/// Of the schema files of events, requests and documents: draft 2020-12, and the keywords that begin with `x-`.
pub const EVENT: &str = include_str!("../editor/event.schema.json");
