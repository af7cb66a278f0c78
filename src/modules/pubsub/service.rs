//! A pubsub service in front of one who asks: an account (XEP-0163 section 2.1), or the service of the domain.

use super::access::{Party, affiliation, may_know, may_read};
use super::error::refused;
use crate::router::Context;
use crate::stanza::{Condition, Role, StanzaError};
use crate::store::{Affiliation, Node, NodeConfig, Owner, Pep, StoreError, Ticket};
use chrono::{DateTime, Utc};
use jid::BareJid;

/// The label of the domain's service, and its owner's name in the store.
pub const LABEL: &str = "pubsub";

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// An account.
    Account,
    /// The service of the domain.
    Domain,
}

/// The service, and who asks it something.
#[derive(Clone, Copy)]
pub struct Service<'a, 'r> {
    /// The router.
    pub cx: &'a Context<'r>,
    /// Which of the two it is.
    pub face: Face,
    /// Its address: that of the account, which owns all its nodes, or that of the service.
    pub jid: &'a BareJid,
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
        match self.face {
            Face::Account => Owner::Account(self.jid.node().map_or("", |node| node.as_str())),
            Face::Domain => Owner::Service(LABEL),
        }
    }

    /// The moment by which leases and items are judged.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    /// The configuration of a node that says nothing of it.
    pub fn defaults(&self, is_collection: bool) -> NodeConfig {
        let config = match self.face {
            Face::Account => NodeConfig::default(),
            Face::Domain => NodeConfig::of_service(),
        };
        NodeConfig {
            is_collection,
            ..config
        }
    }

    /// Who asks, with the role of this very moment.
    pub fn party(&self) -> Party<'a> {
        self.party_of(self.asker)
    }

    /// Somebody, with the role of this very moment.
    pub fn party_of(&self, who: &'a BareJid) -> Party<'a> {
        Party {
            jid: who,
            role: match self.face {
                // Roles are for the domain's service; at an account there is its owner, and everybody else.
                Face::Account => None,
                Face::Domain => self.cx.role(who),
            },
        }
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
        may_read(self, name, &node, self.party())?;
        Ok(node)
    }

    /// A node that the asker may know of, or is affiliated with or subscribed to.
    ///
    /// # Errors
    /// `item-not-found`.
    pub fn known(&self, name: &str) -> Result<Node, StanzaError> {
        let node = self.node(name)?;
        let who = self.party();
        let is_known = may_know(self, name, &node, who)
            || affiliation(self, name, &node, who).is_some()
            || node.live_of(self.asker.as_str(), self.now()).next().is_some();
        if is_known {
            Ok(node)
        } else {
            Err(Condition::ItemNotFound.into())
        }
    }

    /// A node that the asker wants to change. Which nodes an account does not have, others need not know.
    ///
    /// # Errors
    /// `item-not-found`, or `forbidden` in its place.
    pub fn node_for_publisher(&self, name: &str) -> Result<Node, StanzaError> {
        let is_other = self.face == Face::Account && self.jid != self.asker;
        self.node(name).map_err(|absent| match is_other {
            true => Condition::Forbidden.into(),
            false => absent,
        })
    }

    /// A node that the asker owns.
    ///
    /// # Errors
    /// `item-not-found`, `forbidden`.
    pub fn owned(&self, name: &str) -> Result<Node, StanzaError> {
        let node = self.node_for_publisher(name)?;
        match affiliation(self, name, &node, self.party()) {
            Some(Affiliation::Owner) => Ok(node),
            _ => Err(Condition::Forbidden.into()),
        }
    }

    /// Whether the asker is an admin of the domain.
    pub fn is_admin(&self) -> bool {
        self.face == Face::Domain && self.cx.role(self.asker) == Some(Role::Admin)
    }

    /// The reply waits until a write is durable.
    ///
    /// # Errors
    /// What the store refused.
    pub fn written(&self, outcome: Result<Ticket, StoreError>) -> Result<(), StanzaError> {
        self.cx.after(outcome.map_err(refused)?);
        Ok(())
    }

    /// Changes a node. Subscriptions that have ended by themselves go.
    ///
    /// # Errors
    /// `item-not-found`, or what the store refused.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Node)) -> Result<Node, StanzaError> {
        let now = self.now();
        let changed = self.nodes().change(self.owner(), name, |node| {
            node.subscribers.retain(|subscription| subscription.is_live(now));
            change(node);
            Ok(())
        });
        let (ticket, node) = changed.map_err(refused)?;
        self.cx.after(ticket);
        Ok(node)
    }
}
