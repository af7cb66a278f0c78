//! Stream features (RFC 6120 section 4.3.2): what may be negotiated next.

use super::sasl::ChannelBindings;
use super::{Mechanism, Options};
use crate::stanza::ns;
use crate::xml::{Limits, Writer};
use std::time::Duration;

/// Before TLS: STARTTLS, required, and nothing else (RFC 6120 section 5.3.1).
pub(super) fn starttls(writer: &mut Writer) {
    writer.open("stream:features");
    writer.open("starttls").attr("xmlns", ns::TLS);
    writer.open("required").close();
    writer.close().close();
}

/// Before authentication: the mechanisms (RFC 6120 section 6.3.3), once more with what may be asked for along with them
/// (XEP-0388 section 2.1), and the channel-binding types that they take (XEP-0440).
pub(super) fn authentication(
    writer: &mut Writer,
    options: &Options,
    offer: &[Mechanism],
    bindings: &ChannelBindings,
    invites: bool,
) {
    writer.open("stream:features");
    writer.open("mechanisms").attr("xmlns", ns::SASL);
    mechanisms(writer, offer);
    writer.close();
    writer.open("authentication").attr("xmlns", ns::SASL2);
    mechanisms(writer, offer);
    inline(writer);
    writer.close();
    if offer.iter().any(|mechanism| mechanism.binds_channel()) {
        writer.open("sasl-channel-binding").attr("xmlns", ns::SASL_CB);
        for kind in bindings.kinds() {
            writer.open("channel-binding").attr("type", kind).close();
        }
        writer.close();
    }
    limits(writer, &options.limits_before_authentication, None);
    if invites {
        registration(writer);
    }
    writer.close();
}

/// What may be asked for along with authentication: a resource, with what it is to have (XEP-0386), or the session of a
/// stream that was lost (XEP-0198).
fn inline(writer: &mut Writer) {
    writer.open("inline");
    writer.open("bind").attr("xmlns", ns::BIND2).open("inline");
    for var in [ns::CARBONS, ns::CSI, ns::SM] {
        writer.open("feature").attr("var", var).close();
    }
    writer.close().close();
    writer.open("sm").attr("xmlns", ns::SM).close();
    writer.close();
}

/// XEP-0445 section "Discovery", while somebody is invited. Conversations (2.19) registers only where it finds XEP-0077's
/// own feature, and shows its invitation only where it finds the name that this feature had before.
fn registration(writer: &mut Writer) {
    for ns in [ns::IBR_TOKEN, ns::INVITE, ns::REGISTER_FEATURE] {
        writer.open("register").attr("xmlns", ns).close();
    }
}

fn mechanisms(writer: &mut Writer, offer: &[Mechanism]) {
    for mechanism in offer {
        writer.open("mechanism").text(mechanism.as_str()).close();
    }
}

/// After authentication: resource binding (RFC 6120 section 7.4), the session request that RFC 6121 made optional, and
/// what a bound stream has.
pub(super) fn authenticated(writer: &mut Writer, options: &Options) {
    writer.open("stream:features");
    writer.open("bind").attr("xmlns", ns::BIND);
    writer.open("required").close().close();
    writer.open("session").attr("xmlns", ns::SESSION);
    writer.open("optional").close().close();
    management(writer);
    session(writer, options);
    writer.close();
}

/// After authentication that bound a resource (XEP-0386). Stream management is offered unless it is there already: what is
/// offered, clients ask for (@xmpp/client 0.14), and asking twice ends the stream.
pub(super) fn bound(writer: &mut Writer, options: &Options, is_managed: bool) {
    writer.open("stream:features");
    if !is_managed {
        management(writer);
    }
    session(writer, options);
    writer.close();
}

fn management(writer: &mut Writer) {
    writer.open("sm").attr("xmlns", ns::SM).close();
}

/// Client state (XEP-0352), and what the server adds.
fn session(writer: &mut Writer, options: &Options) {
    writer.open("csi").attr("xmlns", ns::CSI).close();
    for feature in &options.features {
        writer.raw(feature);
    }
    limits(writer, &options.limits_authenticated, options.idle_time);
}

/// What the peer may send (XEP-0478): bytes of one element, and seconds of silence. What has no bound, or one that the
/// wire form cannot carry, is not said.
fn limits(writer: &mut Writer, limits: &Limits, idle_time: Option<Duration>) {
    let bytes = u32::try_from(limits.stanza_bytes_max).ok();
    let seconds = idle_time.and_then(|time| u32::try_from(time.as_secs()).ok());
    writer.open("limits").attr("xmlns", ns::STREAM_LIMITS);
    for (name, bound) in [("max-bytes", bytes), ("idle-seconds", seconds)] {
        if let Some(bound) = bound {
            writer.open(name).text(&bound.to_string()).close();
        }
    }
    writer.close();
}
