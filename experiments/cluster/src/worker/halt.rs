//! A unit's hold on its slot, and standing still without one.
//!
//! A unit that can say what is done of it ends with that ([`Done::Paused`]), and goes on anywhere. Another keeps its thread, with all that it has in
//! memory: models, optimisers, environments and whoever decides, those of a program's own too. It goes on where it stands, or begins anew
//! elsewhere, to the same bits.

use super::in_hand::Reins;
use super::slots::Done;
use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Told of steps.
pub(super) type Progress = mpsc::UnboundedSender<u64>;

/// What a unit has while it is in a slot.
pub(super) struct Turn {
    pub(super) slot: usize,
    pub(super) reins: Arc<Reins>,
    pub(super) progress: Progress,
    pub(super) reply: oneshot::Sender<Finished>,
}

/// A turn has ended.
pub(super) struct Finished {
    pub(super) outcome: Outcome,
    /// Steps of all its turns.
    pub(super) steps: u64,
    /// How long this turn took.
    pub(super) time: Duration,
    /// How long all of them took.
    pub(super) spent: Duration,
}

/// How a turn has ended.
pub(super) enum Outcome {
    /// With the unit.
    Done(Done),
    /// The unit stands still until it is given another turn. If this is dropped it ends.
    Parked(Sender<Turn>),
}

/// Where a unit is asked whether it stands still.
#[derive(Clone)]
pub struct Halt(Rc<Hold>);

struct Hold {
    turn: RefCell<Option<Turn>>,
    free: mpsc::UnboundedSender<usize>,
    steps: Cell<u64>,
    since: Cell<Instant>,
    spent: Cell<Duration>,
}

/// What a unit unwinds with that is not to go on.
struct LetGo;

impl Halt {
    pub(super) fn new(turn: Turn, free: mpsc::UnboundedSender<usize>) -> Self {
        Self(Rc::new(Hold {
            turn: RefCell::new(Some(turn)),
            free,
            steps: Cell::new(0),
            since: Cell::new(Instant::now()),
            spent: Cell::default(),
        }))
    }

    /// Whether a unit that can say what is done of it is to end with that ([`Done::Paused`]): because another needs its slot, or its worker
    /// leaves.
    pub fn is_wished(&self) -> bool {
        self.is(|reins| reins.is_halted() || reins.is_leaving())
    }

    fn is(&self, wished: impl Fn(&Reins) -> bool) -> bool {
        let turn = self.0.turn.borrow();
        turn.as_ref().is_some_and(|turn| wished(&turn.reins))
    }

    /// Here the unit can stand still, and does if another needs its slot: then this returns once it has one again. A unit that is not to go on
    /// unwinds ([`std::panic::resume_unwind`]). It is a sign of life too.
    pub fn here(&self) {
        if let Some(turn) = &*self.0.turn.borrow() {
            turn.reins.sign();
        }
        if self.is(Reins::is_halted) {
            self.park();
        }
    }

    fn park(&self) {
        let (go_on, again) = channel();
        self.end_turn(Outcome::Parked(go_on));
        match again.recv() {
            Ok(turn) => {
                // Steps are told anew in each turn.
                turn.progress.send(self.0.steps.get()).ok();
                self.0.since.set(Instant::now());
                self.0.turn.replace(Some(turn));
            }
            Err(_) => resume_unwind(Box::new(LetGo)),
        }
    }

    pub(super) fn advance(&self, steps: u64) {
        self.0.steps.set(self.0.steps.get() + steps);
        if let Some(turn) = &*self.0.turn.borrow() {
            turn.reins.sign();
            turn.progress.send(steps).ok();
        }
    }

    /// Leaves the slot, if the unit has one, and says how.
    pub(super) fn end_turn(&self, outcome: Outcome) {
        let Some(turn) = self.0.turn.take() else {
            return;
        };
        let time = self.0.since.get().elapsed();
        self.0.spent.set(self.0.spent.get() + time);
        let finished = Finished {
            outcome,
            steps: self.0.steps.get(),
            time,
            spent: self.0.spent.get(),
        };
        self.0.free.send(turn.slot).ok();
        turn.reply.send(finished).ok();
    }
}
