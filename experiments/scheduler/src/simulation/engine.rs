//! The loop over events: schedulers, messages and workers in virtual time.

use super::calendar::Calendar;
use super::coordinator::Running;
use super::machine::{Machine, Run, Taken};
use super::{Failures, Simulation};
use crate::command::Command;
use crate::error::Result;
use crate::shares::shares;
use crate::unit::{UnitId, WorkerId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

/// What happens.
enum Event {
    /// A unit of a stream of a coordinator arrives.
    Arrival { coordinator: usize, stream: usize },
    /// A command reaches a worker.
    Command {
        coordinator: usize,
        command: Command,
    },
    /// A run comes to its end.
    End { worker: usize, run: u64 },
    /// A message of a worker reaches a coordinator.
    Message {
        coordinator: usize,
        worker: usize,
        message: Message,
    },
    /// A worker goes down.
    Down(usize),
    /// It comes back.
    Up(usize),
}

/// What workers say.
#[derive(Clone, Copy)]
enum Message {
    Started(UnitId),
    Preempted(UnitId),
    Done(UnitId),
    Down,
    Up,
}

/// A simulation while it runs.
pub(super) struct Engine<'a> {
    simulation: &'a Simulation,
    coordinators: Vec<Running>,
    machines: Vec<Machine>,
    calendar: Calendar<Event>,
    failures: ChaCha8Rng,
    /// Planned events other than failures and repairs.
    pending: usize,
    down: usize,
}

impl<'a> Engine<'a> {
    pub fn new(simulation: &'a Simulation, coordinators: Vec<Running>) -> Self {
        let machine = |_| Machine::new(simulation.slots);
        Self {
            simulation,
            coordinators,
            machines: (0..simulation.workers).map(machine).collect(),
            calendar: Calendar::new(),
            failures: ChaCha8Rng::seed_from_u64(simulation.seed),
            pending: 0,
            down: 0,
        }
    }

    /// Runs until every unit has ended, or nothing can happen any more. The coordinators, and the second of the end.
    pub fn run(mut self) -> Result<(Vec<Running>, f64)> {
        for worker in 0..self.machines.len() {
            for coordinator in &mut self.coordinators {
                let id = WorkerId(worker as u64);
                (coordinator.scheduler).worker_up(id, self.simulation.slots, 0.0)?;
            }
            self.plan_failure(worker);
        }
        for coordinator in 0..self.coordinators.len() {
            for stream in 0..self.coordinators[coordinator].streams() {
                self.plan_arrival(coordinator, stream);
            }
        }
        while !self.coordinators.iter().all(Running::finished)
            // A strategy that leaves units where they are while every worker is up does so for ever.
            && (self.pending > 0 || self.down > 0)
            && let Some(event) = self.calendar.next(self.simulation.until)
        {
            self.happen(event)?;
        }
        let now = self.calendar.now();
        for machine in &mut self.machines {
            for run in machine.clear() {
                self.coordinators[run.job.0].busy += now - run.since;
            }
        }
        Ok((self.coordinators, now))
    }

    fn happen(&mut self, event: Event) -> Result<()> {
        let now = self.calendar.now();
        if !matches!(event, Event::Down(_) | Event::Up(_)) {
            self.pending -= 1;
        }
        match event {
            Event::Arrival {
                coordinator,
                stream,
            } => {
                self.coordinators[coordinator].pass(now);
                self.coordinators[coordinator].arrive(stream, now)?;
                self.plan_arrival(coordinator, stream);
                self.decide(coordinator, None)?;
            }
            Event::Message {
                coordinator,
                worker,
                message,
            } => {
                self.coordinators[coordinator].pass(now);
                self.hear(coordinator, worker, message)?;
                self.decide(coordinator, Some(worker))?;
            }
            Event::Command {
                coordinator,
                command,
            } => self.obey(coordinator, command),
            Event::End { worker, run } => {
                if let Some(run) = self.machines[worker].end(run) {
                    let (coordinator, unit) = run.job;
                    self.stop(run, false);
                    self.say(coordinator, worker, Message::Done(unit));
                    self.fill(worker);
                }
            }
            Event::Down(worker) => {
                self.down += 1;
                self.machines[worker].up = false;
                for run in self.machines[worker].clear() {
                    self.stop(run, true);
                }
                self.say_to_all(worker, Message::Down);
                self.plan_repair(worker);
            }
            Event::Up(worker) => {
                self.down -= 1;
                self.machines[worker].up = true;
                self.say_to_all(worker, Message::Up);
                self.plan_failure(worker);
            }
        }
        Ok(())
    }

    /// A message reaches a scheduler.
    fn hear(&mut self, coordinator: usize, worker: usize, message: Message) -> Result<()> {
        let (now, slots) = (self.calendar.now(), self.simulation.slots);
        let (coordinator, id) = (&mut self.coordinators[coordinator], WorkerId(worker as u64));
        let scheduler = &mut coordinator.scheduler;
        match message {
            Message::Started(unit) => scheduler.started(unit, id, now)?,
            Message::Preempted(unit) => scheduler.preempted(unit, id, now)?,
            Message::Down => scheduler.worker_down(id, now)?,
            Message::Up => scheduler.worker_up(id, slots, now)?,
            Message::Done(unit) => {
                let first = scheduler.done(unit, id, now)?;
                if first {
                    coordinator.record(unit).answer(now);
                }
                first
            }
        };
        Ok(())
    }

