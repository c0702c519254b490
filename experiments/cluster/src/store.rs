//! What is kept on the server: streams, buckets, and content by its name.
//!
//! | name, after the namespace | what it is | what the server guarantees |
//! |---|---|---|
//! | `_tasks` | a work queue: `<ns>.task.<worker>.<run>.<unit>` | a task is there until it is acknowledged |
//! | `_results` | one message a subject: `<ns>.result.<run>.<unit>` | the first writer wins, so a result counts once |
//! | `_leases` | a bucket whose keys end by themselves: leads and members | compare and set |
//! | `_runs` | a bucket: wishes for a run | the same |
//! | `_small` | a bucket: content of at most 512 KiB, such as policies, by SHA-256 | none needed: readers check the name |
//! | `_content` | an object store: larger content, such as tables, by SHA-256 | the same |
//!
//! On a cluster of servers each has three replicas, kept equal by Raft.

use crate::message::MOST_INLINE;
use crate::name::{Hash, Name};
use crate::retry::retry;
use crate::{Error, Result};
use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::context::{Context, CreateStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::object_store::ObjectStore;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{self, ErrorCode, kv};
use async_nats::{Client, ServerInfo};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// What nobody needed for this long is dropped by the server.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The largest content that is fetched, 4 GiB.
const LARGEST: u64 = 4 << 30;

/// "maximum messages per subject exceeded": a result is there already.
const ALREADY_THERE: ErrorCode = ErrorCode(10077);

/// Streams and buckets of one namespace.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) client: Client,
    pub(crate) context: Context,
    namespace: String,
    pub(crate) tasks: Stream,
    pub(crate) results: Stream,
    pub(crate) leases: kv::Store,
    pub(crate) runs: kv::Store,
    small: kv::Store,
    content: ObjectStore,
    /// How long a key of `leases` lasts: as whoever made the bucket wished, for all.
    pub(crate) lease: Duration,
}

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    First,
    AlreadyThere,
}

