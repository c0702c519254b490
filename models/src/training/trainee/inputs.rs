//! Inputs of any rank, several of them, sequences; and an optimiser of a task's own.

use super::carried::trainee;
use super::*;
use crate::data::{Dataset, Split, SplitConfig, Targets, split};
use crate::network::mlp::Activation;
use crate::tasks::mlp::MlpTask;
use crate::training::optimizer::UpdateRule;
use crate::{FineTuning, OptimizerConfig};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Int, Tensor};
use rand::RngExt;
use std::ops::Range;
use std::sync::Arc;

/// An image of 4x4 in the first 16 columns, and a sequence of 3 tokens in the last.
fn pictures_and_words() -> Split {
    let mut rng = stream(1, "rows", 0);
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        let image: Vec<f32> = (0..16).map(|_| rng.random_range(-1.0..1.0)).collect();
        let words: Vec<u32> = (0..3).map(|_| rng.random_range(0..5)).collect();
        // What is to be said depends on both.
        labels.push(u32::from(image[5] > 0.0) ^ u32::from(words[1] > 1));
        inputs.extend(image);
        inputs.extend(words.iter().map(|word| *word as f32));
    }
    let names = vec!["no".into(), "yes".into()];
    let data = Dataset::new(
        "both",
        [1, 1, 19],
        inputs,
        Targets::Classes { labels, names },
    );
    let mut split = split(&data.unwrap(), &SplitConfig::default()).unwrap();
    // Tokens are no numbers to be standardised.
    let standardiser = split.standardiser.clone();
    for part in [&mut split.train, &mut split.validation, &mut split.test] {
        for row in part.inputs.chunks_exact_mut(19) {
            let scales = standardiser.mean.iter().zip(&standardiser.scale);
            for (word, (mean, scale)) in row.iter_mut().zip(scales).skip(16) {
                *word = (f64::from(*word) * scale + mean).round() as f32;
            }
        }
    }
    split
}

#[derive(Module, Debug)]
struct Both {
    convolution: Conv2d,
    words: Embedding,
    hidden: Linear,
    output: Linear,
}

struct PicturesAndWords(Split);

impl Task for PicturesAndWords {
    type Model = Both;
    fn name(&self) -> String {
        "pictures and words".to_owned()
    }
    fn split(&self) -> &Split {
        &self.0
    }
    fn model(&self, device: &Device) -> Both {
        Both {
            convolution: Conv2dConfig::new([1, 2], [3, 3]).init(device),
            words: EmbeddingConfig::new(5, 4).init(device),
            hidden: LinearConfig::new(2 * 4 + 3 * 4, 32).init(device),
            output: LinearConfig::new(32, 2).init(device),
        }
    }
    fn forward(&self, model: &Both, inputs: Tensor<2>) -> Tensor<2> {
        let [batch, _] = inputs.dims();
        let image: Tensor<4> = inputs
            .clone()
            .slice([0..batch, 0..16])
            .reshape([batch, 1, 4, 4]);
        let words: Tensor<2, Int> = inputs.slice([0..batch, 16..19]).int();
        let seen: Tensor<2> = model.convolution.forward(image).flatten(1, 3);
        let read: Tensor<2> = model.words.forward(words).flatten(1, 2);
        let hidden = relu(model.hidden.forward(Tensor::cat(vec![seen, read], 1)));
        model.output.forward(hidden)
    }
}

#[test]
fn several_inputs_of_any_rank_and_tokens_lie_in_a_row() {
    let mut trainee = trainee(
        PicturesAndWords(pictures_and_words()),
        OptimizerConfig::adam(),
    );
    trainee.start(1).unwrap();
    let report = trainee.advance(&Settings::new(0.01, 32), 0.2).unwrap();
    let accuracy = report.validation.unwrap().metrics["accuracy"];
    assert!(accuracy > 0.85, "{accuracy}");
}

/// The next of the three words, from the one before: a bigram model, whose loss is of the inputs alone.
struct NextWord(Split);

impl NextWord {
    fn of(&self, model: &Linear, inputs: Tensor<2>) -> Tensor<1> {
        let [batch, _] = inputs.dims();
        let words: Tensor<2, Int> = inputs.slice([0..batch, 16..19]).int();
        let before = words.clone().slice([0..batch, 0..2]).reshape([2 * batch]);
        let next = words.slice([0..batch, 1..3]).reshape([2 * batch, 1]);
        let logits = model.forward(before.one_hot::<2>(5).float());
        log_softmax(logits, 1).gather(1, next).mean().neg()
    }
}

