//! XEP-0030: Service Discovery, with the forms of XEP-0128: Service Discovery Extensions.

use crate::stanza::ns;
use crate::xml::{Build, Element, element};
use minidom::rxml::{Namespace, NcName};

/// XML 1.0 namespaces: the one that `xml:lang` lives in.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// What an entity is: category and type are registered names (XEP-0030 section 10.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// `category`.
    pub category: String,
    /// `type`.
    pub kind: String,
    /// `xml:lang`.
    pub lang: Option<String>,
    /// `name`, for people.
    pub name: Option<String>,
}

impl Identity {
    /// An identity; an empty name is none.
    pub fn new(category: impl Into<String>, kind: impl Into<String>, name: impl Into<String>) -> Identity {
        let name = name.into();
        Identity {
            category: category.into(),
            kind: kind.into(),
            lang: None,
            name: (!name.is_empty()).then_some(name),
        }
    }

    fn to_element(&self) -> Element {
        let mut identity = element("identity", ns::DISCO_INFO)
            .with("category", &self.category)
            .with("type", &self.kind)
            .with_some("name", self.name.as_ref());
        if let (Some(lang), Ok(name)) = (&self.lang, NcName::try_from("lang")) {
            identity = identity.attr_ns(Namespace::XML, name, lang.clone());
        }
        identity.build()
    }

    fn from_element(identity: &Element) -> Option<Identity> {
        Some(Identity {
            category: identity.attr("category")?.to_owned(),
            kind: identity.attr("type")?.to_owned(),
            lang: identity.attr_ns(XML, "lang").map(str::to_owned),
            name: identity.attr("name").map(str::to_owned),
        })
    }
}

/// The result of a disco#info query.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// The node asked for.
    pub node: Option<String>,
    /// What the entity, or the node, is. At least one (XEP-0030 section 3.1).
    pub identities: Vec<Identity>,
    /// What it can do.
    pub features: Vec<String>,
    /// Result forms (XEP-0128).
    pub forms: Vec<Element>,
    /// Further children, in namespaces of their own.
    pub extra: Vec<Element>,
}

impl Info {
    /// Information about an entity itself, or about one of its nodes.
    pub fn new(node: Option<&str>) -> Info {
        Info {
            node: node.map(str::to_owned),
            ..Info::default()
        }
    }

    /// Adds an identity; an empty name is none.
    pub fn identity(mut self, category: &str, kind: &str, name: &str) -> Info {
        self.identities.push(Identity::new(category, kind, name));
        self
    }

    /// Adds features, each once (XEP-0030 section 3.1 allows no duplicates).
    pub fn features<T: Into<String>>(mut self, features: impl IntoIterator<Item = T>) -> Info {
        for feature in features.into_iter().map(Into::into) {
            if !self.features.contains(&feature) {
                self.features.push(feature);
            }
        }
        self
    }

    /// Adds a result form (XEP-0128), as [`result_form`] makes it.
    pub fn form(mut self, form: Element) -> Info {
        self.forms.push(form);
        self
    }

    /// Adds a child in a namespace of its own.
    pub fn extra(mut self, child: Element) -> Info {
        self.extra.push(child);
        self
    }

    /// The `<query/>` element.
    pub fn to_element(&self) -> Element {
        element("query", ns::DISCO_INFO)
            .with_some("node", self.node.as_ref())
            .append_all(self.identities.iter().map(Identity::to_element))
            .append_all(
                self.features
                    .iter()
                    .map(|var| element("feature", ns::DISCO_INFO).with("var", var).build()),
            )
            .append_all(self.extra.iter().cloned())
            .append_all(self.forms.iter().cloned())
            .build()
    }

