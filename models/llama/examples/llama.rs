//! All commands with language models: in a config, `data: Text(path: .., context: 64)` and `model: Custom(name: "llama", parameters: {..})`.
//!
//! `cargo run --release -p trimtab-llama --example llama -- compare experiments/configs/llama_gates.ron`
//!
//! `cargo run --release -p trimtab-llama --example llama -- train experiments/configs/llama.ron`

use trimtab_experiments::{Registry, cli};

fn main() -> std::process::ExitCode {
    cli::main(&Registry::default().with_model("llama", trimtab_llama::task::from_parameters))
}
