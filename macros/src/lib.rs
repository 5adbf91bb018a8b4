//! The `#[domain_event]` attribute: a shell over `eventsmith_codegen::domain_event`, where everything happens.

use std::env;
use std::path::PathBuf;

use eventsmith_codegen::domain_event::Site;
use proc_macro::{Span, TokenStream};

/// Binds a struct of your own to one version of one event of the catalogue; `eventsmith::domain_event` has an example.
///
/// The build fails, pointing at the field, where the struct evidently disagrees with the schema: a name, whether a
/// property may be absent or null, a type. The struct becomes an [`Event`], and a `#[test]` proves that it and the
/// schema accept the same payloads. That test compares schemas, so the struct derives `schemars::JsonSchema`; a
/// dev-dependency on schemars and `#[cfg_attr(test, derive(schemars::JsonSchema))]` are enough.
///
/// The catalogue is the folder that `[package.metadata.eventsmith] schemas = "../schemas"` names in `Cargo.toml`, else
/// the nearest `eventsmith.toml` from the crate's folder upward. `schemas = "../schemas"` in the attribute names
/// another one, relative to the source file.
///
/// Where the event has older versions, `older = RuleCreatedV1` names the type of the version before, generated or bound like
/// this one. Stored events of older versions are read as that type, and become the struct by `impl Upcast<RuleCreatedV1> for
/// RuleCreated`. `older = none` refuses them: consumers dead-letter them as `too-old`.
///
/// A command or query becomes a [`Request`]. `reply = RuleGetReply` and `error = RuleGetError` name the types that it is answered
/// with, as far as the catalogue has them. They are generated, or structs of yours: `#[domain_event("rule.get", version = 1, part =
/// "reply")]`, or `part = "error"`, makes a [`Reply`] of a struct, with the same checks and the same test.
///
/// A document of a bucket becomes a [`State`], with `older` as events have it.
///
/// [`State`]: https://docs.rs/eventsmith/latest/eventsmith/trait.State.html
/// [`Request`]: https://docs.rs/eventsmith/latest/eventsmith/trait.Request.html
/// [`Reply`]: https://docs.rs/eventsmith/latest/eventsmith/trait.Reply.html
/// [`Event`]: https://docs.rs/eventsmith/latest/eventsmith/trait.Event.html
#[proc_macro_attribute]
pub fn domain_event(args: TokenStream, item: TokenStream) -> TokenStream {
    let crate_dir = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let source_file = Span::call_site().local_file();
    let site = Site { crate_dir: &crate_dir, source_file: source_file.as_deref() };
    eventsmith_codegen::domain_event(args.into(), item.into(), site).into()
}