    /// Reads a `<query/>` element as somebody sent it: duplicates stay, for XEP-0115 to judge. `None` when it is no
    /// disco#info query, or when an identity or feature lacks what XEP-0030 requires.
    pub fn from_element(query: &Element) -> Option<Info> {
        if !query.is("query", ns::DISCO_INFO) {
            return None;
        }
        let mut info = Info::new(query.attr("node"));
        for child in query.children() {
            if child.is("identity", ns::DISCO_INFO) {
                info.identities.push(Identity::from_element(child)?);
            } else if child.is("feature", ns::DISCO_INFO) {
                info.features.push(child.attr("var")?.to_owned());
            } else if child.is("x", ns::DATA_FORMS) {
                info.forms.push(child.clone());
            } else {
                info.extra.push(child.clone());
            }
        }
        Some(info)
    }
}

/// A result form (XEP-0128 section 2): the hidden `FORM_TYPE`, then the fields (variable, values) in order.
pub fn result_form<'a, V>(form_type: &str, fields: impl IntoIterator<Item = (&'a str, V)>) -> Element
where
    V: IntoIterator,
    V::Item: Into<String>,
{
    let field = |var: &str| element("field", ns::DATA_FORMS).with("var", var);
    let value = |text: String| element("value", ns::DATA_FORMS).append(text).build();
    let head = field("FORM_TYPE")
        .with("type", "hidden")
        .append(value(form_type.to_owned()));
    element("x", ns::DATA_FORMS)
        .with("type", "result")
        .append(head.build())
        .append_all(fields.into_iter().map(|(var, values)| {
            field(var)
                .append_all(values.into_iter().map(|text| value(text.into())))
                .build()
        }))
        .build()
}

/// One item of an entity's catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Whom to ask about it.
    pub jid: String,
    /// The node to ask for.
    pub node: Option<String>,
    /// For people.
    pub name: Option<String>,
}

/// The result of a disco#items query.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// The node asked for.
    pub node: Option<String>,
    /// The catalogue.
    pub items: Vec<Item>,
}

impl Items {
    /// The catalogue of an entity itself, or of one of its nodes.
    pub fn new(node: Option<&str>) -> Items {
        Items {
            node: node.map(str::to_owned),
            items: Vec::new(),
        }
    }

    /// Adds an item.
    pub fn item(mut self, jid: &str, node: Option<&str>, name: Option<&str>) -> Items {
        self.items.push(Item {
            jid: jid.to_owned(),
            node: node.map(str::to_owned),
            name: name.map(str::to_owned),
        });
        self
    }

    /// The `<query/>` element.
    pub fn to_element(&self) -> Element {
        element("query", ns::DISCO_ITEMS)
            .with_some("node", self.node.as_ref())
            .append_all(self.items.iter().map(|item| {
                element("item", ns::DISCO_ITEMS)
                    .with("jid", &item.jid)
                    .with_some("node", item.node.as_ref())
                    .with_some("name", item.name.as_ref())
                    .build()
            }))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_survives_its_element() {
        let statistic = element("statistic", ns::CODEBITS)
            .with("name", "5-min")
            .with("value", "0.4");
        let mut info = Info::new(Some("cpu"))
            .identity("monitor", "server", "XMPP Monitor")
            .identity("client", "bot", "")
            .features(["b", "a", "b"])
            .form(result_form("codebits", [("5-min", ["0.4"])]))
            .extra(statistic.build());
        info.identities[0].lang = Some("en".to_owned());

        let read = Info::from_element(&info.to_element()).expect("a query");
        assert_eq!(read.node.as_deref(), Some("cpu"));
        assert_eq!(read.identities, info.identities);
        assert_eq!(read.features, ["b", "a"]);
        assert_eq!(read.forms, info.forms);
        assert_eq!(read.extra, info.extra);
    }

    #[test]
    fn a_feature_without_var_is_refused() {
        let query = element("query", ns::DISCO_INFO).append(element("feature", ns::DISCO_INFO).build());
        assert!(Info::from_element(&query.build()).is_none());
    }

    #[test]
    fn items_without_node_or_name_write_no_such_attribute() {
        let items = Items::new(None).item("monitor@mon.example", None, None).to_element();
        let item = items.get_child("item", ns::DISCO_ITEMS).expect("an item");
        assert_eq!(item.attr("jid"), Some("monitor@mon.example"));
        assert_eq!((item.attr("node"), item.attr("name")), (None, None));
    }
}
