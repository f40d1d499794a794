//! Closed lists whose members have names that are part of the API.

/// Declares an enum whose variants are known by a name: in JSON, in the store and in text.
///
/// The name is taken as a token: what a macro takes as a literal is hidden from the derive of the
/// schema, which would say that the variant is called as it is in Rust.
macro_rules! named {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $text:tt,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {$(
            $(#[doc = $doc])*
            #[serde(rename = $text)]
            $variant,
        )*}

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name by which users and the store know it.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$variant => $text,)*}
            }

            /// What it means, in a sentence.
            pub const fn explanation(self) -> &'static str {
                match self {$(Self::$variant => concat!($($doc),*).trim_ascii(),)*}
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::domain::names::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .find(|member| member.as_str() == text)
                    .copied()
                    .ok_or_else(|| crate::domain::names::UnknownName {
                        given: text.to_owned(),
                        known: Self::ALL.iter().map(|member| member.as_str()).collect(),
                    })
            }
        }
    };
}

pub(crate) use named;

/// A name that is not in its closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not one of {}", known.join(", "))]
pub struct UnknownName {
    /// What was given.
    pub given: String,
    /// What there is.
    pub known: Vec<&'static str>,
}