impl Store {
    /// Opens the streams, and makes those that are missing.
    pub(crate) async fn open(client: Client, namespace: &str, lease: Duration) -> Result<Self> {
        if Name::of(namespace).as_str() != namespace {
            let allowed = "lower-case letters, digits and `-`";
            return Err(Error::option("namespace", namespace, allowed));
        }
        let info: ServerInfo = client.server_info();
        if !info.jetstream {
            return Err(Error::server(
                "JetStream",
                "the server has it switched off; start it with `nats-server -js -sd FOLDER`",
            ));
        }
        let replicas = if info.cluster.is_some() { 3 } else { 1 };
        let context = jetstream::new(client.clone());
        let stream = |name: &str, retention: RetentionPolicy| Config {
            name: format!("{namespace}_{name}s"),
            subjects: vec![format!("{namespace}.{name}.>")],
            retention,
            discard: DiscardPolicy::New,
            max_age: KEPT,
            storage: StorageType::File,
            num_replicas: replicas,
            allow_direct: true,
            ..Config::default()
        };
        let tasks = stream("task", RetentionPolicy::WorkQueue);
        let results = Config {
            max_messages_per_subject: 1,
            discard_new_per_subject: true,
            ..stream("result", RetentionPolicy::Limits)
        };
        let bucket = |name: &str, max_age: Duration| kv::Config {
            bucket: format!("{namespace}_{name}"),
            history: 1,
            max_age,
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        // Read before made: on most days they are there, and whoever may not make streams can work.
        let open = |config: Config| {
            let context = &context;
            async move {
                if let Ok(stream) = context.get_stream(&config.name).await {
                    return Ok(stream);
                }
                let made = context.get_or_create_stream(config.clone()).await;
                made.map_err(|error| {
                    let hint = match error.kind() {
                        CreateStreamErrorKind::JetStream(inner)
                            if inner.error_code() == ErrorCode::CLUSTER_NO_PEERS =>
                        {
                            "; three servers are needed for three replicas"
                        }
                        _ => "",
                    };
                    Error::server(format!("stream {}", config.name), format!("{error}{hint}"))
                })
            }
        };
        let open_bucket = |config: kv::Config| {
            let context = &context;
            async move {
                if let Ok(store) = context.get_key_value(&config.bucket).await {
                    return Ok(store);
                }
                let name = config.bucket.clone();
                let made = context.create_key_value(config).await;
                made.map_err(|error| Error::server(format!("bucket {name}"), error))
            }
        };
        let content = || async {
            let bucket = format!("{namespace}_content");
            if let Ok(store) = context.get_object_store(&bucket).await {
                return Ok(store);
            }
            let made = context.create_object_store(jetstream::object_store::Config {
                bucket: bucket.clone(),
                max_age: KEPT,
                num_replicas: replicas,
                ..Default::default()
            });
            made.await
                .map_err(|error| Error::server(format!("bucket {bucket}"), error))
        };
        let leases = retry(|| open_bucket(bucket("leases", lease))).await?;
        let kept = retry(|| async {
            let status = leases.status().await;
            status.map_err(|error| Error::server("bucket of leases", error))
        });
        let lease = kept.await?.max_age();
        Ok(Self {
            lease,
            leases,
            tasks: retry(|| open(tasks.clone())).await?,
            results: retry(|| open(results.clone())).await?,
            runs: retry(|| open_bucket(bucket("runs", KEPT))).await?,
            small: retry(|| open_bucket(bucket("small", KEPT))).await?,
            content: retry(content).await?,
            namespace: namespace.to_owned(),
            client,
            context: context.clone(),
        })
    }

    pub(crate) fn task_subject(&self, worker: &str, run: &str, key: &str) -> String {
        format!("{}.task.{worker}.{run}.{key}", self.namespace)
    }

    pub(crate) fn result_subject(&self, run: &str, key: &str) -> String {
        format!("{}.result.{run}.{key}", self.namespace)
    }

    /// Where a worker listens, outside the streams.
    pub(crate) fn control_subject(&self, worker: &str) -> String {
        format!("{}.control.{worker}", self.namespace)
    }

    /// Where the coordinator of a run listens, outside the streams.
    pub(crate) fn event_subject(&self, run: &str) -> String {
        format!("{}.event.{run}", self.namespace)
    }

    /// Stores a task until it is acknowledged, however long the servers are away; once, although it may be sent twice.
    pub(crate) async fn hand_out(&self, subject: String, id: String, message: Vec<u8>) {
        loop {
            let publish = PublishMessage::build()
                .payload(message.clone().into())
                .message_id(&id);
            let sent = self.context.send_publish(subject.clone(), publish).await;
            if let Ok(acknowledgement) = sent
                && acknowledgement.await.is_ok()
            {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Stores a result, if none is there.
    pub(crate) async fn deliver(&self, subject: &str, message: &[u8]) -> Result<Stored> {
        let publish = PublishMessage::build().payload(message.to_vec().into());
        let sent = self.context.send_publish(subject.to_owned(), publish).await;
        let sent = sent.map_err(|error| Error::server("the result", error))?;
        match sent.await {
            Ok(_) => Ok(Stored::First),
            Err(error)
                if error.kind() == PublishErrorKind::Other && said(&error, ALREADY_THERE) =>
            {
                Ok(Stored::AlreadyThere)
            }
            Err(error) => Err(Error::server("the result", error)),
        }
    }

    /// Deletes every task whose subject fits.
    pub(crate) async fn withdraw(&self, worker: &str, run: &str, key: &str) -> Result<()> {
        let filter = self.task_subject(worker, run, key);
        let purged = self.tasks.purge().filter(filter).await;
        purged
            .map(drop)
            .map_err(|error| Error::server("deleting tasks", error))
    }

    /// Deletes the results of a run, or one of them.
    pub(crate) async fn forget(&self, run: &str, key: &str) -> Result<()> {
        let filter = self.result_subject(run, key);
        let purged = self.results.purge().filter(filter).await;
        purged
            .map(drop)
            .map_err(|error| Error::server("deleting results", error))
    }

    /// Whether a task is still in the queue.
    pub(crate) async fn is_queued(&self, worker: &str, run: &str, key: &str) -> Result<bool> {
        let subject = self.task_subject(worker, run, key);
        match self.tasks.get_last_raw_message_by_subject(&subject).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(Error::server("looking for a task", error)),
        }
    }

    /// The result of a unit, if it is there.
    pub(crate) async fn result(&self, run: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let subject = self.result_subject(run, key);
        match self.results.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => Ok(Some(message.payload.to_vec())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::server("looking for a result", error)),
        }
    }

    /// Reads the results of a run in the order in which they came, from this number of the stream on.
    pub(crate) async fn read_results(
        &self,
        run: &str,
        from: u64,
    ) -> Result<consumer::Consumer<consumer::pull::OrderedConfig>> {
        let config = consumer::pull::OrderedConfig {
            filter_subject: self.result_subject(run, "*"),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: from,
            },
            ..Default::default()
        };
        let made = self.results.create_consumer(config).await;
        made.map_err(|error| Error::server("reading results", error))
    }

    /// The queue of one worker.
    pub(crate) async fn lane(&self, worker: &Name, ack_wait: Duration) -> Result<PullConsumer> {
        let config = consumer::pull::Config {
            durable_name: Some(worker.as_str().to_owned()),
            filter_subject: self.task_subject(worker.as_str(), "*", "*"),
            ack_policy: AckPolicy::Explicit,
            ack_wait,
            max_deliver: -1,
            inactive_threshold: Duration::from_secs(600),
            ..Default::default()
        };
        let made = self.tasks.create_consumer(config).await;
        made.map_err(|error| Error::server("a queue for the worker", error))
    }

    /// Stores content under its name, from now on for as long as anything is kept.
    pub(crate) async fn put(&self, content: &[u8]) -> Result<Hash> {
        let name = Hash::of(content);
        let problem = |error: &dyn std::fmt::Display| Error::server("storing content", error);
        retry(|| async {
            if content.len() <= MOST_INLINE {
                // One message, where an object takes a dozen: a new policy comes with every update of an agent.
                let put = self.small.put(name.as_str(), content.to_vec().into()).await;
                return put.map(drop).map_err(|error| problem(&error));
            }
            // Under one name there is one content, so what is there is right, if it stays.
            if let Ok(info) = self.content.info(name.as_str()).await
                && info.modified.is_some_and(|time| is_fresh(time.into()))
            {
                return Ok(());
            }
            let mut reader = content;
            let put = self.content.put(name.as_str(), &mut reader).await;
            put.map(drop).map_err(|error| problem(&error))
        })
        .await?;
        Ok(name)
    }

    /// The content of this name.
    pub(crate) async fn get(&self, name: &Hash) -> Result<Vec<u8>> {
        let wrong = |problem: String| Error::Content {
            hash: name.to_string(),
            problem,
        };
        let content = retry(|| async {
            match self.small.get(name.as_str()).await {
                Ok(Some(content)) => return Ok(content.to_vec()),
                Ok(None) => {}
                Err(error) => return Err(wrong(error.to_string())),
            }
            let got = self.content.get(name.as_str()).await;
            let mut object = got.map_err(|error| wrong(format!("it is not there: {error}")))?;
            let size = object.info().size as u64;
            if size > LARGEST {
                return Err(wrong(format!("it has {size} bytes, more than 4 GiB")));
            }
            // The size is what someone says: memory follows what is read.
            let mut content = Vec::with_capacity((size as usize).min(1 << 20));
            let read = (&mut object).take(size + 1).read_to_end(&mut content).await;
            read.map_err(|error| wrong(error.to_string()))?;
            Ok(content)
        })
        .await?;
        if Hash::of(&content) != *name {
            return Err(wrong("what is stored there is something else".to_owned()));
        }
        Ok(content)
    }
}

/// Whether what was stored then stays for another half of the time that anything is kept.
fn is_fresh(stored: std::time::SystemTime) -> bool {
    stored.elapsed().is_ok_and(|age| age < KEPT / 2)
}

/// Between two tries of what has to succeed some day.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether this is what the server said.
fn said(error: &(dyn std::error::Error + 'static), code: ErrorCode) -> bool {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(inner) = error.downcast_ref::<jetstream::Error>() {
            return inner.error_code() == code;
        }
        source = error.source();
    }
    false
}

fn is_missing(error: &async_nats::jetstream::stream::RawMessageError) -> bool {
    use async_nats::jetstream::stream::RawMessageErrorKind;
    matches!(error.kind(), RawMessageErrorKind::NoMessageFound)
}
