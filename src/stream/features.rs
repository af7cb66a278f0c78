//! Stream features (RFC 6120 section 4.3.2): what may be negotiated next.

use super::sasl::ChannelBindings;
use super::{Mechanism, Options};
use crate::stanza::ns;
use crate::xml::Writer;

/// Before TLS: STARTTLS, required, and nothing else (RFC 6120 section 5.3.1).
pub(super) fn starttls(writer: &mut Writer) {
    writer.open("stream:features");
    writer.open("starttls").attr("xmlns", ns::TLS);
    writer.open("required").close();
    writer.close().close();
}

/// Before authentication: the mechanisms (RFC 6120 section 6.3.3), and the channel-binding types they take (XEP-0440).
pub(super) fn authentication(writer: &mut Writer, offer: &[Mechanism], bindings: &ChannelBindings) {
    writer.open("stream:features");
    writer.open("mechanisms").attr("xmlns", ns::SASL);
    for mechanism in offer {
        writer.open("mechanism").text(mechanism.as_str()).close();
    }
    writer.close();
    if offer.iter().any(|mechanism| mechanism.binds_channel()) {
        writer.open("sasl-channel-binding").attr("xmlns", ns::SASL_CB);
        for kind in bindings.kinds() {
            writer.open("channel-binding").attr("type", kind).close();
        }
        writer.close();
    }
    writer.close();
}

/// After authentication: resource binding (RFC 6120 section 7.4), the session request that RFC 6121 made optional, and
/// what the server adds.
pub(super) fn authenticated(writer: &mut Writer, options: &Options) {
    writer.open("stream:features");
    writer.open("bind").attr("xmlns", ns::BIND);
    writer.open("required").close().close();
    writer.open("session").attr("xmlns", ns::SESSION);
    writer.open("optional").close().close();
    for feature in &options.features {
        writer.raw(feature);
    }
    writer.close();
}
