//! Reporting what was done: once a result is stored it counts, and until then it is kept.

use super::Worker;
use super::halt::{Finished, Outcome};
use super::slots::Done;
use crate::message::{Answer, Content, MOST_INLINE, Payload, Reason, Task};
use crate::store::Stored;
use crate::{Error, Result};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

impl Worker {
    /// Reports what a slot has finished.
    pub(super) async fn finish(&self, task: Task, finished: Option<Finished>) {
        let Some(finished) = finished else {
            let reason = Reason::Broken("its thread ended".to_owned());
            return self.give_back(&task, reason).await;
        };
        let micros = finished.time.as_micros() as u64;
        self.busy_micros.fetch_add(micros, Ordering::Relaxed);
        self.hanging().remove(&task.key);
        let done = match finished.outcome {
            Outcome::Done(done) => done,
            Outcome::Parked(go_on) => {
                let dropped = self.parked.keep(&task, go_on);
                let (own, other) = match dropped {
                    Some(dropped) if dropped.key == task.key => (Reason::Leaving, None),
                    other => (Reason::Parked(finished.spent.as_secs_f64()), other),
                };
                self.give_back(&task, own).await;
                if let Some(other) = other {
                    self.tell_let_go(&other).await;
                }
                // Whoever it made room for need not wait for the next sign of life.
                self.beat_once().await;
                return;
            }
        };
        let outcome = match done {
            Done::Answer(answer) => Ok(Content::Inline(answer)),
            Done::Failed(reason) => Err(reason),
            Done::Paused(state) => {
                let content = self.stored(Content::Inline(state)).await;
                let reason = content
                    .map_or_else(|error| Reason::Broken(error.to_string()), Reason::Preempted);
                return self.give_back(&task, reason).await;
            }
            Done::Broken(reason) => return self.give_back(&task, Reason::Broken(reason)).await,
            Done::Abandoned => return self.give_back(&task, Reason::Leaving).await,
        };
        {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(_) => counts.done += 1,
                Err(_) => counts.failed += 1,
            }
        }
        let answer = Answer {
            run: task.run.clone(),
            key: task.key.clone(),
            worker: self.options.name.clone(),
            steps: finished.steps,
            seconds: finished.spent.as_secs_f64(),
            outcome,
        };
        self.deliver(answer).await;
        self.in_hand.acknowledge(&task.key).await;
    }

    /// Delivers an answer, however long that takes. Once it takes long, the answer is on disk until it is delivered.
    async fn deliver(&self, answer: Answer) {
        let mut kept = None;
        loop {
            let attempt = async {
                let mut sent = answer.clone();
                if let Ok(content) = sent.outcome {
                    sent.outcome = Ok(self.stored(content).await?);
                }
                let subject = self
                    .store
                    .result_subject(answer.run.as_str(), answer.key.as_str());
                let message = self.message(Payload::Answer(sent)).encode()?;
                self.store.deliver(&subject, &message).await
            };
            let outcome = tokio::time::timeout(Duration::from_secs(2), attempt).await;
            match outcome {
                Ok(Ok(Stored::First)) => break,
                Ok(Ok(Stored::AlreadyThere)) => {
                    let answered = Payload::Answered(answer.key.clone());
                    self.tell(&answer.run, answered).await;
                    break;
                }
                Ok(Err(Error::Message(problem))) => {
                    (self.options.notice)(&format!("an answer cannot be sent: {problem}"));
                    break;
                }
                Ok(Err(_)) | Err(_) => {}
            }
            if kept.is_none() {
                let written = self
                    .outbox
                    .keep(&answer, &self.message(Payload::Answer(answer.clone())));
                match written {
                    Ok(path) => kept = Some(path),
                    Err(error) => (self.options.notice)(&format!(
                        "{error}; the result is kept in memory alone"
                    )),
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if let Some(path) = kept {
            self.outbox.drop(&path);
        }
    }

    /// Content as it goes into a message.
    pub(super) async fn stored(&self, content: Content) -> Result<Content> {
        match content {
            Content::Inline(bytes) if bytes.len() > MOST_INLINE => {
                Ok(Content::Stored(self.store.put(&bytes).await?))
            }
            other => Ok(other),
        }
    }

    /// Delivers what an earlier process of this folder could not.
    pub(super) async fn deliver_earlier(self: Arc<Self>) {
        for (path, answer) in self.outbox.earlier() {
            self.deliver(answer).await;
            self.outbox.drop(&path);
            (self.options.notice)("a result of an earlier process is delivered");
        }
    }
}
