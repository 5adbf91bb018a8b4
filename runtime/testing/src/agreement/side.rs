//! The two that are compared.

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The user's struct.
    Struct,
    /// The schema file.
    Schema,
}

impl Side {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Struct => "the struct",
            Self::Schema => "the schema",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Struct => Self::Schema,
            Self::Schema => Self::Struct,
        }
    }
}
