//! Every bound on what peers and people may use, in one place.

use super::setting::section;
use super::units::{Count, Limit, Size, Time};

section! {
    /// Bounds on what peers and people may use. Each one takes "none".
    Limits {
        /// One stanza (RFC 6120 section 13.12 forbids less than 10000 bytes); a larger one ends the stream.
        stanza_size: Limit<Size<10_000>> = Limit::bytes(256 << 10),
        /// One element before authentication.
        stanza_size_before_login: Limit<Size<10_000>> = Limit::bytes(10_000),
        /// Elements in one stanza.
        stanza_elements: Limit<Count<16>> = Limit::count(4_096),
        /// Elements in one top-level element before authentication.
        stanza_elements_before_login: Limit<Count<8>> = Limit::count(32),
        /// Nesting depth of one stanza.
        stanza_depth: Limit<Count<8>> = Limit::count(64),
        /// Nesting depth before authentication.
        stanza_depth_before_login: Limit<Count<4>> = Limit::count(8),
        /// Attributes of one element, namespace declarations included.
        attributes: Limit<Count<8>> = Limit::count(64),
        /// Namespaces in scope at one element.
        namespaces: Limit<Count<8>> = Limit::count(32),
        /// One element's or attribute's name.
        name_size: Limit<Size<64>> = Limit::bytes(256),
        /// One attribute's value.
        value_size: Limit<Size<1_024>> = Limit::bytes(16 << 10),
        /// One attribute's value before authentication.
        value_size_before_login: Limit<Size<1_024>> = Limit::bytes(8 << 10),

        /// From the accepted connection to the end of the TLS handshake.
        handshake_time: Limit<Time> = Limit::secs(10),
        /// From the accepted connection to a bound resource; no traffic extends it.
        login_time: Limit<Time> = Limit::secs(30),
        /// For one stanza to arrive completely.
        stanza_time: Limit<Time> = Limit::secs(60),
        /// Silence of a client after which it is asked whether it is still there.
        idle_time: Limit<Time<1_000>> = Limit::secs(300),
        /// Time for the answer; without one the stream ends.
        ping_time: Limit<Time<1_000>> = Limit::secs(60),
        /// Silence of a collector after which its watchers see it unavailable. It is asked after a third of that time, and
        /// shown as stale after half of it.
        dead_after: Limit<Time<1_000>> = Limit::secs(60),
        /// A client that takes nothing of what is sent to it for so long is dropped.
        write_time: Limit<Time> = Limit::secs(30),
        /// Waiting for the other side's closing tag.
        close_time: Limit<Time> = Limit::secs(5),

        /// Bytes waiting to be sent to one session; past that the session ends and its messages are kept.
        queue_size: Limit<Size<65_536>> = Limit::bytes(512 << 10),
        /// Stanzas waiting to be sent to one session.
        queue_stanzas: Limit<Count<16>> = Limit::count(1_000),
        /// Stanzas sent to a client that counts them (XEP-0198) and not yet acknowledged; past that it is sent no more until
        /// it acknowledges.
        unacknowledged_stanzas: Limit<Count<16>> = Limit::count(500),
        /// Bytes of them.
        unacknowledged_size: Limit<Size<65_536>> = Limit::bytes(512 << 10),
        /// How long after the loss of its connection such a client may resume its session. A collector has what is left of
        /// `dead_after`.
        resumption_time: Limit<Time<1_000>> = Limit::secs(300),
        /// Sessions of one account that wait for it; one more ends the oldest.
        detached_sessions: Limit<Count<0>> = Limit::count(3),
        /// Bytes a second that a session may send; past that its connection is read more slowly.
        rate: Limit<Size<1_024>> = Limit::bytes(10 << 10),
        /// Bytes that it may send at once before the rate applies.
        rate_burst: Limit<Size<1_024>> = Limit::bytes(256 << 10),
        /// Bytes a second before authentication.
        rate_before_login: Limit<Size<1_024>> = Limit::bytes(4 << 10),
        /// Bytes at once before authentication.
        rate_burst_before_login: Limit<Size<1_024>> = Limit::bytes(16 << 10),
        /// Stanzas a second that a session may send.
        stanza_rate: Limit<Count> = Limit::count(50),
        /// Stanzas that it may send at once before the rate applies.
        stanza_burst: Limit<Count> = Limit::count(200),

        /// Connections in all; the file-descriptor limit bounds them too.
        connections: Limit<Count> = Limit::count(10_000),
        /// Connections that have not authenticated.
        connections_before_login: Limit<Count> = Limit::count(200),
        /// Of these, from one address (IPv6: one /64).
        connections_before_login_per_address: Limit<Count> = Limit::count(20),
        /// New connections a minute from one address.
        connections_per_minute: Limit<Count> = Limit::count(300),
        /// Whether connections from this machine are exempt from the limits per address.
        loopback_exempt: bool = true,

        /// Resources bound at once by one account.
        resources: Limit<Count> = Limit::count(10),
        /// Failed logins on one stream.
        login_failures: Limit<Count> = Limit::count(3),
        /// Failed logins from one address within `login_failures_time`.
        login_failures_per_address: Limit<Count> = Limit::count(20),
        /// The time over which failed logins are counted.
        login_failures_time: Limit<Time<1_000>> = Limit::secs(600),
        /// How long an address with too many of them is refused.
        login_ban_time: Limit<Time<1_000>> = Limit::secs(900),
        /// From the accepted connection to a new account, for whoever is invited to make one.
        registration_time: Limit<Time> = Limit::secs(600),
        /// Invitations open at once.
        invitations: Limit<Count<0>> = Limit::count(100),
        /// Passwords hashed at once (19 MiB each).
        password_hashes: Limit<Count> = Limit::count(2),
        /// Passwords waiting to be hashed; past that a login fails for the moment.
        password_hash_queue: Limit<Count<0>> = Limit::count(64),

        /// Contacts in one roster.
        roster_items: Limit<Count> = Limit::count(1_000),
        /// A contact's name.
        roster_name_size: Limit<Size> = Limit::bytes(256),
        /// Groups of one contact.
        roster_groups: Limit<Count<0>> = Limit::count(32),
        /// A group's name.
        roster_group_size: Limit<Size> = Limit::bytes(256),
        /// Subscription requests waiting for one account's answer.
        pending_subscriptions: Limit<Count> = Limit::count(50),
        /// Subscription requests that one session may send in a minute.
        subscription_requests_per_minute: Limit<Count> = Limit::count(10),
        /// Presence changes a minute that a session's contacts are told of; past that they are told the last one, later.
        presence_rate: Limit<Count> = Limit::count(10),
        /// Presence changes told at once before the rate applies.
        presence_burst: Limit<Count> = Limit::count(20),
        /// Changes of nodes a minute by one session that is no collector's.
        publish_rate: Limit<Count> = Limit::count(30),
        /// Changes of nodes at once before the rate applies.
        publish_burst: Limit<Count> = Limit::count(100),
        /// Accounts that a session of a viewer or an operator may write to within a minute.
        recipients_per_minute: Limit<Count> = Limit::count(60),
        /// Entities that one session may send directed presence to, besides those that see its presence anyway.
        directed_presence: Limit<Count> = Limit::count(256),
        /// Addresses that one account may block.
        blocked: Limit<Count<0>> = Limit::count(1_000),

        /// Messages kept for one account while it is away.
        offline_messages: Limit<Count<0>> = Limit::count(100),
        /// Bytes of them.
        offline_size: Limit<Size> = Limit::bytes(1 << 20),
        /// How long they are kept.
        offline_time: Limit<Time<1_000>> = Limit::secs(30 * 86_400),

        /// Messages in one account's archive (XEP-0313); past that the oldest go.
        archive_messages: Limit<Count> = Limit::count(20_000),
        /// Bytes of them.
        archive_size: Limit<Size<65_536>> = Limit::bytes(32 << 20),
        /// How long they are kept.
        archive_time: Limit<Time<1_000>> = Limit::secs(365 * 86_400),

        /// Personal eventing (XEP-0163): nodes of one account.
        pep_nodes: Limit<Count> = Limit::count(50),
        /// Items of one node.
        pep_items: Limit<Count> = Limit::count(256),
        /// One item.
        pep_item_size: Limit<Size<1_024>> = Limit::bytes(64 << 10),
        /// All items of one account.
        pep_size: Limit<Size<1_024>> = Limit::bytes(2 << 20),
        /// One vCard (XEP-0054), its picture included.
        vcard_size: Limit<Size<1_024>> = Limit::bytes(128 << 10),
        /// Private XML (XEP-0049): elements of one account.
        private_elements: Limit<Count> = Limit::count(64),
        /// All private XML of one account.
        private_size: Limit<Size<1_024>> = Limit::bytes(256 << 10),
        /// Publish-subscribe (XEP-0060): nodes of the service.
        pubsub_nodes: Limit<Count> = Limit::count(1_000),
        /// Nodes of the service that one account may own.
        pubsub_nodes_per_account: Limit<Count> = Limit::count(50),
        /// All items of one node of the service.
        pubsub_node_size: Limit<Size<1_024>> = Limit::bytes(2 << 20),
        /// Affiliations of one node, of the service or of an account.
        pubsub_affiliations: Limit<Count> = Limit::count(1_000),
        /// Explicit subscriptions to one node, of the service or of an account.
        pubsub_subscriptions: Limit<Count> = Limit::count(1_000),
        /// Entity capabilities (XEP-0115) remembered.
        caps_cache: Limit<Count> = Limit::count(1_000),

        /// Ad-hoc command sessions (XEP-0050) in all.
        command_sessions: Limit<Count> = Limit::count(50),
        /// Ad-hoc command sessions of one account.
        command_sessions_per_account: Limit<Count> = Limit::count(5),
        /// How long one lives without being used.
        command_session_time: Limit<Time<1_000>> = Limit::secs(300),
        /// Run time of one program; then it is ended, with its process group.
        command_time: Limit<Time> = Limit::secs(30),
        /// Bytes kept of each of its outputs; past that it is ended.
        command_output: Limit<Size> = Limit::bytes(64 << 10),
        /// Programs run at once, and callers' passwords looked at at once.
        command_parallel: Limit<Count> = Limit::count(2),
        /// Programs that one account may start in a minute, and passwords that it may give.
        command_per_minute: Limit<Count> = Limit::count(10),

        /// Checks in all.
        checks: Limit<Count<0>> = Limit::count(200),
        /// Checks that look at once; the others wait for their turn.
        checks_parallel: Limit<Count> = Limit::count(8),

        /// HTTP connections at once; past that one is closed.
        http_connections: Limit<Count> = Limit::count(32),
        /// An HTTP request's body.
        http_body: Limit<Size<1_024>> = Limit::bytes(256 << 10),
        /// From an HTTP connection's begin to its end.
        http_time: Limit<Time> = Limit::secs(10),
        /// Others' alerts remembered.
        foreign_alerts: Limit<Count<0>> = Limit::count(500),

        /// Alerts that hold at once; what is found beyond them is not raised.
        alerts: Limit<Count> = Limit::count(500),
        /// Messages about alerts that are remembered, to be answered and corrected.
        alert_messages: Limit<Count> = Limit::count(100),
        /// Mutes and maintenance windows.
        mutes: Limit<Count> = Limit::count(50),
        /// Rules changed by chat or form.
        rules: Limit<Count<0>> = Limit::count(50),
        /// Entries of the event log; the oldest go.
        events: Limit<Count> = Limit::count(10_000),
        /// Statistics with history.
        history_statistics: Limit<Count> = Limit::count(500),

        /// Space that must stay free where the data is; below it nothing new is written.
        free_disk: Limit<Size> = Limit::bytes(64 << 20),
    }
}
