//! What is said can be read again, and what cannot be read is refused.

use proptest::prelude::*;
use trimtab_cluster::message::{
    Answer, Content, Fingerprint, Goodbye, Heartbeat, Hello, Message, Payload, Progress, Reason,
    Returned, Taken, Task, VERSION,
};
use trimtab_cluster::{Hash, Name};

fn name() -> impl Strategy<Value = Name> {
    "[a-z0-9-]{1,64}".prop_map(|text| Name::of(&text))
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 8]>().prop_map(|bytes| Hash::of(&bytes))
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Content::Inline),
        hash().prop_map(Content::Stored),
    ]
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    (
        any::<String>(),
        any::<String>(),
        any::<String>(),
        any::<String>(),
    )
        .prop_map(|(version, build, backend, probe)| Fingerprint {
            version,
            build,
            backend,
            probe,
        })
}

fn hello() -> impl Strategy<Value = Hello> {
    (name(), any::<String>(), any::<u32>(), fingerprint()).prop_map(
        |(worker, host, slots, fingerprint)| Hello {
            worker,
            host,
            slots,
            fingerprint,
        },
    )
}

fn task() -> impl Strategy<Value = Task> {
    let names = (name(), hash(), hash(), hash(), fingerprint());
    let rest = (
        any::<u32>(),
        any::<u64>(),
        content(),
        prop::option::of(content()),
        prop::option::of(any::<String>()),
    );
    (names, rest).prop_map(|((run, key, job, shared, fingerprint), rest)| {
        let (attempt, lead, unit, continuation, trace) = rest;
        Task {
            run,
            key,
            attempt,
            lead,
            fingerprint,
            job,
            shared,
            unit,
            continuation,
            trace,
        }
    })
}

fn taken() -> impl Strategy<Value = Taken> {
    (name(), hash(), any::<bool>()).prop_map(|(run, key, running)| Taken { run, key, running })
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        content().prop_map(Reason::Preempted),
        finite().prop_map(Reason::Parked),
        Just(Reason::Leaving),
        any::<String>().prop_map(Reason::Broken),
    ]
}

fn finite() -> impl Strategy<Value = f64> {
    prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL
}

fn payload() -> impl Strategy<Value = Payload> {
    let outcome = prop_oneof![content().prop_map(Ok), any::<String>().prop_map(Err)];
    prop_oneof![
        hello().prop_map(Payload::Hello),
        (
            hello(),
            prop::collection::vec(taken(), 0..4),
            prop::collection::vec(hash(), 0..4),
            any::<u64>(),
            finite(),
            finite(),
            any::<bool>()
        )
            .prop_map(
                |(hello, in_hand, parked, done, seconds, busy_seconds, leaving)| {
                    Payload::Heartbeat(Heartbeat {
                        hello,
                        in_hand,
                        parked,
                        done,
                        seconds,
                        busy_seconds,
                        leaving,
                    })
                }
            ),
        task().prop_map(Payload::Task),
        (hash(), name(), any::<u64>()).prop_map(|(key, worker, steps)| {
            Payload::Progress(Progress { key, worker, steps })
        }),
        (name(), hash(), name(), any::<u64>(), finite(), outcome).prop_map(
            |(run, key, worker, steps, seconds, outcome)| {
                Payload::Answer(Answer {
                    run,
                    key,
                    worker,
                    steps,
                    seconds,
                    outcome,
                })
            }
        ),
        hash().prop_map(Payload::Answered),
        hash().prop_map(Payload::Cancel),
        hash().prop_map(Payload::Preempt),
        (hash(), name(), reason()).prop_map(|(key, worker, reason)| {
            Payload::Returned(Returned {
                key,
                worker,
                reason,
            })
        }),
        (name(), any::<String>())
            .prop_map(|(worker, reason)| Payload::Goodbye(Goodbye { worker, reason })),
    ]
}

proptest! {
    #[test]
    fn a_message_is_read_as_it_was_written(sequence: u64, payload in payload()) {
        let message = Message { sequence, payload };
        prop_assert_eq!(Message::decode(&message.encode().unwrap()).unwrap(), message);
    }

    #[test]
    fn another_version_is_refused_by_its_number(version: u16, payload in payload()) {
        let mut bytes = Message { sequence: 0, payload }.encode().unwrap();
        bytes[2..4].copy_from_slice(&version.to_le_bytes());
        let read = Message::decode(&bytes);
        if version == VERSION {
            prop_assert!(read.is_ok());
        } else {
            let said = read.unwrap_err().to_string();
            prop_assert!(said.contains(&format!("its version is {version}")), "{}", said);
        }
    }

    /// Noise, and messages with some bytes changed or cut off: an error or a message, never more.
    #[test]
    fn noise_is_no_panic(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        payload in payload(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        Message::decode(&noise).ok();
        let mut marked = vec![b'T', b'T', VERSION as u8, 0];
        marked.extend(&noise);
        Message::decode(&marked).ok();
        let mut bytes = Message { sequence: 0, payload }.encode().unwrap();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        Message::decode(&bytes).ok();
        bytes.truncate(cut.index(bytes.len()));
        Message::decode(&bytes).ok();
    }
}

#[test]
fn bytes_are_written_as_bytes() {
    let answer = |bytes: Vec<u8>| Message {
        sequence: 0,
        payload: Payload::Answer(Answer {
            run: Name::of("r"),
            key: Hash::of(b""),
            worker: Name::of("w"),
            steps: 0,
            seconds: 0.0,
            outcome: Ok(Content::Inline(bytes)),
        }),
    };
    let empty = answer(Vec::new()).encode().unwrap().len();
    assert!(answer(vec![200; 1000]).encode().unwrap().len() < empty + 1004);
}

/// A length that no message could have is an error at once: it allocates nothing like it.
#[test]
fn a_length_that_is_not_there_is_an_error() {
    // An array of 2^32 - 1 values, and bytes of the same length.
    for marker in [0xdd, 0xc6, 0xdb, 0xdf] {
        let bytes = [
            b'T',
            b'T',
            VERSION as u8,
            0,
            marker,
            0xff,
            0xff,
            0xff,
            0xff,
            1,
        ];
        assert!(Message::decode(&bytes).is_err());
    }
}

/// Names from outside stand in paths and subjects: nothing that means something there comes through.
#[test]
fn names_from_outside_hold_no_separators() {
    for bad in ["", "../x", "a/b", "a.b", "a*", ">", "A", "a b", "a\u{0}"] {
        assert!(Name::try_from(bad.to_owned()).is_err(), "{bad:?}");
        assert!(Hash::try_from(bad.to_owned()).is_err(), "{bad:?}");
    }
    assert!(Name::try_from("a".repeat(65)).is_err());
    assert!(Hash::try_from("g".repeat(64)).is_err());
    assert_eq!(Name::of("../Müller's PC").as_str(), "---m-ller-s-pc");
}
