//! XEP-0060 section 4.5 and XEP-0163: who may read a node.

use super::error::error;
use crate::router::Context;
use crate::stanza::{Condition, StanzaError};
use crate::store::{AccessModel, Affiliation, Node, Subscribed};
use jid::BareJid;

/// Whether somebody may retrieve the items of an account's node, subscribe to it, and be notified. Asked anew each time:
/// a roster that changes takes the right with it.
///
/// # Errors
/// What XEP-0060 section 6.5.9 says for the node's access model.
pub fn may_read(cx: &Context<'_>, account: &BareJid, node: &Node, who: &BareJid) -> Result<(), StanzaError> {
    let affiliation = node.affiliations.get(who.as_str());
    if who == account {
        return Ok(());
    }
    if cx.are_apart(account, who) {
        return Err(Condition::ServiceUnavailable.into());
    }
    if affiliation == Some(&Affiliation::Outcast) {
        return Err(Condition::Forbidden.into());
    }
    let (allowed, condition, pubsub) = match node.config.access_model {
        AccessModel::Open => return Ok(()),
        AccessModel::Presence => (
            cx.may_see(who, account),
            Condition::NotAuthorized,
            "presence-subscription-required",
        ),
        AccessModel::Roster => (
            cx.in_roster_groups(account, who, &node.config.roster_groups),
            Condition::NotAuthorized,
            "not-in-roster-group",
        ),
        AccessModel::Authorize => (
            node.subscriptions.get(who.as_str()) == Some(&Subscribed::Subscribed),
            Condition::NotAuthorized,
            "not-subscribed",
        ),
        AccessModel::Whitelist => (
            affiliation == Some(&Affiliation::Member),
            Condition::NotAllowed,
            "closed-node",
        ),
    };
    if allowed { Ok(()) } else { Err(error(condition, pubsub)) }
}
