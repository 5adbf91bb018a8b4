//! Generates the events from the schema files.

fn main() {
    eventsmith_codegen::Builder::new().build();
}
