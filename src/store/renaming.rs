//! A store moves to another domain. Local accounts are keyed by localpart, so what changes is what names others: roster
//! contacts, blocked addresses, subscription requests, kept messages, publishers, affiliations and subscriptions of nodes.

use super::meta::Meta;
use super::{Batch, Options, Store, StoreError};
use crate::xml::{Address, Frame, Limits};
use bytes::Bytes;
use jid::{DomainPart, Jid};
use std::borrow::Cow;
use std::path::Path;

/// From one domain, with those below it, to another.
pub(super) struct Renaming<'a> {
    old: &'a str,
    new: &'a str,
}

/// Moves the store in a directory from one domain to another, as one batch, durable on return. Nobody else may have it
/// open. Payloads that users wrote (vCards, published items, bodies) are theirs and stay as they are.
///
/// # Errors
/// [`StoreError::Invalid`] for a domain that is none, or as [`Store::open_with`] and [`Store::submit`].
pub fn rename_domain(dir: &Path, old: &str, new: &str, options: &Options) -> Result<(), StoreError> {
    let prepared = DomainPart::new(new).map_err(|_| StoreError::Invalid("the new domain is no domain"))?;
    let renaming = Renaming {
        old,
        new: prepared.as_str(),
    };
    let store = Store::open_with(dir, old, options)?;
    let (ticket, ()) = store.transact(|batch| {
        store.rosters().rename(batch, &renaming);
        store.blocked().rename(batch, &renaming);
        store.offline().rename(batch, &renaming);
        store.archive().rename(batch, &renaming);
        store.pep().rename(batch, &renaming);
        renaming.meta(&store, batch)
    })?;
    store.wait(ticket)
}

