//! Building structs with optional properties, so that a new optional property breaks no caller.

/// Gives a struct one setter for each optional property and, where it has required ones, a struct of those alone that becomes
/// it by `From`. Generated code calls it for structs with optional properties.
#[doc(hidden)]
#[macro_export]
macro_rules! builder {
    (
        $name:ident from $required:ident { $($field:ident: $type:ty),* };
        $($setter:ident = $optional:ident: $how:ident $inner:ty),* $(; $unknown:ident)?
    ) => {
        #[doc = concat!("The required properties of [`", stringify!($name), "`]; `From` makes one of them, and its setters add the others.")]
        #[derive(Debug, Clone)]
        pub struct $required {
            $(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                pub $field: $type,
            )*
        }

        impl ::std::convert::From<$required> for $name {
            fn from(required: $required) -> Self {
                let $required { $($field),* } = required;
                Self {
                    $($field,)*
                    $($optional: ::std::option::Option::None,)*
                    $($unknown: ::std::default::Default::default(),)?
                }
            }
        }

        $crate::builder! { $name; $($setter = $optional: $how $inner),* $(; $unknown)? }
    };
    ($name:ident; $($setter:ident = $optional:ident: $how:ident $inner:ty),* $(; $unknown:ident)?) => {
        impl $name {
            $($crate::builder!(@setter $setter $optional $how $inner);)*
        }
    };
    (@setter $setter:ident $optional:ident into $inner:ty) => {
        #[doc = concat!("The same with `", stringify!($optional), "`.")]
        #[must_use]
        pub fn $setter(mut self, value: impl ::std::convert::Into<$inner>) -> Self {
            self.$optional = ::std::option::Option::Some(value.into());
            self
        }
    };
    (@setter $setter:ident $optional:ident of $inner:ty) => {
        #[doc = concat!("The same with `", stringify!($optional), "`.")]
        #[must_use]
        pub fn $setter(mut self, value: $inner) -> Self {
            self.$optional = ::std::option::Option::Some(value);
            self
        }
    };
}

#[cfg(test)]
mod tests {
    #![expect(unreachable_pub, reason = "the macro writes what others use")]

    #[derive(Debug, Default, PartialEq)]
    struct Rule {
        id: String,
        note: Option<String>,
        priority: Option<u64>,
        unknown: Vec<u8>,
    }

    crate::builder! {
        Rule from RuleRequired { id: String }; with_note = note: into String, with_priority = priority: of u64; unknown
    }

    #[test]
    fn what_is_not_set_is_absent() {
        let rule = Rule::from(RuleRequired { id: "r1".to_owned() }).with_note("n").with_priority(3);

        let literal = Rule { id: "r1".to_owned(), note: Some("n".to_owned()), priority: Some(3), unknown: Vec::new() };
        assert_eq!(rule, literal);
    }
}
