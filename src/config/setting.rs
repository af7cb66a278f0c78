//! One definition of a setting gives its key, its type, its default, its meaning, and its place in `watchpost config`.

use super::document::Document;
use super::units::{Count, Limit, Size, Time};
use crate::stanza::Role;
use std::path::PathBuf;

/// What a type must do to be the type of a setting: show itself, with its meaning and its default.
pub trait Setting {
    /// Writes the setting into the document.
    fn write(&self, default: &Self, key: &str, meaning: &str, out: &mut Document);
}

/// Defines a section: the struct that serde fills, its defaults, and how `watchpost config` shows it. The doc comment of
/// a field is the setting's meaning.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        $name:ident {
            $($(#[doc = $meaning:literal])+ $field:ident: $type:ty = $default:expr,)*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $meaning])+ pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }

        impl $name {
            /// Writes every setting of the section into the document.
            pub fn write_settings(&self, default: &Self, out: &mut $crate::config::document::Document) {
                $($crate::config::setting::Setting::write(
                    &self.$field, &default.$field, stringify!($field), concat!($($meaning, "\n"),+), out,
                );)*
            }

            /// The keys whose values differ.
            pub fn changed(&self, other: &Self) -> Vec<&'static str> {
                let all = [$((stringify!($field), self.$field != other.$field)),*];
                all.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn write(
                &self, default: &Self, key: &str, meaning: &str, out: &mut $crate::config::document::Document,
            ) {
                out.section(key, meaning);
                self.write_settings(default, out);
            }
        }
    };
}
pub(super) use section;

/// A value on one line: its TOML, or `None` when it is not set.
pub trait Scalar {
    /// The value as TOML.
    fn toml(&self) -> Option<String>;
}

macro_rules! scalar_settings {
    ($($(const $min:ident,)? $type:ty;)*) => {$(
        impl$(<const $min: u64>)? $crate::config::setting::Setting for $type {
            fn write(
                &self, default: &Self, key: &str, meaning: &str, out: &mut $crate::config::document::Document,
            ) {
                use $crate::config::setting::Scalar;
                out.value(key, meaning, self.toml(), default.toml());
            }
        }
    )*};
}
pub(super) use scalar_settings;

macro_rules! shown_as_displayed {
    ($($(const $min:ident,)? $type:ty;)*) => {$(
        impl$(<const $min: u64>)? Scalar for $type {
            fn toml(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
        scalar_settings! { $(const $min,)? $type; }
    )*};
}

shown_as_displayed! {
    const MIN, Time<MIN>;
    const MIN, Size<MIN>;
    const MIN, Count<MIN>;
    const MIN, Limit<Time<MIN>>;
    const MIN, Limit<Size<MIN>>;
    const MIN, Limit<Count<MIN>>;
    bool;
}

/// A string as TOML writes it.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A list of strings as TOML writes it.
pub fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

impl Scalar for String {
    fn toml(&self) -> Option<String> {
        Some(quoted(self))
    }
}

impl Scalar for Option<String> {
    fn toml(&self) -> Option<String> {
        self.as_deref().map(quoted)
    }
}

impl Scalar for PathBuf {
    fn toml(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }
}

impl Scalar for Option<PathBuf> {
    fn toml(&self) -> Option<String> {
        self.as_ref().and_then(Scalar::toml)
    }
}

impl Scalar for Role {
    fn toml(&self) -> Option<String> {
        Some(quoted(self.as_str()))
    }
}

impl Scalar for Vec<Role> {
    fn toml(&self) -> Option<String> {
        Some(list(self.iter().map(|role| role.as_str())))
    }
}

impl Scalar for Vec<String> {
    fn toml(&self) -> Option<String> {
        Some(list(self))
    }
}

scalar_settings! {
    String;
    Option<String>;
    PathBuf;
    Option<PathBuf>;
    Role;
    Vec<Role>;
    Vec<String>;
}
