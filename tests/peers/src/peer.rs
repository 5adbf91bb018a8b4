//! What typify makes of the schemas: all of them as the definitions of one document, so that shared types are written once.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use anyhow::{Context as _, anyhow};
use eventsmith_tests::realistic::File;
use serde_json::{Map, Value};
use typify::{TypeSpace, TypeSpaceSettings};

/// The schemas that typify does not take, each with the reason, when it is given one at a time.
pub(crate) fn refused(files: &[File]) -> Vec<(String, String)> {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let (common, events): (Vec<File>, Vec<File>) = files.iter().cloned().partition(|file| is_shared(&file.schema));
    let attempts = events.iter().filter_map(|file| {
        let error = generate(&[common.as_slice(), std::slice::from_ref(file)].concat()).err()?;
        Some((file.path.clone(), format!("{error:#}")))
    });
    let refused = attempts.collect();
    set_hook(hook);
    refused
}

/// The text of a crate.
pub(crate) fn generate(files: &[File]) -> anyhow::Result<String> {
    let root = serde_json::from_value(document(files)).context("typify cannot read the schema")?;
    let made = catch_unwind(AssertUnwindSafe(|| {
        let mut types = TypeSpace::new(&TypeSpaceSettings::default());
        types.add_root_schema(root)?;
        Ok::<_, typify::Error>(types.to_stream())
    }));
    let tokens =
        made.map_err(|panic| anyhow!("typify panics: {}", message(panic.as_ref())))?.context("typify fails")?;
    Ok(prettyplease::unparse(&syn::parse2(tokens).context("typify writes what is not Rust")?))
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}

/// One document with every schema as a definition.
fn document(files: &[File]) -> Value {
    let mut definitions = Map::new();
    for file in files {
        let mut schema = file.schema.clone();
        for keyword in ["$defs", "definitions"] {
            if let Some(Value::Object(shared)) = schema.as_object_mut().and_then(|schema| schema.remove(keyword)) {
                definitions.extend(shared);
            }
        }
        if !is_shared(&file.schema) {
            definitions.insert(name(&file.path), schema);
        }
    }
    let mut document = Value::from_iter([("definitions", Value::Object(definitions))]);
    redirect(&mut document);
    document
}

/// Whether a file holds nothing but definitions for others.
fn is_shared(schema: &Value) -> bool {
    schema.get("type").is_none() && schema.get("allOf").is_none() && schema.get("$defs").is_some()
}

/// `domain/order/created.v1.json` becomes `order_created_v1`.
fn name(path: &str) -> String {
    path.trim_start_matches("domain/").trim_end_matches(".json").replace(['/', '.'], "_")
}

/// Makes references between files references within the one document.
fn redirect(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some((_, definition)) = reference.split_once("#/$defs/")
            {
                *reference = format!("#/definitions/{definition}");
            }
            members.values_mut().for_each(redirect);
        }
        Value::Array(items) => items.iter_mut().for_each(redirect),
        _ => {}
    }
}
