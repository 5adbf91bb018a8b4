//! What generated code and `#[domain_event]` need. Nothing here is for users, and nothing here is promised.

pub use crate::agreement_test;
pub use eventsmith_event::generated::*;

/// The test that a struct and its schema agree; `#[domain_event]` adds it.
#[cfg(feature = "testing")]
#[doc(hidden)]
#[macro_export]
macro_rules! agreement_test {
    ($test:ident, $name:ident, $assertion:ident) => {
        #[::core::prelude::v1::test]
        fn $test() {
            let settings = ::schemars::generate::SchemaSettings::draft2020_12;
            let read = settings().for_deserialize().into_generator();
            let written = settings().for_serialize().into_generator();
            $crate::testing::agreement::$assertion::<$name>(
                read.into_root_schema_for::<$name>().as_value(),
                written.into_root_schema_for::<$name>().as_value(),
            );
        }
    };
}

/// Without the feature there is nothing to test with, which must not pass unnoticed.
#[cfg(not(feature = "testing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! agreement_test {
    ($test:ident, $name:ident, $assertion:ident) => {
        ::core::compile_error!(
            "the test that this struct agrees with its schema needs the feature `testing` of eventsmith; add \
             `eventsmith = { version = \"0.1\", features = [\"testing\"] }` to [dev-dependencies]"
        );
    };
}
