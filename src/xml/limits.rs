//! Bounds on what one peer may send, enforced while the bytes arrive (RFC 6120 section 13.12).

/// Bounds on one top-level element of a stream. `usize::MAX` means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one top-level element, from its `<` to its last `>`; unparsed bytes count too.
    pub stanza_bytes_max: usize,
    /// Elements in one top-level element, itself included.
    pub elements_max: usize,
    /// Nesting depth; a top-level element has depth 1.
    pub depth_max: usize,
    /// Attributes on one element, namespace declarations included.
    pub attributes_max: usize,
    /// Namespace bindings in scope, the stream header's included.
    pub namespaces_max: usize,
    /// Bytes of one element or attribute name, prefix included.
    pub name_bytes_max: usize,
    /// Bytes of one attribute value, as sent.
    pub value_bytes_max: usize,
}

impl Limits {
    /// No bounds: for what this server has written itself.
    pub const NONE: Limits = Limits {
        stanza_bytes_max: usize::MAX,
        elements_max: usize::MAX,
        depth_max: usize::MAX,
        attributes_max: usize::MAX,
        namespaces_max: usize::MAX,
        name_bytes_max: usize::MAX,
        value_bytes_max: usize::MAX,
    };

    /// Nesting depth that no setting exceeds: a tree is dropped by recursion.
    pub const DEPTH_CEILING: usize = 256;

    /// What a peer may send before it is authenticated.
    pub const BEFORE_AUTHENTICATION: Limits = Limits {
        stanza_bytes_max: 10_000,
        elements_max: 32,
        depth_max: 8,
        attributes_max: 64,
        namespaces_max: 32,
        name_bytes_max: 256,
        value_bytes_max: 8 * 1024,
    };

    /// What a peer may send once it is authenticated.
    pub const AUTHENTICATED: Limits = Limits {
        stanza_bytes_max: 256 * 1024,
        elements_max: 4_096,
        depth_max: 64,
        attributes_max: 64,
        namespaces_max: 32,
        name_bytes_max: 256,
        value_bytes_max: 16 * 1024,
    };

    pub(super) fn with_depth_ceiling(&self) -> Limits {
        Limits {
            depth_max: self.depth_max.min(Limits::DEPTH_CEILING),
            ..*self
        }
    }
}
