//! A loss and an optimiser of one's own, by their names in a config, with every command:
//! `cargo run --release --example own_loss -- compare experiments/configs/own_loss.ron`.
use burn::tensor::{Tensor, activation::softmax};
use std::sync::Arc;
use trimtab_experiments::{Registry, cli};
use trimtab_models::TargetBatch;
use trimtab_models::training::{loss::Loss, optimizer::UpdateRule};

/// The mean absolute error, of probabilities where there are classes (Ghosh, Kumar and Sastry 2017: robust to wrong labels).
struct AbsoluteError;

impl Loss for AbsoluteError {
    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        match targets {
            TargetBatch::Values(values) => (outputs - values.clone()).abs().mean(),
            TargetBatch::Classes(labels) => {
                let right = softmax(outputs, 1).gather(1, labels.clone().unsqueeze_dim::<2>(1));
                (right.neg() + 1.0).mean() * 2.0
            }
        }
    }
}

/// Sign descent (Bernstein et al. 2018, "signSGD").
#[derive(Clone)]
struct SignDescent;

impl UpdateRule for SignDescent {
    fn step(&mut self, lr: f64, w: &mut [f32], g: &mut [f32], _: &[std::ops::Range<usize>]) {
        w.iter_mut()
            .zip(g)
            .for_each(|(w, g)| *w -= lr as f32 * g.signum());
    }
    fn clone_box(&self) -> Box<dyn UpdateRule> {
        Box::new(self.clone())
    }
    fn is_adaptive(&self) -> bool {
        true
    }
}

fn main() -> std::process::ExitCode {
    let registry =
        Registry::default().with_loss("absolute_error", |_, _| Ok(Arc::new(AbsoluteError)));
    cli::main(&registry.with_optimizer("sign_descent", |_| Ok(Box::new(SignDescent))))
}
