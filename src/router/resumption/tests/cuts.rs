//! Connections cut at any moment.

use super::*;
use proptest::prelude::*;

/// What happens to a client and its connection.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Somebody writes to it.
    Send,
    /// It reads what is written to it, all of it or nothing.
    Read,
    /// It says what it has handled.
    Acknowledge,
    /// So many bytes are written to it, and lost with the connection.
    Lose(usize),
    /// It loses its connection.
    Cut,
    /// It resumes its session.
    Resume,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Send),
        3 => Just(Step::Read),
        2 => Just(Step::Acknowledge),
        1 => (0_usize..2_000).prop_map(Step::Lose),
        1 => Just(Step::Cut),
        2 => Just(Step::Resume),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn however_connections_are_cut_every_message_comes_once_and_in_order(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let bench = Bench::new();
        let (ada, mut bob) = (bench.online("ada/desk"), Phone::online(&bench, "bob/phone"));
        let (mut sent, mut read, mut connected) = (0_u32, vec![], true);
        for step in steps.into_iter().chain([Step::Cut, Step::Resume, Step::Read]) {
            match step {
                Step::Send => {
                    ada.send(&chat(&sent.to_string()));
                    sent += 1;
                }
                Step::Read if connected => read.extend(bob.read()),
                Step::Acknowledge if connected => bob.acknowledge(&bench),
                Step::Lose(bytes) if connected => {
                    let sink = bob.client.session.sink();
                    sink.drain(crate::store::Ticket(0), bytes, &mut vec![]);
                    bob.cut(&bench);
                    connected = false;
                }
                Step::Cut if connected => {
                    bob.cut(&bench);
                    connected = false;
                }
                Step::Resume if !connected => {
                    bob.resumed(&bench);
                    connected = true;
                }
                _ => {}
            }
        }
        // The window is smaller than all that may have been sent: what is acknowledged makes room.
        while read.len() < sent as usize {
            bob.acknowledge(&bench);
            let more = bob.read();
            prop_assert!(!more.is_empty(), "{} of {sent}", read.len());
            read.extend(more);
        }
        let all: Vec<String> = (0..sent).map(|number| line(&number.to_string())).collect();
        prop_assert_eq!(read, all);
    }
}
