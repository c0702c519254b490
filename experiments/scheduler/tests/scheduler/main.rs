//! Schedulers against exact answers, and what a schedule always keeps.

mod known_answers;
mod properties;
mod simulation;
mod trace;
