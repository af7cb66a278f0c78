//! Many threads at once: what each account has seen in the end must be what is.

use super::bench::{Bench, Client, account};
use super::{Closing, Sink};
use std::collections::{BTreeMap, BTreeSet};

const NAMES: [&str; 3] = ["ada", "bob", "eve"];
const STEPS: u64 = 400;

/// A small generator, so that a seed names a run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

fn endless() -> Sink {
    Sink::new(usize::MAX, usize::MAX)
}

fn act(bench: &Bench, name: &str, seed: u64) -> Client {
    let mut dice = Dice(seed);
    let address = format!("{name}/actor{seed}");
    let mut client = bench.connect_through(&address, endless());
    for _ in 0..STEPS {
        let other = NAMES[dice.roll(NAMES.len())];
        match dice.roll(10) {
            0 => client.send("<presence><show>away</show></presence>"),
            1 => client.send("<presence/>"),
            2 => client.send("<presence type='unavailable'/>"),
            3 => {
                client.end();
                client = bench.connect_through(&address, endless());
            }
            4 => client.send(&format!("<message type='chat' to='{other}@@'><body>x</body></message>")),
            5 => client.send(
                &format!("<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='{other}@@' subscription='remove'/></query></iq>"),
            ),
            6 => client.send("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>"),
            kind => {
                let kind = ["subscribe", "subscribed", ["unsubscribe", "unsubscribed"][dice.roll(2)]][kind - 7];
                client.send(&format!("<presence type='{kind}' to='{other}@@'/>"));
            }
        }
        client.received();
    }
    client
}

/// The full JIDs whose last presence said that they were there.
fn seen(observer: &Client) -> BTreeSet<String> {
    let mut last = BTreeMap::new();
    for presence in observer.elements().iter().filter(|stanza| stanza.name() == "presence") {
        if matches!(presence.attr("type"), None | Some("unavailable")) {
            last.insert(
                presence.attr("from").unwrap().to_owned(),
                presence.attr("type").is_none(),
            );
        }
    }
    last.into_iter()
        .filter(|(_, there)| *there)
        .map(|(jid, _)| jid)
        .collect()
}

#[test]
fn rosters_agree_and_everyone_has_seen_what_is() {
    for round in 0..3 {
        let bench = Bench::new();
        let observers = NAMES.map(|name| {
            let observer = bench.connect_through(&format!("{name}/observer"), endless());
            observer.send("<presence/>");
            observer
        });
        let actors: Vec<Client> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6)
                .map(|number| {
                    let (bench, seed) = (&bench, round * 100 + number + 1);
                    scope.spawn(move || act(bench, NAMES[usize::try_from(number).unwrap() % 3], seed))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (name, observer) in NAMES.iter().zip(&observers) {
            let mine = bench.store.rosters().load(name);
            let visible = |other: &str| {
                let theirs = bench.store.rosters().load(other).state(&account(name)).subscription;
                assert_eq!(
                    theirs.is_from(),
                    mine.state(&account(other)).subscription.is_to() && other != *name
                );
                other == *name || theirs.is_from()
            };
            let there: BTreeSet<String> = actors
                .iter()
                .chain(&observers)
                .filter(|client| client.session.is_available())
                .filter(|client| visible(client.session.node()))
                .map(|client| client.session.jid().to_string())
                .collect();
            assert_eq!(seen(observer), there, "{name}, round {round}");
        }
        bench.router.end_sessions(None, Closing::SystemShutdown);
        assert!(actors.iter().all(|actor| actor.session.sink().closing().is_some()));
    }
}
