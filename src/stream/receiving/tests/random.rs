//! Whatever a peer sends and a caller answers, in whatever order: no frame before a resource is bound, nothing after the
//! end.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Feed(Vec<u8>),
    Encrypted,
    Credentials(bool),
    Password(Verdict),
    Bound,
    Refused,
    Resumed(bool),
    Enabled(bool),
    Close,
}

fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop::sample::select(vec![
        HEADER.to_owned(),
        STARTTLS.to_owned(),
        BIND.to_owned(),
        CLOSE.to_owned(),
        plain("\0juliet\0secret"),
        auth("SCRAM-SHA-256", "n,,n=juliet,r=abc"),
        response("c=biws,r=abc,p=AAAA"),
        sasl2::authenticate("PLAIN", "\0juliet\0secret", ""),
        sasl2::authenticate("PLAIN", "\0juliet\0secret", "<bind xmlns='urn:xmpp:bind:0'/>"),
        "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(),
        "<message><body>hi</body></message>".to_owned(),
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>".to_owned(),
        " ".to_owned(),
        ENABLE.to_owned(),
        RESUME.to_owned(),
        "<r xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='1'/>".to_owned(),
        "<inactive xmlns='urn:xmpp:csi:0'/>".to_owned(),
        "<stream:error/>".to_owned(),
        "<iq type='set' id='p'><preauth xmlns='urn:xmpp:pars:0' token='x'/></iq>".to_owned(),
        "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>a</username><password>b</password></query></iq>"
            .to_owned(),
    ])
    .prop_map(String::into_bytes);
    let broken =
        (whole.clone(), any::<prop::sample::Index>()).prop_map(|(bytes, at)| bytes[..at.index(bytes.len())].to_vec());
    let noise = prop::collection::vec(any::<u8>(), 0..8);
    prop_oneof![16 => whole, 1 => broken, 1 => noise]
}

fn operation() -> impl Strategy<Value = Operation> {
    let verdict = prop_oneof![4 => Just(Verdict::Right), 1 => Just(Verdict::Wrong), 1 => Just(Verdict::Unavailable)];
    prop_oneof![
        12 => fragment().prop_map(Operation::Feed),
        3 => Just(Operation::Encrypted),
        1 => any::<bool>().prop_map(Operation::Credentials),
        4 => verdict.prop_map(Operation::Password),
        4 => Just(Operation::Bound),
        1 => Just(Operation::Refused),
        2 => any::<bool>().prop_map(Operation::Resumed),
        3 => any::<bool>().prop_map(Operation::Enabled),
        1 => Just(Operation::Close),
    ]
}

/// What must have happened before what.
#[derive(Default)]
struct Witness {
    start_tls: bool,
    encrypted: bool,
    asked_password: bool,
    authenticated: bool,
    asked_bind: bool,
    asked_resume: bool,
    asked_enable: bool,
    handled: Option<u32>,
    bound: bool,
    closed: bool,
}

impl Witness {
    fn act(&mut self, operation: Operation, stream: &mut Receiving) {
        match operation {
            Operation::Feed(bytes) => stream.receive(&bytes),
            Operation::Encrypted => {
                self.encrypted |= self.start_tls;
                stream.encrypted(ChannelBindings::default());
            }
            Operation::Credentials(known) => stream.credentials(known.then(|| ScramKeys {
                salt: vec![0; 16],
                iterations: 10_000,
                stored_key: vec![0; 32],
                server_key: vec![0; 32],
            })),
            Operation::Password(verdict) => stream.password_checked(verdict),
            Operation::Bound => {
                self.bound |= self.asked_bind && !self.closed;
                stream.bound(&FullJid::new("juliet@mon.example/desk").expect("a JID"));
            }
            Operation::Refused => {
                self.asked_bind &= self.bound;
                stream.bind_refused(&crate::stanza::Condition::ResourceConstraint.into());
            }
            Operation::Resumed(true) => {
                if self.asked_resume && !self.closed && !self.bound {
                    self.bound = true;
                    self.handled = Some(u32::MAX);
                }
                stream.resumed(&FullJid::new("juliet@mon.example/desk").expect("a JID"), u32::MAX);
            }
            Operation::Resumed(false) => {
                self.asked_resume &= self.bound;
                stream.resume_refused(crate::stanza::Condition::ItemNotFound, None);
            }
            Operation::Enabled(true) => {
                if self.asked_enable && self.handled.is_none() {
                    self.handled = Some(0);
                }
                stream.enabled(None);
            }
            Operation::Enabled(false) => {
                self.asked_enable &= self.handled.is_some();
                stream.enable_refused(crate::stanza::Condition::InternalServerError);
            }
            Operation::Close => stream.close(crate::stream::Condition::Reset.into()),
        }
    }

