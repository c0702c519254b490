//! What becomes of files as people have them.

mod damage;
mod fixtures;
mod packed;
mod refusals;
mod text;
