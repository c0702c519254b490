//! How a cluster stands: its workers, its runs, its queue.
//!
//! [`Watcher`] asks the server; `view` shows the answer to people.

#[cfg(feature = "top")]
pub mod view;

use crate::lead::{RunState, decoded};
use crate::message::{Heartbeat, Message, Payload};
use crate::name::Name;
use crate::server::{Notice, Server};
use crate::store::Store;
use crate::{Error, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::time::SystemTime;
use trimtab_scheduler::StrategyConfig;

/// A picture of a cluster at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The server.
    pub server: String,
    /// Its version.
    pub version: String,
    /// Units in the queue, taken or not.
    pub queue: u64,
    /// Results that are kept for runs that have not ended.
    pub results: u64,
    /// The workers, by name.
    pub workers: Vec<WorkerState>,
    /// The runs that are led, by name.
    pub runs: Vec<RunState>,
}

/// A worker, and how long ago it was heard of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerState {
    /// What it said last.
    pub heartbeat: Heartbeat,
    /// Seconds since then: from the server's clock to ours, and never below 0.
    pub silence: f64,
}

/// What can be wished for. A strategy of a program's own has its name in that program alone.
const NAMED: &str = "give `least-load`, `priority` or `round-robin`";

/// Keys that are asked for at once.
const AT_ONCE: usize = 64;

/// A connection that asks how a cluster stands.
pub struct Watcher {
    runtime: tokio::runtime::Runtime,
    store: Store,
    address: String,
}

impl Watcher {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Connect`], and [`Error::Server`] without JetStream.
    pub fn connect(server: &Server, notice: Notice) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Error::server("threads", error))?;
        let store = runtime.block_on(async {
            let client = server.connect("status", notice).await?;
            Store::open(client, &server.namespace, server.lease).await
        })?;
        Ok(Self {
            runtime,
            store,
            address: server.shown(),
        })
    }

    /// How it stands now.
    ///
    /// # Errors
    /// [`Error::Server`] if the servers do not answer.
    pub fn status(&self) -> Result<Status> {
        self.runtime.block_on(ask(&self.store, &self.address))
    }

    /// Wishes another strategy for a run; its coordinator hears of it at once.
    ///
    /// # Errors
    /// A name that is no strategy, and [`Error::Server`].
    pub fn wish_strategy(&self, run: &Name, strategy: &str) -> Result<()> {
        StrategyConfig::from_str(strategy)
            .map_err(|_| Error::option("--strategy", strategy, NAMED))?;
        let key = format!("strategy.{run}");
        let wish = strategy.to_owned().into_bytes();
        let put = self.runtime.block_on(self.store.runs.put(key, wish.into()));
        put.map(drop)
            .map_err(|error| Error::server("the wish", error))
    }
}

async fn ask(store: &Store, address: &str) -> Result<Status> {
    let asked = |error: &dyn std::fmt::Display| Error::server("status", error);
    let queue = store.tasks.get_info().await;
    let queue = queue.map_err(|error| asked(&error))?.state.messages;
    let results = store.results.get_info().await;
    let results = results.map_err(|error| asked(&error))?.state.messages;
    let keys = store.leases.keys().await;
    let keys = keys.map_err(|error| asked(&error))?;
    let mut keys: Vec<String> = keys.try_collect().await.map_err(|error| asked(&error))?;
    keys.sort_unstable();
    let entries = stream::iter(keys).map(|key| store.leases.entry(key));
    let entries: Vec<_> = entries.buffered(AT_ONCE).collect().await;
    let (mut workers, mut runs) = (Vec::new(), Vec::new());
    for entry in entries {
        // It may have ended since.
        let Some(entry) = entry.map_err(|error| asked(&error))? else {
            continue;
        };
        if entry.key.starts_with("lead.") {
            runs.extend(decoded(&entry.value));
        } else if let Ok(Message {
            payload: Payload::Heartbeat(heartbeat),
            ..
        }) = Message::decode(&entry.value)
        {
            let silence = SystemTime::now().duration_since(entry.created.into());
            workers.push(WorkerState {
                heartbeat,
                silence: silence.unwrap_or_default().as_secs_f64(),
            });
        }
    }
    Ok(Status {
        server: address.to_owned(),
        version: store.client.server_info().version,
        queue,
        results,
        workers,
        runs,
    })
}
