//! An account as a pubsub service (XEP-0163 section 2.1), in front of one who asks.

use super::access::may_read;
use super::error::refused;
use crate::router::Context;
use crate::stanza::{Condition, StanzaError};
use crate::store::{Node, Owner, Pep, StoreError, Ticket};
use jid::BareJid;

/// The service that an account is, and who asks it something.
#[derive(Clone, Copy)]
pub struct Service<'a, 'r> {
    /// The router.
    pub cx: &'a Context<'r>,
    /// The account: owner, and only publisher, of all its nodes.
    pub account: &'a BareJid,
    /// Who asks.
    pub asker: &'a BareJid,
}

impl<'a> Service<'a, '_> {
    /// The nodes in the store.
    pub fn nodes(&self) -> Pep<'a> {
        self.cx.store().pep()
    }

    /// Whose nodes they are, as the store names it.
    pub fn owner(&self) -> Owner<'a> {
        Owner::Account(self.account.node().map_or("", |node| node.as_str()))
    }

    /// A node.
    ///
    /// # Errors
    /// `item-not-found`.
    pub fn node(&self, name: &str) -> Result<Node, StanzaError> {
        self.nodes()
            .node(self.owner(), name)
            .ok_or_else(|| Condition::ItemNotFound.into())
    }

    /// A node that the asker may read.
    ///
    /// # Errors
    /// `item-not-found`, or what its access model says.
    pub fn readable(&self, name: &str) -> Result<Node, StanzaError> {
        let node = self.node(name)?;
        may_read(self.cx, self.account, &node, self.asker)?;
        Ok(node)
    }

    /// Only the account itself publishes and configures (XEP-0163 section 2.2).
    ///
    /// # Errors
    /// `forbidden` for anyone else.
    pub fn require_owner(&self) -> Result<(), StanzaError> {
        if self.asker == self.account {
            Ok(())
        } else {
            Err(Condition::Forbidden.into())
        }
    }

    /// The reply waits until a write is durable.
    ///
    /// # Errors
    /// What the store refused.
    pub fn written(&self, outcome: Result<Ticket, StoreError>) -> Result<(), StanzaError> {
        self.cx.after(outcome.map_err(refused)?);
        Ok(())
    }

    /// Changes a node.
    ///
    /// # Errors
    /// `item-not-found`, or what the store refused.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Node)) -> Result<Node, StanzaError> {
        let changed = self.nodes().change(self.owner(), name, |node| {
            change(node);
            Ok(())
        });
        let (ticket, node) = changed.map_err(refused)?;
        self.cx.after(ticket);
        Ok(node)
    }
}
