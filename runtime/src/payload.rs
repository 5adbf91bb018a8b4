//! What is the same in every generated `impl Event` and `impl Reply`: how payloads are checked and decoded.

/// Completes `impl Event`. Says how a payload is judged (by its `type`, by its type and `is_valid`, by either
/// as draft 4 has it, or by the `validator`) and, for all but the oldest version, which older ones it decodes, through which type and conversion.
#[doc(hidden)]
#[macro_export]
macro_rules! event_payload {
    ($name:ident, $judge:tt $(, $($version:literal)|+ => $older:ty, $convert:expr)?) => {
        fn payload_schema() -> &'static $crate::Schema {
            static SCHEMA: $crate::Schema = $crate::Schema::of::<$name>();
            &SCHEMA
        }

        fn validate(&self) -> Result<(), $crate::Invalid> {
            $crate::judge!($judge, validate self)
        }

        fn decode(version: u32, data: &[u8]) -> Result<Self, $crate::DecodeError> {
            match version {
                <Self as $crate::Event>::VERSION => Ok($crate::judge!($judge, decode data)?),
                $($($version)|+ => {
                    // A conversion that is missing is told once, where it is named.
                    let convert: fn($older) -> Self = $convert;
                    <$older as $crate::Event>::decode(version, data).map(convert)
                })?
                _ => Err($crate::DecodeError::unknown_version::<Self>(version)),
            }
        }
    };
}

/// Completes `impl Reply`, as [`event_payload`] does for events. Type and version are for messages.
#[doc(hidden)]
#[macro_export]
macro_rules! reply_payload {
    ($name:ident, $judge:tt, $type:literal, $version:literal) => {
        fn payload_schema() -> &'static $crate::Schema {
            static SCHEMA: $crate::Schema =
                $crate::Schema::new($type, $version, <$name as $crate::Reply>::SCHEMA);
            &SCHEMA
        }

        fn validate(&self) -> Result<(), $crate::Invalid> {
            $crate::judge!($judge, validate self)
        }

        fn decode(data: &[u8]) -> Result<Self, $crate::Invalid> {
            $crate::judge!($judge, decode data)
        }
    };
}

/// How a payload is judged.
#[doc(hidden)]
#[macro_export]
macro_rules! judge {
    (type, validate $value:ident) => {
        Ok(())
    };
    (type, decode $data:ident) => {
        Self::payload_schema().decode($data, |_| true)
    };
    (is_valid, validate $value:ident) => {
        Self::payload_schema().validate($value, Self::is_valid)
    };
    (is_valid, decode $data:ident) => {
        Self::payload_schema().decode($data, Self::is_valid)
    };
    (draft_4_type, validate $value:ident) => {
        Ok(())
    };
    (draft_4_type, decode $data:ident) => {
        Self::payload_schema().decode_draft_4($data, |_| true)
    };
    (draft_4_is_valid, validate $value:ident) => {
        Self::payload_schema().validate($value, Self::is_valid)
    };
    (draft_4_is_valid, decode $data:ident) => {
        Self::payload_schema().decode_draft_4($data, Self::is_valid)
    };
    (validator, validate $value:ident) => {
        Self::payload_schema().validate_interpreted($value)
    };
    (validator, decode $data:ident) => {
        Self::payload_schema().decode_interpreted($data)
    };
}
