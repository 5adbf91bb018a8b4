//! What is the same in every generated `impl Event`, `impl Request`, `impl State` and `impl Reply`: how payloads are checked and decoded.

/// Completes `impl Event`, `impl Request` or `impl State`. Says how a payload is checked (by its `type`, by its type and `is_valid`, by
/// either as draft 4 has it, or by the `validator`) and, for all but the oldest version, which older ones it decodes, through
/// which type and conversion.
///
/// All of it is `inline`, so that the crate of a large catalogue compiles no reader; whoever handles an event compiles that
/// of this event.
#[doc(hidden)]
#[macro_export]
macro_rules! event_payload {
    ($trait:ident, $name:ident, $check:tt $(, $($version:literal)|+ => $older:ty, $convert:expr)?) => {
        const TOKEN: $crate::token::Token = $crate::token::Token::of_generated_code();

        #[inline]
        fn payload_schema() -> &'static $crate::schema::Schema {
            static SCHEMA: $crate::schema::Schema = $crate::schema::Schema::new(
                <$name as $crate::event::$trait>::TYPE,
                <$name as $crate::event::$trait>::VERSION,
                <$name as $crate::event::$trait>::SCHEMA,
            );
            &SCHEMA
        }

        #[inline]
        fn validate(&self) -> ::std::result::Result<(), $crate::invalid::Invalid> {
            $crate::check_payload!($check, $trait, validate self)
        }

        #[inline]
        fn decode(version: u32, data: &[u8]) -> ::std::result::Result<Self, $crate::invalid::DecodeError> {
            match version {
                <Self as $crate::event::$trait>::VERSION => ::std::result::Result::Ok($crate::check_payload!($check, $trait, decode data)?),
                $($($version)|+ => {
                    // A conversion that is missing is reported once, where it is named.
                    let convert: fn($older) -> Self = $convert;
                    <$older as $crate::event::$trait>::decode(version, data).map(convert)
                })?
                _ => ::std::result::Result::Err($crate::invalid::DecodeError::unknown_version(
                    <Self as $crate::event::$trait>::TYPE,
                    version,
                    <Self as $crate::event::$trait>::VERSION,
                )),
            }
        }
    };
}

/// Completes `impl Reply`, as [`event_payload`] does for events. Type and version say what it answers.
#[doc(hidden)]
#[macro_export]
macro_rules! reply_payload {
    ($name:ident, $check:tt, $type:literal, $version:literal) => {
        const ANSWERS: (&'static str, u32) = ($type, $version);
        const TOKEN: $crate::token::Token = $crate::token::Token::of_generated_code();

        #[inline]
        fn payload_schema() -> &'static $crate::schema::Schema {
            static SCHEMA: $crate::schema::Schema =
                $crate::schema::Schema::new($type, $version, <$name as $crate::event::Reply>::SCHEMA);
            &SCHEMA
        }

        #[inline]
        fn validate(&self) -> ::std::result::Result<(), $crate::invalid::Invalid> {
            $crate::check_payload!($check, Reply, validate self)
        }

        #[inline]
        fn decode(data: &[u8]) -> ::std::result::Result<Self, $crate::invalid::Invalid> {
            $crate::check_payload!($check, Reply, decode data)
        }
    };
}

/// How a payload is checked. A type may be a document and a reply, too: the trait says whose schema is meant.
#[doc(hidden)]
#[macro_export]
macro_rules! check_payload {
    (type, $trait:ident, validate $value:ident) => {
        ::std::result::Result::Ok(())
    };
    (type, $trait:ident, decode $data:ident) => {
        <Self as $crate::event::$trait>::payload_schema().decode($data, |_| true)
    };
    (is_valid, $trait:ident, validate $value:ident) => {
        <Self as $crate::event::$trait>::payload_schema().validate($value, Self::is_valid)
    };
    (is_valid, $trait:ident, decode $data:ident) => {
        <Self as $crate::event::$trait>::payload_schema().decode($data, Self::is_valid)
    };
    (draft_4_type, $trait:ident, validate $value:ident) => {
        ::std::result::Result::Ok(())
    };
    (draft_4_type, $trait:ident, decode $data:ident) => {
        <Self as $crate::event::$trait>::payload_schema().decode_draft_4($data, |_| true)
    };
    (draft_4_is_valid, $trait:ident, validate $value:ident) => {
        <Self as $crate::event::$trait>::payload_schema().validate($value, Self::is_valid)
    };
    (draft_4_is_valid, $trait:ident, decode $data:ident) => {
        <Self as $crate::event::$trait>::payload_schema().decode_draft_4($data, Self::is_valid)
    };
    (validator, $trait:ident, validate $value:ident) => {
        <Self as $crate::event::$trait>::payload_schema().validate_interpreted($value)
    };
    (validator, $trait:ident, decode $data:ident) => {
        <Self as $crate::event::$trait>::payload_schema().decode_interpreted($data)
    };
}
