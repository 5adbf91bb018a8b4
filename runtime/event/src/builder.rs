//! Building structs so that a new optional property breaks no caller.

/// Gives a struct another one of its required properties alone, from which it is made by `From`, and one setter for each
/// optional property. Generated code calls it for payloads, and for other structs with optional properties.
#[doc(hidden)]
#[macro_export]
macro_rules! builder {
    (
        $name:ident from $required:ident { $($field:ident: $type:ty),* } $(+ $unknown:ident)?
        $(; $($setter:ident = $optional:ident $($property:literal)?: $how:ident $inner:ty),+)?
    ) => {
        #[doc = ::std::concat!("The required properties of [`", ::std::stringify!($name), "`].")]
        #[doc = ""]
        #[doc = "`From` leaves all others absent, also those with a default in the schema; setters add them."]
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $required {
            $(
                #[doc = ::std::concat!("See [`", ::std::stringify!($name), "`].")]
                pub $field: $type,
            )*
        }

        impl ::std::convert::From<$required> for $name {
            #[inline]
            fn from(required: $required) -> Self {
                // Not by a pattern with names, which may mean a constant or a type of the same module.
                let $required { .. } = &required;
                Self {
                    $($field: required.$field,)*
                    $($($optional: ::std::default::Default::default(),)+)?
                    $($unknown: ::std::default::Default::default(),)?
                }
            }
        }

        $(
            impl $name {
                $($crate::builder!(@setter $setter $optional ($($property)?) $how $inner);)+
            }
        )?
    };
    (@setter $setter:ident $optional:ident $property:tt into $inner:ty) => {
        #[doc = ::std::concat!("The same with `", $crate::builder!(@property $optional $property), "`.")]
        #[must_use]
        #[inline]
        pub fn $setter(mut self, value: impl ::std::convert::Into<$inner>) -> Self {
            self.$optional = ::std::option::Option::Some(value.into());
            self
        }
    };
    (@setter $setter:ident $optional:ident $property:tt of $inner:ty) => {
        #[doc = ::std::concat!("The same with `", $crate::builder!(@property $optional $property), "`.")]
        #[must_use]
        #[inline]
        pub fn $setter(mut self, value: $inner) -> Self {
            self.$optional = ::std::option::Option::Some(value);
            self
        }
    };
    (@setter $setter:ident $optional:ident $property:tt maybe $inner:ty) => {
        #[doc = ::std::concat!("The same with `", $crate::builder!(@property $optional $property), "`; `None` is null.")]
        #[must_use]
        #[inline]
        pub fn $setter(mut self, value: impl ::std::convert::Into<$crate::maybe::Maybe<$inner>>) -> Self {
            self.$optional = value.into();
            self
        }
    };
    (@property $optional:ident ()) => { ::std::stringify!($optional) };
    (@property $optional:ident ($property:literal)) => { $property };
}

#[cfg(test)]
mod tests {
    #![expect(unreachable_pub, reason = "the macro writes what others use")]

    use crate::maybe::Maybe;

    #[derive(Debug, Default, PartialEq)]
    struct Rule {
        id: String,
        note: Option<String>,
        priority: Option<u64>,
        r#type: Option<String>,
        until: Maybe<String>,
        unknown: Vec<u8>,
    }

    #[derive(Debug, PartialEq)]
    struct Closed {
        id: String,
    }

    crate::builder! {
        Rule from RuleRequired { id: String } + unknown;
        with_note = note: into String, with_priority = priority: of u64, with_type = r#type "type": into String,
        with_until = until: maybe String
    }

    crate::builder! { Closed from ClosedRequired { id: String } }

    #[test]
    fn what_is_not_set_is_absent() {
        let rule = Rule::from(RuleRequired { id: "r1".to_owned() }).with_note("n").with_priority(3);

        let (id, note) = ("r1".to_owned(), Some("n".to_owned()));
        assert_eq!(rule, Rule { id, note, priority: Some(3), r#type: None, until: Maybe::Absent, unknown: Vec::new() });
        let rule = rule.with_type("t").with_until(None);
        assert_eq!((rule.r#type.as_deref(), &rule.until), (Some("t"), &Maybe::Null));
        assert_eq!(rule.with_until("soon").with_until(Maybe::Absent).until, Maybe::Absent);
    }

    #[test]
    fn a_struct_without_optional_properties_is_built_alike() {
        let closed = Closed::from(ClosedRequired { id: "r1".to_owned() });

        assert_eq!(closed, Closed { id: "r1".to_owned() });
    }
}
