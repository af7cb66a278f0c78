//! XEP-0445 on XEP-0077 on the receiving side.

use super::*;

const GET: &str = "<iq type='get' id='g' to='mon.example'><query xmlns='jabber:iq:register'/></iq>";
const PREAUTH: &str = "<iq type='set' id='p'><preauth xmlns='urn:xmpp:pars:0' token='TOKEN'/></iq>";

fn set(content: &str) -> String {
    format!("<iq type='set' id='s'><query xmlns='jabber:iq:register'>{content}</query></iq>")
}

fn account(name: &str) -> String {
    set(&format!("<username>{name}</username><password>secret</password>"))
}

fn inviting() -> Bench {
    let mut bench = Bench::new(Transport::Encrypted(ChannelBindings::default()));
    bench.stream.offer_registration();
    bench.say(HEADER);
    bench
}

fn invited(name: Option<&str>) -> Bench {
    let mut bench = inviting();
    bench.say(PREAUTH);
    let name = name.map(|name| NodePart::new(name).expect("a name").into_owned());
    let output = bench.answer(|stream| stream.invitation_checked(Some(name)));
    assert_eq!(output, "<iq type='result' id='p' from='mon.example'/>");
    bench.events.clear();
    bench
}

fn has_error(output: &str, condition: &str) -> bool {
    output.contains(&format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"))
}

#[test]
fn a19_nobody_registers_uninvited() {
    for mut bench in [Bench::encrypted(), inviting()] {
        for request in [GET, &account("juliet"), &set("<remove/>"), &set("")] {
            let output = bench.say(request);
            assert!(has_error(&output, "not-allowed"), "{request}: {output}");
        }
        assert!(bench.events().is_empty());
    }
}

#[test]
fn registration_is_offered_while_somebody_is_invited() {
    let mut bench = Bench::new(Transport::Encrypted(ChannelBindings::default()));
    assert!(!bench.say(HEADER).contains("<register"));
    let mut bench = Bench::new(Transport::Plain);
    bench.stream.offer_registration();
    assert!(!bench.say(HEADER).contains("<register"), "never before TLS");
    let mut bench = Bench::new(Transport::Encrypted(ChannelBindings::default()));
    bench.stream.offer_registration();
    assert!(bench.say(HEADER).contains(
        "<register xmlns='urn:xmpp:ibr-token:0'/><register xmlns='urn:xmpp:invite'/>\
         <register xmlns='http://jabber.org/features/iq-register'/></stream:features>"
    ));
}

#[test]
fn the_invited_fill_in_a_form_and_get_an_account_once() {
    let mut bench = invited(None);
    let form = bench.say(GET);
    assert!(
        form.contains("<username/><password/><x xmlns='jabber:x:data' type='form'>"),
        "{form}"
    );
    bench.say(&account("Juliet"));
    assert_eq!(bench.events(), ["Register TOKEN juliet secret"]);
    let output = bench.answer(|stream| stream.registered(Ok(())));
    assert_eq!(output, "<iq type='result' id='s' from='mon.example'/>");
    assert!(has_error(&bench.say(&account("romeo")), "not-allowed"));
    bench.say(&plain("\0juliet\0secret"));
    assert_eq!(bench.events(), ["CheckPassword juliet secret"], "the stream goes on");
}

#[test]
fn a_refusal_leaves_the_invitation_for_another_try() {
    let mut bench = invited(None);
    bench.say(&account("juliet"));
    let conflict = crate::stanza::Condition::Conflict.into();
    let output = bench.answer(|stream| stream.registered(Err(conflict)));
    assert!(has_error(&output, "conflict"), "{output}");
    bench.events.clear();
    for (request, condition) in [
        (account("a@b"), "not-acceptable"),
        (set("<username>juliet</username>"), "bad-request"),
        (set("<remove/>"), "not-allowed"),
    ] {
        let output = bench.say(&request);
        assert!(has_error(&output, condition), "{request}: {output}");
    }
    bench.say(&account("juliet2"));
    assert_eq!(bench.events(), ["Register TOKEN juliet2 secret"]);
}

#[test]
fn a_promised_name_is_the_only_one() {
    let mut bench = invited(Some("juliet"));
    assert!(bench.say(GET).contains("<username>juliet</username>"));
    assert!(has_error(&bench.say(&account("romeo")), "not-acceptable"));
    bench.say(&account("JULIET"));
    assert_eq!(bench.events(), ["Register TOKEN juliet secret"]);
}

#[test]
fn a12_guessed_invitations_count_like_guessed_passwords() {
    let mut bench = inviting();
    bench.say(&plain("\0juliet\0wrong"));
    bench.answer(|stream| stream.password_checked(Verdict::Wrong));
    for last in [false, true] {
        bench.say(PREAUTH);
        let output = bench.answer(|stream| stream.invitation_checked(None));
        assert!(has_error(&output, "item-not-found"), "{output}");
        assert_eq!(ends_with(&output, "policy-violation"), last);
    }
}

#[test]
fn names_tried_with_an_invitation_are_bounded() {
    let mut bench = invited(None);
    for number in 0..9 {
        bench.say(&account(&format!("juliet{number}")));
        bench.answer(|stream| stream.registered(Err(crate::stanza::Condition::Conflict.into())));
    }
    assert!(ends_with(&bench.say(&account("juliet")), "policy-violation"));
}

#[test]
fn a08_an_invitation_is_no_authentication() {
    for request in [
        BIND,
        "<message/>",
        "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>",
    ] {
        assert!(ends_with(&invited(None).say(request), "not-authorized"), "{request}");
    }
    let elsewhere = GET.replace("mon.example", "other.example");
    assert!(ends_with(&invited(None).say(&elsewhere), "not-authorized"));
    let mut bench = Bench::new(Transport::Plain);
    bench.say(HEADER);
    assert!(ends_with(&bench.say(PREAUTH), "policy-violation"), "t04");
}

#[test]
fn answers_to_other_questions_change_nothing() {
    let mut bench = inviting();
    bench.say(PREAUTH);
    assert_eq!(bench.answer(|stream| stream.registered(Ok(()))), "");
    bench.answer(|stream| stream.invitation_checked(Some(None)));
    bench.say(&account("juliet"));
    assert_eq!(bench.answer(|stream| stream.invitation_checked(None)), "");
    assert!(
        bench
            .answer(|stream| stream.registered(Ok(())))
            .contains("type='result'")
    );
}
