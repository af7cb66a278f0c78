//! Whom a question goes to, and whom its answer reaches.

use super::*;
use std::collections::BTreeSet;

fn jid(text: &str) -> FullJid {
    FullJid::new(text).expect("a JID")
}

fn info(feature: &str) -> Info {
    Info::new(None).identity("client", "pc", "x").features([feature])
}

fn hashed(info: &Info) -> Advertisement {
    let ver = ver(info, Algorithm::Sha1).expect("well-formed");
    Advertisement {
        node: "n".to_owned(),
        ver,
        hash: Some("sha-1".to_owned()),
    }
}

fn features(feature: &str) -> Option<Features> {
    Some(Arc::new(BTreeSet::from([feature.to_owned()])))
}

fn ask(session: &str, advertisement: &Advertisement) -> Action {
    Action::Ask(jid(session), advertisement.node())
}

fn learn(session: &str, feature: &str) -> Action {
    Action::Learn(jid(session), features(feature))
}

#[test]
fn a_hash_is_asked_for_once_and_holds_for_all_who_present_it() {
    let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
    let c = hashed(&f);
    assert_eq!(
        questions.advertised(&jid("a@x/1"), Some(c.clone()), &mut known),
        [ask("a@x/1", &c)]
    );
    assert_eq!(questions.advertised(&jid("b@x/1"), Some(c.clone()), &mut known), []);
    assert_eq!(
        questions.advertised(&jid("a@x/1"), Some(c.clone()), &mut known),
        [],
        "a repeated presence"
    );

    let (actions, saved) = questions.answered(&jid("a@x/1"), Some(&f), &mut known);
    assert_eq!(actions, [learn("a@x/1", "f"), learn("b@x/1", "f")]);
    assert_eq!(saved.map(|(key, _)| key), c.key());
    assert_eq!(
        questions.advertised(&jid("d@x/1"), Some(c), &mut known),
        [learn("d@x/1", "f")]
    );
}

#[test]
fn p01_a_wrong_answer_poisons_nobody_else() {
    let (mut questions, mut known, truth) = (Questions::default(), Known::default(), info("truth"));
    let c = hashed(&truth);
    questions.advertised(&jid("liar@x/1"), Some(c.clone()), &mut known);
    questions.advertised(&jid("b@x/1"), Some(c.clone()), &mut known);

    let (actions, saved) = questions.answered(&jid("liar@x/1"), Some(&info("lie")), &mut known);
    assert_eq!(actions, [learn("liar@x/1", "lie"), ask("b@x/1", &c)]);
    assert!(saved.is_none() && known.get(&c.key().expect("a hash")).is_none());
    let (actions, saved) = questions.answered(&jid("b@x/1"), Some(&truth), &mut known);
    assert_eq!(actions, [learn("b@x/1", "truth")]);
    assert!(saved.is_some());
}

#[test]
fn p01_legacy_capabilities_never_meet_the_hashed_ones() {
    let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
    let legacy = Advertisement {
        hash: None,
        ..hashed(&f)
    };
    let actions = questions.advertised(&jid("a@x/1"), Some(legacy), &mut known);
    assert_eq!(actions, [Action::Ask(jid("a@x/1"), None)]);
    let (actions, saved) = questions.answered(&jid("a@x/1"), Some(&f), &mut known);
    assert_eq!((actions, saved), (vec![learn("a@x/1", "f")], None));
    assert!(known.get(&hashed(&f).key().expect("a hash")).is_none());
}

#[test]
fn p02_an_ill_formed_answer_tells_nothing() {
    let (mut questions, mut known, mut f) = (Questions::default(), Known::default(), info("f"));
    questions.advertised(&jid("a@x/1"), Some(hashed(&f)), &mut known);
    f.features.push("f".to_owned());
    let (actions, saved) = questions.answered(&jid("a@x/1"), Some(&f), &mut known);
    assert_eq!((actions, saved), (vec![Action::Learn(jid("a@x/1"), None)], None));
}

#[test]
fn p03_a_flood_of_hashes_leaves_one_question_and_one_entry_a_session() {
    let (mut questions, mut known) = (Questions::default(), Known::default());
    let mut asked = 0;
    for n in 0..10_000 {
        let c = hashed(&info(&n.to_string()));
        asked += questions.advertised(&jid("a@x/1"), Some(c), &mut known).len();
    }
    assert_eq!(asked, 1);
    assert_eq!(
        (questions.sessions.len(), questions.asked.len(), questions.waiting.len()),
        (1, 1, 1)
    );

    let (actions, _) = questions.answered(&jid("a@x/1"), None, &mut known);
    assert_eq!(
        actions,
        [ask("a@x/1", &hashed(&info("9999")))],
        "what it presents now comes next"
    );
    assert_eq!(questions.waiting.len(), 1);
    assert_eq!(questions.gone(&jid("a@x/1")), [Action::Learn(jid("a@x/1"), None)]);
    assert_eq!(questions.answered(&jid("a@x/1"), None, &mut known).0, []);
    assert_eq!(
        (questions.sessions.len(), questions.asked.len(), questions.waiting.len()),
        (0, 0, 0)
    );
}

#[test]
fn p04_an_unknown_hash_function_is_asked_per_session() {
    let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
    let md5 = Advertisement {
        hash: Some("md5".to_owned()),
        ..hashed(&f)
    };
    for session in ["a@x/1", "b@x/1"] {
        assert_eq!(
            questions.advertised(&jid(session), Some(md5.clone()), &mut known),
            [ask(session, &md5)]
        );
    }
}

#[test]
fn when_the_one_asked_goes_the_next_is_asked() {
    let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
    let c = hashed(&f);
    for session in ["a@x/1", "b@x/1", "c@x/1"] {
        questions.advertised(&jid(session), Some(c.clone()), &mut known);
    }
    assert_eq!(questions.gone(&jid("a@x/1")), [Action::Learn(jid("a@x/1"), None)]);
    assert_eq!(
        questions.answered(&jid("a@x/1"), None, &mut known).0,
        [ask("b@x/1", &c)]
    );
    assert_eq!(
        questions.answered(&jid("a@x/1"), Some(&f), &mut known).0,
        [],
        "too late"
    );
    let (actions, _) = questions.answered(&jid("b@x/1"), Some(&f), &mut known);
    assert_eq!(actions, [learn("b@x/1", "f"), learn("c@x/1", "f")]);
}

#[test]
fn a_presence_without_capabilities_takes_them_back() {
    let (mut questions, mut known, f) = (Questions::default(), Known::default(), info("f"));
    questions.advertised(&jid("a@x/1"), Some(hashed(&f)), &mut known);
    let actions = questions.advertised(&jid("a@x/1"), None, &mut known);
    assert_eq!(actions, [Action::Learn(jid("a@x/1"), None)]);
    assert_eq!(
        questions.answered(&jid("a@x/1"), Some(&f), &mut known).0,
        [],
        "nobody presents it any more"
    );
}
