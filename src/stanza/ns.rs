//! Every namespace that xmpp-parsers does not name, or that we name ourselves; the others are `xmpp_parsers::ns`.

pub use xmpp_parsers::ns::*;

/// The namespace of all payloads that are ours: the talk's own.
pub const CODEBITS: &str = "codebits";
/// XEP-0313 section 4: the fields `before-id`, `after-id` and `ids`, flipped pages, and metadata.
pub const MAM_EXTENDED: &str = "urn:xmpp:mam:2#extended";
/// XEP-0280 section 6.1: which messages are copied.
pub const CARBONS_RULES: &str = "urn:xmpp:carbons:rules:0";
/// XEP-0122: Data Forms Validation.
pub const VALIDATE: &str = "http://jabber.org/protocol/xdata-validate";
/// XEP-0249: Direct MUC Invitations.
pub const DIRECT_INVITATION: &str = "jabber:x:conference";
/// XEP-0050: Ad-Hoc Commands.
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";
/// XEP-0039: Statistics Gathering.
pub const STATS: &str = "http://jabber.org/protocol/stats";
/// XEP-0012: Last Activity.
pub const LAST: &str = "jabber:iq:last";
/// XEP-0160: Best Practices for Handling Offline Messages.
pub const OFFLINE: &str = "msgoffline";
/// RFC 3921 section 3: session establishment, now a no-op.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// RFC 6121 section 3.4: the stream feature of subscription pre-approval.
pub const FEATURE_PRE_APPROVAL: &str = "urn:xmpp:features:pre-approval";
/// RFC 6121 section 2.6.1: the stream feature of roster versioning.
pub const FEATURE_ROSTER_VERSIONING: &str = "urn:xmpp:features:rosterver";
/// RFC 6120 section 8.3.2: stanza error conditions.
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// XEP-0478: Stream Limits Advertisement.
pub const STREAM_LIMITS: &str = "urn:xmpp:stream-limits:0";
/// XEP-0445: the pre-authentication of a registration.
pub const PARS: &str = "urn:xmpp:pars:0";
/// XEP-0445: the stream feature of it.
pub const IBR_TOKEN: &str = "urn:xmpp:ibr-token:0";
/// XEP-0401: an earlier name of that feature, and the prefix of its commands and forms.
pub const INVITE: &str = "urn:xmpp:invite";
/// XEP-0131: Stanza Headers and Internet Metadata.
pub const SHIM: &str = "http://jabber.org/protocol/shim";
/// XEP-0461: Message Replies.
pub const REPLY: &str = "urn:xmpp:reply:0";
/// XEP-0428: Fallback Indication.
pub const FALLBACK: &str = "urn:xmpp:fallback:0";
/// XEP-0384: OMEMO Encryption, as it is now.
pub const OMEMO: &str = "urn:xmpp:omemo:2";
/// XEP-0373: OpenPGP for XMPP.
pub const OPENPGP: &str = "urn:xmpp:openpgp:0";
/// XEP-0027: OpenPGP as it once was.
pub const LEGACY_OPENPGP: &str = "jabber:x:encrypted";
/// XEP-0334: Message Processing Hints.
pub const HINTS: &str = "urn:xmpp:hints";
