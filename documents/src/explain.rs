//! What a payload or one of its fields means, in lines for a terminal.

use eventsmith_codegen::Loaded;
use eventsmith_codegen::lookup::nearest;
use eventsmith_codegen::references::Location;
use serde_json::Value;

use crate::fields::{Field, fields};
use crate::markdown::summary;

/// The documentation of a payload, without a path, or of one field: `priority`, `lines[].sku`; steps may also stand between slashes.
///
/// # Errors
/// There is no such field; the message names those that are near.
pub fn lines(loaded: &Loaded, file: &str, path: Option<&str>) -> Result<Vec<String>, String> {
    let all = fields(loaded, &Location::root(file));
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        let document = loaded.catalogue.documents.get(file);
        let description = document.and_then(|document| document.schema.get("description")).and_then(Value::as_str);
        let mut lines: Vec<String> = description.into_iter().flat_map(str::lines).map(str::to_owned).collect();
        lines.extend((!lines.is_empty()).then(String::new));
        let width = all.iter().map(|field| field.path.chars().count()).max().unwrap_or_default();
        lines.extend(all.iter().map(|field| {
            format!("  {:width$}  {}, {}. {}", field.path, field.kind, field.presence, summary(&field.description))
                .trim_end()
                .to_owned()
        }));
        return Ok(lines);
    };
    let wanted = plain(path);
    match all.iter().find(|field| field.path == path || plain(&field.path) == wanted) {
        Some(field) => Ok(of_field(field)),
        None => {
            let near = nearest(path, all.iter().map(|field| field.path.as_str()));
            let help = match near.as_slice() {
                [] => format!("it has {}", all.iter().map(|field| field.path.as_str()).collect::<Vec<_>>().join(", ")),
                near => format!("did you mean {}?", near.join(" or ")),
            };
            Err(format!("{file} has no field {path:?}; {help}"))
        }
    }
}

/// A path without what marks elements, in one way of writing.
fn plain(path: &str) -> String {
    path.replace("[]", "").replace("{}", "").replace('/', ".")
}

fn of_field(field: &Field) -> Vec<String> {
    let shared = if field.shared_name.is_empty() { String::new() } else { format!(" ({})", field.shared_name) };
    let mut lines = vec![field.path.clone(), format!("  {}{shared}, {}", field.kind, field.presence)];
    if field.is_deprecated {
        lines.push("  deprecated".to_owned());
    }
    if !field.unit.is_empty() {
        lines.push(format!("  in {}", field.unit));
    }
    if !field.values.is_empty() {
        lines.push(format!("  values: {}", field.values.join(", ")));
    }
    lines.extend(field.constraints.iter().map(|rule| format!("  {rule}")));
    if !field.description.is_empty() {
        lines.push(String::new());
        lines.extend(field.description.lines().map(|line| format!("  {line}")));
    }
    if !field.examples.is_empty() {
        lines.push(String::new());
        lines.push(format!("  for example {}", field.examples.join(", ")));
    }
    lines
}