impl Task for NextWord {
    type Model = Linear;
    fn name(&self) -> String {
        "next word".to_owned()
    }
    fn split(&self) -> &Split {
        &self.0
    }
    fn model(&self, device: &Device) -> Linear {
        LinearConfig::new(5, 5).init(device)
    }
    fn forward(&self, _: &Linear, inputs: Tensor<2>) -> Tensor<2> {
        // Nothing is said of the labels.
        let [batch, _] = inputs.dims();
        Tensor::zeros([batch, 2], &inputs.device())
    }
    fn training_loss(&self, model: &Linear, batch: Batch, _: &mut Pass) -> Tensor<1> {
        self.of(model, batch.inputs)
    }
    fn evaluate(&self, model: &Linear, batch: Batch) -> (Tensor<2>, Tensor<1>) {
        let loss = self.of(model, batch.inputs.clone());
        (self.forward(model, batch.inputs), loss)
    }
}

#[test]
fn the_loss_of_a_sequence_may_be_of_its_inputs() {
    let mut split = pictures_and_words();
    // After each word comes the next one.
    for part in [&mut split.train, &mut split.validation, &mut split.test] {
        for row in part.inputs.chunks_exact_mut(19) {
            row[17] = (row[16] + 1.0) % 5.0;
            row[18] = (row[17] + 1.0) % 5.0;
        }
    }
    let mut trainee = trainee(NextWord(split), OptimizerConfig::adam());
    let before = trainee.start(1).unwrap().validation.unwrap().loss;
    let report = trainee.advance(&Settings::new(0.1, 32), 0.1).unwrap();
    let after = report.validation.unwrap().loss;
    assert!(before > 1.0 && after < 0.1, "{before} {after}");
}

/// SGD without momentum.
#[derive(Clone)]
struct PlainSgd;

impl UpdateRule for PlainSgd {
    fn step(&mut self, lr: f64, weights: &mut [f32], gradient: &mut [f32], _: &[Range<usize>]) {
        for (w, g) in weights.iter_mut().zip(gradient) {
            *w -= lr as f32 * *g;
        }
    }
    fn clone_box(&self) -> Box<dyn UpdateRule> {
        Box::new(self.clone())
    }
    fn is_adaptive(&self) -> bool {
        false
    }
}

/// A perceptron that brings its optimiser, written out or not.
struct WithItsOwn(MlpTask, bool);

impl Task for WithItsOwn {
    type Model = crate::network::mlp::Mlp;
    fn name(&self) -> String {
        Task::name(&self.0)
    }
    fn split(&self) -> &Split {
        self.0.split()
    }
    fn model(&self, device: &Device) -> Self::Model {
        Task::model(&self.0, device)
    }
    fn forward(&self, model: &Self::Model, inputs: Tensor<2>) -> Tensor<2> {
        self.0.forward(model, inputs)
    }
    fn program(&self) -> Option<Box<dyn Program>> {
        self.0.program().filter(|_| self.1)
    }
    fn optimizer(&self) -> Option<Box<dyn UpdateRule>> {
        Some(Box::new(PlainSgd))
    }
}

#[test]
fn an_optimiser_of_its_own_takes_the_place_of_that_of_the_config() {
    let data = Arc::new(pictures_and_words());
    let task = || MlpTask::new("mlp", Arc::clone(&data), &[8], Activation::Tanh);
    let losses = |mut trainee: Box<dyn Trainee>| -> Vec<f64> {
        trainee.start(1).unwrap();
        let advance = |_| trainee.advance(&Settings::new(0.05, 16), 0.01).unwrap();
        let reports = (0..3).map(advance);
        reports
            .map(|report| report.validation.unwrap().loss)
            .collect()
    };
    let sgd = OptimizerConfig::Sgd {
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    let wanted = losses(Box::new(trainee(task(), sgd)));
    for written_out in [true, false] {
        // The config says Adam, and is not asked.
        let own = trainee(WithItsOwn(task(), written_out), OptimizerConfig::adam());
        assert!(!own.spec().adaptive);
        let found = losses(Box::new(own));
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!((found / wanted - 1.0).abs() < 1e-4, "{found} {wanted}");
        }
    }
    let model = Task::model(&task(), &Device::flex());
    let further = FineTuning::new(WithItsOwn(task(), true), &model).unwrap();
    assert!(!trainee(further, OptimizerConfig::adam()).spec().adaptive);
}