    /// Asks for commands after an event of a coordinator. With several, the event may have changed all shares.
    fn decide(&mut self, coordinator: usize, worker: Option<usize>) -> Result<()> {
        if self.coordinators.len() == 1 {
            return self.command(coordinator);
        }
        if let Some(worker) = worker {
            self.tell_load(WorkerId(worker as u64))?;
        }
        let up = (self.machines.len() - self.down).saturating_mul(self.simulation.slots);
        let claim = |it: &Running| (it.weight, it.demand());
        let claims: Vec<_> = self.coordinators.iter().map(claim).collect();
        for (index, share) in shares(up, &claims)?.into_iter().enumerate() {
            self.coordinators[index].scheduler.set_quota(share);
        }
        (0..self.coordinators.len()).try_for_each(|index| self.command(index))
    }

    fn command(&mut self, coordinator: usize) -> Result<()> {
        let now = self.calendar.now();
        self.coordinators[coordinator].pass(now);
        for command in self.coordinators[coordinator].scheduler.commands(now)? {
            let (Command::Assign { worker, .. }
            | Command::Preempt { worker, .. }
            | Command::Withdraw { worker, .. }) = command;
            if self.coordinators.len() > 1 {
                self.tell_load(worker)?;
            }
            let event = Event::Command {
                coordinator,
                command,
            };
            self.plan(self.simulation.delay, event);
        }
        Ok(())
    }

    /// Every scheduler knows how many units of the others a worker has.
    fn tell_load(&mut self, worker: WorkerId) -> Result<()> {
        let own = |it: &Running| {
            it.scheduler
                .state()
                .worker(worker)
                .map_or(0, |it| it.units().len())
        };
        let loads: Vec<usize> = self.coordinators.iter().map(own).collect();
        let all: usize = loads.iter().sum();
        let now = self.calendar.now();
        for (coordinator, own) in self.coordinators.iter_mut().zip(loads) {
            coordinator.scheduler.elsewhere(worker, all - own, now)?;
        }
        Ok(())
    }

    /// A command reaches a worker.
    fn obey(&mut self, coordinator: usize, command: Command) {
        let (Command::Assign { unit, worker }
        | Command::Preempt { unit, worker }
        | Command::Withdraw { unit, worker }) = command;
        let worker = worker.0 as usize;
        let machine = &mut self.machines[worker];
        if !machine.up {
            return;
        }
        if let Command::Assign { .. } = command {
            machine.push((coordinator, unit));
            return self.fill(worker);
        }
        let Some(taken) = machine.take((coordinator, unit)) else {
            return;
        };
        if let Taken::Running(run) = taken {
            self.stop(run, false);
        }
        if let Command::Preempt { .. } = command {
            self.say(coordinator, worker, Message::Preempted(unit));
        }
        self.fill(worker);
    }

    /// Begins what waits at a worker while it has free slots.
    fn fill(&mut self, worker: usize) {
        let now = self.calendar.now();
        while let Some(job @ (coordinator, unit)) = self.machines[worker].next() {
            let record = self.coordinators[coordinator].record(unit);
            record.begin(now);
            let remaining = record.remaining;
            let run = self.machines[worker].begin(job, now, remaining);
            self.plan(remaining, Event::End { worker, run });
            self.say(coordinator, worker, Message::Started(unit));
        }
    }

    /// A run is over. Its work is kept, or lost.
    fn stop(&mut self, run: Run, lost: bool) {
        let spent = self.calendar.now() - run.since;
        let coordinator = &mut self.coordinators[run.job.0];
        coordinator.busy += spent;
        let record = coordinator.record(run.job.1);
        record.remaining = if lost {
            record.service
        } else {
            (run.remaining - spent).max(0.0)
        };
    }

    fn say(&mut self, coordinator: usize, worker: usize, message: Message) {
        let event = Event::Message {
            coordinator,
            worker,
            message,
        };
        self.plan(self.simulation.delay, event);
    }

    fn say_to_all(&mut self, worker: usize, message: Message) {
        for coordinator in 0..self.coordinators.len() {
            self.say(coordinator, worker, message);
        }
    }

    fn plan(&mut self, seconds: f64, event: Event) {
        self.pending += 1;
        self.calendar.plan(seconds, event);
    }

    fn plan_arrival(&mut self, coordinator: usize, stream: usize) {
        if let Some(gap) = self.coordinators[coordinator].gap(stream) {
            let event = Event::Arrival {
                coordinator,
                stream,
            };
            self.plan(gap, event);
        }
    }

    fn plan_failure(&mut self, worker: usize) {
        self.plan_outage(Event::Down(worker), |failures| failures.mean_up);
    }

    fn plan_repair(&mut self, worker: usize) {
        self.plan_outage(Event::Up(worker), |failures| failures.mean_down);
    }

    fn plan_outage(&mut self, event: Event, mean: impl Fn(&Failures) -> f64) {
        if let Some(failures) = &self.simulation.failures {
            let gap: f64 = Exp1.sample(&mut self.failures);
            self.calendar.plan(gap * mean(failures), event);
        }
    }
}
