//! What an experiment leaves: the run directory, its records, and who watches while it runs.
pub mod events;
pub mod observer;
pub mod run_directory;
pub mod summary;
pub mod tensorboard;
