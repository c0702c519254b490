#![doc = include_str!("../README.md")]

pub mod attention;
pub mod block;
pub mod config;
pub mod error;
pub mod files;
pub mod gate;
pub mod generate;
pub mod llama;
pub mod lora;
mod parameters;
pub mod pruning;
pub mod recorded;
pub mod rms_norm;
pub mod rotary;
pub mod swiglu;
pub mod task;
pub mod tokenizer;
pub mod training;

pub use config::LlamaConfig;
pub use error::{Error, Result};
pub use gate::GateKind;
pub use generate::{Generation, Sampling};
pub use llama::{Cache, Llama};
pub use recorded::Recorded;
pub use rotary::{Llama3Scaling, Rope};
pub use task::LlamaTask;
pub use tokenizer::Tokenizer;
pub use training::Trained;
