//! What the servers and the workers say, in one channel.

use crate::lead::{RunState, decoded};
use crate::message::{Answer, Heartbeat, Message, Payload, Progress, Returned};
use crate::name::{Hash, Name};
use crate::store::Store;
use crate::{Error, Result};
use async_nats::jetstream::kv::Operation;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::sync::mpsc;
use trimtab_scheduler::StrategyConfig;

/// Something happened.
pub(super) enum Event {
    /// A result is stored.
    Answer(Box<Answer>),
    /// A unit was done again, and its first result is stored.
    Answered(Hash),
    /// A unit goes on.
    Progress(Progress),
    /// A unit comes back.
    Returned(Returned),
    /// A worker is alive.
    Member(Box<Heartbeat>),
    /// A worker has left.
    Left(Name),
    /// A run is led, by us or by another.
    Run(Box<RunState>),
    /// It no longer is.
    RunEnded(Name),
    /// Someone wishes another strategy.
    Strategy(StrategyConfig),
    /// Something that cannot be understood.
    Odd(String),
}

/// Reads everything that concerns a run from now on, and the results of it that are there, which come first.
pub(super) async fn read(store: &Store, run: &Name) -> Result<mpsc::UnboundedReceiver<Event>> {
    let (sender, events) = mpsc::unbounded_channel();
    let subject = store.event_subject(run.as_str());
    let said = store.client.subscribe(subject).await;
    let said = said.map_err(|error| Error::server("messages of workers", error))?;
    tokio::spawn(hear(said, sender.clone()));
    let earlier = earlier_results(store, run, &sender).await?;
    tokio::spawn(results(store.clone(), run.clone(), earlier, sender.clone()));
    tokio::spawn(leases(store.clone(), sender.clone()));
    tokio::spawn(wishes(store.clone(), run.clone(), sender));
    Ok(events)
}

/// Hears what workers say outside the streams.
async fn hear(mut said: async_nats::Subscriber, sender: mpsc::UnboundedSender<Event>) {
    while let Some(message) = said.next().await {
        let event = match Message::decode(&message.payload).map(|message| message.payload) {
            Ok(Payload::Progress(progress)) => Event::Progress(progress),
            Ok(Payload::Returned(returned)) => Event::Returned(returned),
            Ok(Payload::Answered(key)) => Event::Answered(key),
            Ok(_) => continue,
            Err(error) => Event::Odd(error.to_string()),
        };
        if sender.send(event).is_err() {
            return;
        }
    }
}

fn answer(payload: &[u8]) -> Event {
    match Message::decode(payload).map(|message| message.payload) {
        Ok(Payload::Answer(answer)) => Event::Answer(Box::new(answer)),
        Ok(_) => Event::Odd("a result that is none".to_owned()),
        Err(error) => Event::Odd(error.to_string()),
    }
}

/// The results that are there, and the number of the last.
async fn earlier_results(
    store: &Store,
    run: &Name,
    sender: &mpsc::UnboundedSender<Event>,
) -> Result<u64> {
    let consumer = store.read_results(run.as_str(), 1).await?;
    let mut pending = consumer.cached_info().num_pending;
    let mut last = 0;
    if pending > 0 {
        let messages = consumer.messages().await;
        let mut messages = messages.map_err(|error| Error::server("reading results", error))?;
        while pending > 0 {
            let next = tokio::time::timeout(Duration::from_secs(30), messages.next()).await;
            let Ok(Some(next)) = next else {
                return Err(Error::server("reading results", "no answer within 30 s"));
            };
            let Ok(message) = next else { continue };
            let info = message.info();
            let info = info.map_err(|error| Error::server("reading results", error))?;
            (pending, last) = (info.pending, info.stream_sequence);
            sender.send(answer(&message.payload)).ok();
        }
    }
    Ok(last)
}

/// Reads results from the one after `last` on, for as long as anybody listens.
async fn results(store: Store, run: Name, mut last: u64, sender: mpsc::UnboundedSender<Event>) {
    while !sender.is_closed() {
        let consumer = store.read_results(run.as_str(), last + 1).await;
        if let Ok(consumer) = consumer
            && let Ok(mut messages) = consumer.messages().await
        {
            // After an outage the stream says that heartbeats are missing, and goes on by itself.
            while let Some(next) = messages.next().await {
                let Ok(message) = next else { continue };
                if let Ok(info) = message.info() {
                    last = info.stream_sequence;
                }
                if sender.send(answer(&message.payload)).is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Watches who is alive: workers, and the coordinators of runs.
async fn leases(store: Store, sender: mpsc::UnboundedSender<Event>) {
    while !sender.is_closed() {
        if let Ok(mut watch) = store.leases.watch_with_history(">").await {
            while let Some(next) = watch.next().await {
                let Ok(entry) = next else { continue };
                let there = entry.operation == Operation::Put;
                let event = match entry.key.split_once('.') {
                    Some(("member", _)) if there => match Message::decode(&entry.value) {
                        Ok(Message {
                            payload: Payload::Heartbeat(beat),
                            ..
                        }) => Event::Member(Box::new(beat)),
                        Ok(_) => continue,
                        Err(error) => Event::Odd(format!("{}: {error}", entry.key)),
                    },
                    Some(("member", worker)) => Event::Left(Name::of(worker)),
                    Some(("lead", _)) if there => match decoded(&entry.value) {
                        Some(state) => Event::Run(Box::new(state)),
                        None => continue,
                    },
                    Some(("lead", run)) => Event::RunEnded(Name::of(run)),
                    _ => continue,
                };
                if sender.send(event).is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Watches for wishes about this run.
async fn wishes(store: Store, run: Name, sender: mpsc::UnboundedSender<Event>) {
    while !sender.is_closed() {
        if let Ok(mut watch) = store.runs.watch(format!("strategy.{run}")).await {
            while let Some(next) = watch.next().await {
                let Ok(entry) = next else { continue };
                let wish = std::str::from_utf8(&entry.value).unwrap_or_default();
                let event = match wish.parse() {
                    Ok(strategy) => Event::Strategy(strategy),
                    Err(error) => Event::Odd(format!("{error}")),
                };
                if sender.send(event).is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
