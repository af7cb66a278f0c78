//! Data that ties an authentication to its TLS connection (RFC 5056).

/// RFC 9266.
const EXPORTER: &str = "tls-exporter";
/// RFC 5929 section 4.
const END_POINT: &str = "tls-server-end-point";

/// The channel bindings of one TLS connection. `tls-unique` is not among them: TLS 1.3 has none.
#[derive(Clone, Debug, Default)]
pub struct ChannelBindings {
    /// `tls-exporter` (RFC 9266): 32 bytes exported with the label `EXPORTER-Channel-Binding`; TLS 1.3 only, because
    /// TLS 1.2 would need the extended master secret.
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 section 4.1): the hash of the server's certificate.
    pub end_point: Option<Vec<u8>>,
}

impl ChannelBindings {
    /// The types there are, in the order in which XEP-0440 lists them.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let exporter = self.exporter.is_some().then_some(EXPORTER);
        let end_point = self.end_point.is_some().then_some(END_POINT);
        exporter.into_iter().chain(end_point)
    }

    /// The data of a type.
    pub fn data(&self, kind: &str) -> Option<&[u8]> {
        match kind {
            EXPORTER => self.exporter.as_ref().map(|data| data.as_slice()),
            END_POINT => self.end_point.as_deref(),
            _ => None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds().next().is_none()
    }
}
