//! What a peer did wrong in its XML.

/// A violation of XML, of RFC 6120's restrictions on it, or of the [`Limits`](super::Limits). Each ends the stream;
/// `stream/` maps it to the stream error condition (RFC 6120 section 4.9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// RFC 6120 section 4.9.3.13.
    #[error("not well-formed XML")]
    NotWellFormed,
    /// A prefix that is not bound (RFC 6120 section 4.9.3.2).
    #[error("unbound namespace prefix")]
    BadNamespacePrefix,
    /// Bytes that are not UTF-8, or a root in the streams namespace that is not `stream` (RFC 6120 section 4.9.3.1).
    #[error("not UTF-8, or not a stream")]
    BadFormat,
    /// A comment, processing instruction, DTD or entity reference (RFC 6120 section 11.1).
    #[error("restricted XML feature")]
    RestrictedXml,
    /// An XML declaration with another encoding than UTF-8 (RFC 6120 section 11.6).
    #[error("encoding other than UTF-8")]
    UnsupportedEncoding,
    /// The root is not in the streams namespace (RFC 6120 section 4.8.1). The content namespace is for `stream/` to judge.
    #[error("wrong namespace on the stream root")]
    InvalidNamespace,
    /// The named limit, a field of [`Limits`](super::Limits), was exceeded.
    #[error("limit exceeded: {0}")]
    Limit(&'static str),
}
