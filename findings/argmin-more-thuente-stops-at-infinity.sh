#!/usr/bin/env bash
# argmin 0.11.0: L-BFGS with the line search of Moré and Thuente ends at the first step that leaves the domain, and says so nowhere but in
# the termination status: `run` returns `Ok`.
#
# The likelihood of a Gaussian process, and any barrier, is infinite or not a number beyond some border. A first step is often as long as
# the gradient and crosses it. The other two line searches of the crate take such a value as too high and step back; this one ends the
# whole optimisation where it began to search, with a message in the status beside a point that is no minimum.
#
# Seen, for x - ln x from 3, whose minimum is at 1: Moré-Thuente returns `Ok` with x = 2.33, Hager-Zhang and backtracking x = 1.00. From
# 0.2, where no step crosses the border, all three come to 1.00.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "border"
version = "0.0.0"
edition = "2024"
[dependencies]
argmin = { version = "=0.11.0", default-features = false }
argmin-math = { version = "=0.5.1", default-features = false, features = ["vec"] }
TOML
cat > src/main.rs <<'RUST'
use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::condition::ArmijoCondition;
use argmin::solver::linesearch::{
    BacktrackingLineSearch, HagerZhangLineSearch, MoreThuenteLineSearch,
};
use argmin::solver::quasinewton::LBFGS;

/// x - ln x, which is there for x above 0 alone.
struct Barrier;

impl CostFunction for Barrier {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        Ok(if x[0] > 0.0 { x[0] - x[0].ln() } else { f64::INFINITY })
    }
}

impl Gradient for Barrier {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;
    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(vec![1.0 - 1.0 / x[0]])
    }
}

macro_rules! minimise {
    ($name:literal, $search:expr, $start:expr) => {{
        let solver = LBFGS::new($search, 5);
        let run = Executor::new(Barrier, solver)
            .configure(|state| state.param(vec![$start]).max_iters(50))
            .run();
        match run {
            Ok(found) => println!(
                "{} from {}: Ok, x = {:.2}",
                $name,
                $start,
                found.state().get_best_param().unwrap()[0]
            ),
            Err(_) => println!("{} from {}: Err", $name, $start),
        }
    }};
}

fn main() {
    for start in [3.0, 0.2] {
        minimise!("More-Thuente", MoreThuenteLineSearch::new(), start);
        minimise!("Hager-Zhang", HagerZhangLineSearch::new(), start);
        let armijo = ArmijoCondition::new(1e-4).unwrap();
        minimise!("backtracking", BacktrackingLineSearch::new(armijo), start);
    }
}
RUST
cargo run --quiet --release | tee seen.txt
diff seen.txt - <<'WANTED'
More-Thuente from 3: Ok, x = 2.33
Hager-Zhang from 3: Ok, x = 1.00
backtracking from 3: Ok, x = 1.00
More-Thuente from 0.2: Ok, x = 1.00
Hager-Zhang from 0.2: Ok, x = 1.00
backtracking from 0.2: Ok, x = 1.00
WANTED