    fn see(&mut self, event: &Event) {
        assert!(!self.closed, "after the end: {event:?}");
        match event {
            Event::StartTls => self.start_tls = true,
            Event::Credentials { .. } => assert!(self.encrypted),
            Event::CheckPassword { .. } => {
                assert!(self.encrypted, "a password in the clear");
                self.asked_password = true;
            }
            Event::Authenticated { account, .. } => {
                assert!(self.asked_password, "nobody proved anything else");
                assert_eq!(account.as_str(), "juliet@mon.example");
                self.authenticated = true;
            }
            Event::AuthenticationFailed { .. } => assert!(self.encrypted && !self.authenticated),
            Event::CheckInvitation { .. } => assert!(self.encrypted && !self.authenticated),
            Event::Register { .. } => panic!("nobody was invited"),
            Event::Bind { .. } => {
                assert!(self.authenticated);
                self.asked_bind = true;
            }
            Event::Resume(_) => {
                assert!(self.authenticated && !self.bound);
                self.asked_resume = true;
            }
            Event::Enable(_) => {
                assert!(self.bound && self.handled.is_none());
                self.asked_enable = true;
            }
            Event::AckRequested | Event::Acknowledged { .. } => assert!(self.handled.is_some()),
            Event::ClientState { .. } => assert!(self.bound),
            Event::Frame(_) => {
                assert!(self.bound, "a frame before a resource is bound");
                self.handled = self.handled.map(|handled| handled.wrapping_add(1));
            }
            Event::Closed(_) => self.closed = true,
        }
    }
}

/// A login, as it should go: random operations follow what prefix of it they leave alone.
fn login() -> Vec<Operation> {
    let feed = |text: &str| Operation::Feed(text.as_bytes().to_vec());
    vec![
        feed(HEADER),
        feed(STARTTLS),
        Operation::Encrypted,
        feed(HEADER),
        feed(&plain("\0juliet\0secret")),
        Operation::Password(Verdict::Right),
        feed(HEADER),
        feed(BIND),
        Operation::Bound,
    ]
}

proptest! {
    #[test]
    fn no_frame_before_bound_and_nothing_after_closed(
        prefix in 0_usize..=9,
        operations in prop::collection::vec(operation(), 0..24),
    ) {
        let options = Options::new(BareJid::new("mon.example").expect("a domain"));
        let mut stream = Receiving::new(Arc::new(options), Transport::Plain);
        let mut witness = Witness::default();
        for operation in login().into_iter().take(prefix).chain(operations) {
            witness.act(operation, &mut stream);
            while let Some(event) = stream.next_event() {
                witness.see(&event);
            }
            prop_assert!(stream.handled().is_none() || stream.handled() == witness.handled);
            let closed_before = witness.closed && stream.take_output().is_empty();
            prop_assert!(!closed_before || stream.next_event().is_none());
        }
        if witness.closed {
            stream.take_output();
            stream.receive(HEADER.as_bytes());
            stream.close(crate::stream::Condition::Reset.into());
            prop_assert!(stream.next_event().is_none());
            prop_assert!(stream.take_output().is_empty());
        }
    }
}
