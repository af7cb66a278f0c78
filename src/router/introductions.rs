//! The roster without ceremony: whoever watches finds every collector in it, and every collector whoever watches, without
//! anybody asking. Kept true as accounts come; when one goes, it leaves all rosters.

use super::{Router, Shared, locked, subscription};
use crate::roster::Provided;
use crate::stanza::{Role, StanzaError};
use crate::store::{Account, Ticket};
use jid::BareJid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who finds whom, where, and under which name. Collectors go by their localparts.
#[derive(Clone, Debug)]
pub struct Introductions {
    /// What a collector is called; its localpart where nothing stands here.
    pub names: BTreeMap<String, String>,
    /// Who alone may watch a collector; everyone where nothing stands here.
    pub watchers: BTreeMap<String, Vec<BareJid>>,
    /// The groups that collectors are in when no [`Grouping`] puts them elsewhere.
    pub groups: Vec<String>,
    /// Other groups.
    pub groupings: Vec<Grouping>,
}

impl Default for Introductions {
    /// Everyone finds every collector under its localpart, in the group `Servers`.
    fn default() -> Introductions {
        Introductions {
            names: BTreeMap::new(),
            watchers: BTreeMap::new(),
            groups: vec!["Servers".to_owned()],
            groupings: Vec::new(),
        }
    }
}

/// A group, and what belongs into it in whose roster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// Its name.
    pub name: String,
    /// The collectors in it; empty: all.
    pub collectors: Vec<String>,
    /// In whose rosters; empty: in everyone's.
    pub roles: Vec<Role>,
}

impl Grouping {
    fn holds(&self, collector: &str, role: Role) -> bool {
        let is_in = self.collectors.is_empty() || self.collectors.iter().any(|name| name == collector);
        is_in && (self.roles.is_empty() || self.roles.contains(&role))
    }
}

impl Introductions {
    fn admits(&self, collector: &str, watcher: &BareJid) -> bool {
        let watchers = self.watchers.get(collector);
        watchers.is_none_or(|watchers| watchers.contains(watcher))
    }

    fn provided(&self, collector: &str, role: Role) -> Provided {
        let groupings = self.groupings.iter().filter(|grouping| grouping.holds(collector, role));
        let mut groups: Vec<String> = groupings.map(|grouping| grouping.name.clone()).collect();
        if groups.is_empty() {
            groups = self.groups.clone();
        }
        let name = self.names.get(collector).map_or(collector, String::as_str);
        Provided {
            name: Some(name.to_owned()),
            groups,
        }
    }
}

impl Router {
    /// Puts an account that is new into the rosters that it belongs in, and its own in order: a collector and all that
    /// watch, or one that watches and all collectors. Pushed to those who are there.
    ///
    /// # Errors
    /// When the store takes no more.
    pub fn introduce(&self, account: &BareJid) -> Result<Ticket, StanzaError> {
        introduce(&self.shared, account)
    }

    /// Takes other settings: they hold from the next introduction on.
    pub fn set_introductions(&self, introductions: Introductions) {
        *locked(&self.shared.introductions) = Arc::new(introductions);
    }

    /// Puts all rosters in order, as the settings have it now.
    ///
    /// # Errors
    /// When the store takes no more.
    pub fn introduce_all(&self) -> Result<Ticket, StanzaError> {
        let accounts = self.shared.store.accounts().list();
        let collectors = accounts.iter().filter(|account| account.role == Role::Collector);
        for collector in collectors {
            pair(&self.shared, collector, &accounts)?;
        }
        Ok(self.shared.store.latest())
    }
}

/// See [`Router::introduce`].
pub(super) fn introduce(shared: &Shared, account: &BareJid) -> Result<Ticket, StanzaError> {
    let accounts = shared.store.accounts().list();
    let name = shared.local_node(account).unwrap_or_default();
    if let Some(account) = accounts.iter().find(|known| known.name == name) {
        pair(shared, account, &accounts)?;
    }
    Ok(shared.store.latest())
}

/// Introduces one account to all others that it belongs with.
fn pair(shared: &Shared, account: &Account, all: &[Account]) -> Result<(), StanzaError> {
    let settings = Arc::clone(&locked(&shared.introductions));
    for other in all {
        let (collector, watcher) = match (account.role, other.role) {
            (Role::Collector, Role::Collector) => continue,
            (Role::Collector, _) => (account, other),
            (_, Role::Collector) => (other, account),
            _ => continue,
        };
        let (Some(watching), Some(watched)) = (jid(shared, watcher), jid(shared, collector)) else {
            continue;
        };
        if settings.admits(&collector.name, &watching) {
            let Provided { name, groups } = settings.provided(&collector.name, watcher.role);
            subscription::provision(shared, &watching, &watched, name, groups)?;
        }
    }
    Ok(())
}

