//! A scheduler with its units, as the simulation sees it.

use super::figures::{Estimate, Figures, StreamFigures};
use super::stream::Stream;
use crate::change::Observer;
use crate::error::Result;
use crate::scheduler::{Limits, Scheduler};
use crate::strategy::Strategy;
use crate::unit::{Unit, UnitId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// One of the schedulers that use the same workers.
pub struct Coordinator {
    /// Its weight in the division of the slots.
    pub weight: f64,
    /// Its units.
    pub streams: Vec<Stream>,
    /// Who decides for it.
    pub strategy: Box<dyn Strategy>,
    /// Its limits. With several coordinators, the quota is its [share](crate::shares::shares) at any time.
    pub limits: Limits,
    /// Who wants to know of its changes.
    pub observer: Option<Box<dyn Observer>>,
}

impl Coordinator {
    /// One with weight 1 and the default limits.
    pub fn new(streams: Vec<Stream>, strategy: Box<dyn Strategy>) -> Self {
        Self {
            weight: 1.0,
            streams,
            strategy,
            limits: Limits::default(),
            observer: None,
        }
    }
}

/// A unit as it is.
pub(super) struct Record {
    stream: usize,
    arrived: f64,
    pub service: f64,
    /// Seconds of work that are left.
    pub remaining: f64,
    begun: Option<f64>,
    answered: Option<f64>,
}

/// A coordinator while it runs.
pub(super) struct Running {
    pub scheduler: Scheduler,
    pub weight: f64,
    pub records: Vec<Record>,
    /// Seconds that slots were busy with its units.
    pub busy: f64,
    sources: Vec<Source>,
    total: usize,
    in_hand_seconds: f64,
    most_in_hand: usize,
    since: f64,
}

/// A stream with what is random in it. Arrivals and service times do not disturb each other, so that strategies are compared on the
/// same units.
struct Source {
    stream: Stream,
    left: usize,
    arrivals: ChaCha8Rng,
    services: ChaCha8Rng,
}

impl Running {
    /// `first` is the number of its first stream among all of the simulation.
    pub fn new(coordinator: Coordinator, seed: u64, first: usize) -> Self {
        let mut scheduler = Scheduler::new(coordinator.strategy, coordinator.limits);
        if let Some(observer) = coordinator.observer {
            scheduler.observe(observer);
        }
        let random = |number: usize| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(number as u64);
            random
        };
        let source = |(index, stream): (usize, Stream)| Source {
            left: stream.units,
            stream,
            arrivals: random(2 * (first + index) + 1),
            services: random(2 * (first + index) + 2),
        };
        let sources: Vec<_> = (coordinator.streams.into_iter().enumerate())
            .map(source)
            .collect();
        let total = sources.iter().map(|source| source.left).sum();
        Self {
            scheduler,
            weight: coordinator.weight,
            records: Vec::with_capacity(total),
            busy: 0.0,
            sources,
            total,
            in_hand_seconds: 0.0,
            most_in_hand: 0,
            since: 0.0,
        }
    }

    pub fn streams(&self) -> usize {
        self.sources.len()
    }

    /// Seconds until the next unit of a stream, if there is another one.
    pub fn gap(&mut self, stream: usize) -> Option<f64> {
        let source = &mut self.sources[stream];
        source.left = source.left.checked_sub(1)?;
        Some(source.stream.arrivals.gap(&mut source.arrivals))
    }

    /// The next unit of a stream arrives.
    pub fn arrive(&mut self, stream: usize, now: f64) -> Result<()> {
        let source = &mut self.sources[stream];
        let service = source.stream.service.draw(&mut source.services);
        let unit = Unit {
            id: UnitId(self.records.len() as u64),
            priority: source.stream.priority,
        };
        self.records.push(Record {
            stream,
            arrived: now,
            service,
            remaining: service,
            begun: None,
            answered: None,
        });
        self.scheduler.submit(unit, now)?;
        Ok(())
    }

    pub fn record(&mut self, unit: UnitId) -> &mut Record {
        &mut self.records[unit.0 as usize]
    }

    /// Units that are not ended, as far as they have arrived.
    pub fn demand(&self) -> usize {
        let counts = self.scheduler.state().counts();
        counts.waiting + counts.in_hand
    }

    /// Whether every unit has ended.
    pub fn finished(&self) -> bool {
        let counts = self.scheduler.state().counts();
        counts.done + counts.failed == self.total
    }

    /// Counts the time that went by with as many units in hand as there are now.
    pub fn pass(&mut self, now: f64) {
        let in_hand = self.scheduler.state().in_hand();
        self.in_hand_seconds += in_hand as f64 * (now - self.since);
        self.most_in_hand = self.most_in_hand.max(in_hand);
        self.since = now;
    }

    /// The figures, without the first units of each stream, a fraction of `warm_up`.
    pub fn figures(&mut self, seconds: f64, slots: usize, warm_up: f64) -> Figures {
        self.pass(seconds);
        let counts = self.scheduler.state().counts();
        let streams = (0..self.sources.len()).map(|stream| self.stream_figures(stream, warm_up));
        Figures {
            streams: streams.collect(),
            seconds,
            throughput: counts.done as f64 / seconds,
            utilisation: self.busy / (slots as f64 * seconds),
            mean_in_hand: self.in_hand_seconds / seconds,
            most_in_hand: self.most_in_hand,
            lost: counts.lost,
        }
    }

    fn stream_figures(&self, stream: usize, warm_up: f64) -> StreamFigures {
        let (mut response, mut waiting, mut waited) = (Vec::new(), Vec::new(), Vec::new());
        let first = (self.sources[stream].stream.units as f64 * warm_up) as usize;
        let records = self.records.iter().filter(|record| record.stream == stream);
        let mut done = 0;
        for (index, record) in records.clone().enumerate() {
            let (Some(answered), Some(begun)) = (record.answered, record.begun) else {
                continue;
            };
            done += 1;
            if index >= first {
                response.push(answered - record.arrived);
                waiting.push(begun - record.arrived);
                waited.push(f64::from(begun > record.arrived));
            }
        }
        let open = |unit: usize| self.scheduler.state().has(UnitId(unit as u64));
        let ended = (self.records.iter().enumerate())
            .filter(|(unit, record)| record.stream == stream && !open(*unit))
            .count();
        StreamFigures {
            done,
            failed: ended - done,
            response: Estimate::of(&response),
            waiting: Estimate::of(&waiting),
            waited: Estimate::of(&waited),
        }
    }
}

impl Record {
    pub fn begin(&mut self, now: f64) {
        self.begun.get_or_insert(now);
    }

    pub fn answer(&mut self, now: f64) {
        self.answered = Some(now);
    }
}