impl Renaming<'_> {
    fn meta(&self, store: &Store, batch: &mut Batch) -> Result<(), StoreError> {
        let mut meta: Meta = store.get_json(&Meta::key()).ok_or(StoreError::Absent)?;
        meta.domain = self.new.to_owned();
        batch.put_json(Meta::key(), &meta);
        Ok(())
    }

    /// A JID as it will be; borrowed when it stays.
    pub(super) fn jid<'a>(&self, jid: &'a str) -> Cow<'a, str> {
        self.renamed(jid).map_or(Cow::Borrowed(jid), Cow::Owned)
    }

    fn renamed(&self, jid: &str) -> Option<String> {
        let jid = Jid::new(jid).ok()?;
        let below = jid.domain().as_str().strip_suffix(self.old)?;
        if !below.is_empty() && !below.ends_with('.') {
            return None;
        }
        let domain = DomainPart::new(&format!("{below}{}", self.new)).ok()?.into_owned();
        Some(Jid::from_parts(jid.node(), &domain, jid.resource()).to_string())
    }

    /// A stanza with `from` and `to` as they will be. One that does not parse stays as it is.
    pub(super) fn stanza(&self, stanza: &Bytes) -> Bytes {
        let Ok(frame) = Frame::parse(stanza.clone(), &Limits::NONE) else {
            return stanza.clone();
        };
        let attr = |name| frame.attr(name).map(|jid| self.jid(&jid).into_owned());
        let (from, to) = (attr("from"), attr("to"));
        let address = Address {
            from: from.as_deref(),
            to: to.as_deref(),
            lang: None,
            standalone: true,
        };
        frame.deliver(&address, &[], &[]).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Scratch, days};
    use super::super::{Affiliation, Node, NodeConfig, Owner, PepItem, Policy};
    use super::*;
    use crate::roster::{self, Direction, Item, Request};
    use crate::stanza::Role;
    use jid::BareJid;

    #[test]
    fn jids_of_the_domain_and_below_change_and_no_others() {
        let renaming = Renaming {
            old: "mon.example",
            new: "watch.example",
        };
        for (before, after) in [
            ("ada@mon.example/desk", "ada@watch.example/desk"),
            ("mon.example", "watch.example"),
            ("pubsub.mon.example", "pubsub.watch.example"),
            ("ada@lemon.example", "ada@lemon.example"),
            ("ada@mon.example.org", "ada@mon.example.org"),
            ("@", "@"),
        ] {
            assert_eq!(renaming.jid(before), after);
        }
    }

    #[test]
    fn a_store_moves_with_all_that_names_its_domain() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let bob = BareJid::new("bob@mon.example").unwrap();
        let eve = BareJid::new("eve@mon.example").unwrap();
        store
            .accounts()
            .add("ada", Role::Admin, "secret", &Policy::default())
            .unwrap();
        let keys = store.accounts().credentials("nobody", super::super::ScramHash::Sha1);
        let mut batch = Batch::new();
        let mut roster = store.rosters().load("ada");
        roster.insert(
            bob.clone(),
            Item {
                listed: true,
                ..Item::default()
            },
        );
        roster
            .apply(&eve, Direction::Inbound, Request::Subscribe, &roster::Limits::DEFAULT)
            .unwrap();
        store.rosters().save(&mut batch, "ada", &roster, &bob);
        store.rosters().save(&mut batch, "ada", &roster, &eve);
        let request = b"<presence from='eve@mon.example' to='ada@mon.example' type='subscribe'/>";
        store.rosters().put_request(&mut batch, "ada", &eve, request);
        store.submit(batch).unwrap();
        let message = b"<message from='bob@mon.example/x' to='ada@mon.example'><body>mon.example</body></message>";
        store.offline().push("ada", message, days(1)).unwrap();
        let mut node = Node::new(NodeConfig::default(), days(1));
        node.affiliations.insert(bob.to_string(), Affiliation::Member);
        let item = PepItem {
            id: "a".to_owned(),
            publisher: "ada@mon.example/desk".to_owned(),
            stamp: days(1),
            payload: Bytes::from("<x xmlns='codebits'/>"),
        };
        store
            .pep()
            .publish(Owner::Account("ada"), "n", &[item], Some(&node))
            .unwrap();
        drop(store);

        let options = scratch.options();
        assert!(matches!(
            rename_domain(&scratch.path(), "mon.example", "a b", &options),
            Err(StoreError::Invalid(_))
        ));
        rename_domain(&scratch.path(), "mon.example", "watch.example", &options).unwrap();
        assert!(matches!(
            scratch.open("mon.example"),
            Err(StoreError::OtherDomain { .. })
        ));
        let store = scratch.open("watch.example").unwrap();
        assert!(store.accounts().verify_password("ada", "secret"));
        assert_eq!(
            store.accounts().credentials("nobody", super::super::ScramHash::Sha1),
            keys
        );
        let roster = store.rosters().load("ada");
        let contacts: Vec<String> = roster.listed().map(|(contact, _)| contact.to_string()).collect();
        assert_eq!(contacts, ["bob@watch.example"]);
        let requests = store.rosters().requests("ada");
        assert_eq!(requests[0].0.as_str(), "eve@watch.example");
        let request = Frame::parse(requests[0].1.clone(), &Limits::NONE).unwrap();
        assert_eq!(request.attr("from").as_deref(), Some("eve@watch.example"));
        let kept = store.offline().list("ada", days(1)).remove(0);
        assert_eq!(kept.stamp, days(1));
        let kept = Frame::parse(kept.stanza, &Limits::NONE).unwrap();
        assert_eq!(kept.attr("from").as_deref(), Some("bob@watch.example/x"));
        assert_eq!(kept.attr("to").as_deref(), Some("ada@watch.example"));
        assert_eq!(kept.child_element(0).unwrap().text(), "mon.example");
        let item = store.pep().item(Owner::Account("ada"), "n", "a").unwrap();
        assert_eq!(item.publisher, "ada@watch.example/desk");
        let node = store.pep().node(Owner::Account("ada"), "n").unwrap();
        assert_eq!(node.affiliations.into_keys().collect::<Vec<_>>(), ["bob@watch.example"]);
    }
}
