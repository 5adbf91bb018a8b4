//! What people see when `#[domain_event]` and a schema disagree: one file for each kind of mistake.
//!
//! Structs without a mistake are in `tests/examples/agreeing_structs.rs`: a case that must pass would have trybuild compile the
//! whole runtime where checking it is enough.

#[test]
fn mistakes_are_reported_where_they_are() {
    trybuild::TestCases::new().compile_fail("*.rs");
}