fn jid(shared: &Shared, account: &Account) -> Option<BareJid> {
    BareJid::new(&[account.name.as_str(), "@", shared.domain()].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::bench::{Bench, account};

    /// The items of an account's roster: contact, name, groups.
    fn items(bench: &Bench, name: &str) -> Vec<String> {
        let roster = bench.store.rosters().load(name);
        let item = |(contact, item): (&BareJid, &crate::roster::Item)| {
            let contact = contact.node().map_or("", |node| node.as_str());
            let name = item.name.clone().unwrap_or_default();
            format!(
                "{contact} {name} {} {}",
                item.groups.join("+"),
                item.state.subscription.as_str()
            )
        };
        roster.listed().map(item).collect()
    }

    #[test]
    fn collectors_and_watchers_find_each_other_as_they_come_and_go() {
        let bench = Bench::new();
        let ada = bench.online("ada/desk");
        let web = bench.collector("web");
        bench.router.introduce(&account("web")).unwrap();
        assert_eq!(ada.received(), ["iq set [web:both]", "presence <web/watchpost"]);
        for name in ["ada", "bob", "eve"] {
            assert_eq!(items(&bench, name), ["web web Servers both"], "{name}");
        }
        assert_eq!(items(&bench, "web").len(), 3);
        // One more of each; nothing that is so already is said again.
        bench.collector("db");
        bench.router.introduce(&account("db")).unwrap();
        ada.received();
        bench.router.introduce(&account("db")).unwrap();
        bench.router.introduce_all().unwrap();
        assert!(ada.received().is_empty());
        assert_eq!(items(&bench, "db").len(), 3, "collectors do not watch each other");
        bench
            .store
            .accounts()
            .add_without_credentials("new", Role::Operator)
            .unwrap();
        bench.router.introduce(&account("new")).unwrap();
        assert_eq!(items(&bench, "new").len(), 2);
        // A host that goes leaves all rosters.
        web.end();
        ada.received();
        bench.router.account_removed(&account("web"));
        assert_eq!(ada.received().last().map(String::as_str), Some("iq set [web:remove]"));
        for name in ["ada", "bob", "eve", "new"] {
            assert_eq!(items(&bench, name), ["db db Servers both"], "{name}");
        }
    }

    #[test]
    fn groups_are_by_collector_and_role_and_what_the_user_chose_stays() {
        let introductions = |groups: &str, groupings: Vec<Grouping>| Introductions {
            names: BTreeMap::from([("web".to_owned(), "Web server".to_owned())]),
            watchers: BTreeMap::from([("db".to_owned(), vec![account("ada")])]),
            groups: vec![groups.to_owned()],
            groupings,
        };
        let databases = Grouping {
            name: "Databases".to_owned(),
            collectors: vec!["db".to_owned()],
            roles: vec![Role::Viewer],
        };
        let bench = Bench::new();
        bench.router.set_introductions(introductions("Hosts", vec![databases]));
        bench.collector("web");
        bench.collector("db");
        bench.router.introduce_all().unwrap();
        assert_eq!(
            items(&bench, "ada"),
            ["db db Databases both", "web Web server Hosts both"]
        );
        assert_eq!(
            items(&bench, "bob"),
            ["web Web server Hosts both"],
            "no watcher of the other"
        );
        let bob = bench.online("bob/desk");
        bob.send(
            "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='web@@' name='W'><group>Mine</group></item></query></iq>",
        );
        // The settings change, and those who are there see it.
        let ada = bench.online("ada/desk");
        bench.router.set_introductions(introductions("Machines", vec![]));
        bench.router.introduce_all().unwrap();
        assert_eq!(ada.received(), ["iq set [db:both]", "iq set [web:both]"]);
        assert_eq!(
            items(&bench, "ada"),
            ["db db Machines both", "web Web server Machines both"]
        );
        assert_eq!(items(&bench, "bob"), ["web W Mine both"]);
    }

    #[test]
    fn s09_items_of_the_servers_making_count_towards_no_limit() {
        let bench = Bench::new();
        for number in 0..30 {
            bench.collector(&format!("host{number}"));
        }
        bench.router.introduce(&account("ada")).unwrap();
        let ada = bench.online("ada/desk");
        let set = |name: &str| {
            ada.send(&format!(
                "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='{name}@x'/></query></iq>"
            ));
            ada.received().pop().unwrap()
        };
        for number in 0..20 {
            assert_eq!(set(&format!("u{number}")), "iq result");
        }
        assert!(set("one-more").starts_with("iq error resource-constraint"));
    }
}
