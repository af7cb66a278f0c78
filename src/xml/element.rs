//! Building trees without ceremony.

use super::Element;
use minidom::element::ElementBuilder;
use minidom::rxml::{Namespace, NcName};

/// Starts an element in a namespace.
pub fn element(name: &str, ns: &str) -> ElementBuilder {
    Element::builder(name, ns)
}

/// What our builders add to minidom's: attribute names as literals, optional attributes.
pub trait Build: Sized {
    /// Sets an attribute. `name` is a literal of ours, hence always an NCName.
    fn with(self, name: &'static str, value: impl Into<String>) -> Self;
    /// Sets an attribute when there is a value.
    fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self;
}

impl Build for ElementBuilder {
    fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        match NcName::try_from(name) {
            Ok(name) => self.attr_ns(Namespace::NONE, name, value.into()),
            Err(_) => unreachable!("attribute names are literals"),
        }
    }

    fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}
