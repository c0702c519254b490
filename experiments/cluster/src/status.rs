//! How a cluster stands: its workers, its runs, its queue.

use crate::lead::{RunState, decoded};
use crate::message::{Heartbeat, Message, Payload};
use crate::name::Name;
use crate::server::{Notice, Server};
use crate::store::Store;
use crate::{Error, Result};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
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
    pub workers: Vec<Heartbeat>,
    /// The runs that are led, by name.
    pub runs: Vec<RunState>,
}

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
        self.runtime.block_on(async {
            let asked = |error: &dyn std::fmt::Display| Error::server("status", error);
            let queue = self.store.tasks.get_info().await;
            let queue = queue.map_err(|error| asked(&error))?.state.messages;
            let results = self.store.results.get_info().await;
            let results = results.map_err(|error| asked(&error))?.state.messages;
            let keys = self.store.leases.keys().await;
            let keys = keys.map_err(|error| asked(&error))?;
            let mut keys: Vec<String> = keys.try_collect().await.map_err(|error| asked(&error))?;
            keys.sort_unstable();
            let (mut workers, mut runs) = (Vec::new(), Vec::new());
            for key in keys {
                let value = self.store.leases.get(&key).await;
                // It may have ended since.
                let Some(value) = value.map_err(|error| asked(&error))? else {
                    continue;
                };
                if key.starts_with("lead.") {
                    runs.extend(decoded(&value));
                } else if let Ok(Message {
                    payload: Payload::Heartbeat(beat),
                    ..
                }) = Message::decode(&value)
                {
                    workers.push(beat);
                }
            }
            Ok(Status {
                server: self.address.clone(),
                version: self.store.client.server_info().version,
                queue,
                results,
                workers,
                runs,
            })
        })
    }

    /// Wishes another strategy for a run; its coordinator hears of it at once.
    ///
    /// # Errors
    /// A name that is no strategy, and [`Error::Server`].
    pub fn wish_strategy(&self, run: &Name, strategy: &str) -> Result<()> {
        StrategyConfig::from_str(strategy)
            .map_err(|error| Error::option("--strategy", strategy, error.to_string()))?;
        let key = format!("strategy.{run}");
        let wish = strategy.to_owned().into_bytes();
        let put = self.runtime.block_on(self.store.runs.put(key, wish.into()));
        put.map(drop)
            .map_err(|error| Error::server("the wish", error))
    }
}
