use super::*;
use crate::data::{Embedded, Split, SplitConfig, split};
use crate::network::mlp::Activation;
use crate::network::weights::flat_state;
use crate::tasks::mlp::MlpTask;
use crate::training::sampler::EpochSampler;
use crate::training::trainee::differentiated::Differentiated;
use crate::{
    Batch, Optimizer, OptimizerConfig, Task, TaskTrainee, TrainConfig, TraineeConfig, train,
};
use burn::optim::{AdamConfig, SgdConfig};
use burn::tensor::Device;
use std::sync::Arc;
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::settings::{BATCH_SIZE, LEARNING_RATE};
use trimtab_env::tuning::observation::GRADIENT_FEATURES;
use trimtab_env::{
    Action, Budget, CostModel, Domain, Environment, Initial, Knob, Moves, Observation,
    ObservationConfig, Residual, ResidualPolicy, Segments, Trainee, TuningConfig, TuningEnv,
    UpdateTime, stream,
};

mod wrong;

const EPOCHS: f64 = 40.0;
const SEED: u64 = 3;

fn digits() -> Arc<Split> {
    let config = SplitConfig {
        max_train: Some(300),
        ..Default::default()
    };
    Arc::new(split(&Embedded::Digits.load().unwrap(), &config).unwrap())
}

fn task() -> MlpTask {
    MlpTask::new("digits", digits(), &[16], Activation::Relu)
}

fn training(lr: f64, adaptive: bool) -> Training {
    let data = digits();
    Training {
        examples: data.train.rows(),
        validation_examples: data.validation.rows(),
        epochs: EPOCHS,
        adaptive,
        learning_rate: lr,
    }
}

fn burns(config: OptimizerConfig) -> ModuleOptimizer {
    match config.init().unwrap() {
        Optimizer::Burn(optimizer) => optimizer,
        Optimizer::Prodigy(_)
        | Optimizer::ScheduleFree(_)
        | Optimizer::Flat(_)
        | Optimizer::Own(_) => {
            panic!("not one of burn's")
        }
    }
}

/// A loop as one would write it, with the weights and batches of a [`TaskTrainee`] in an episode of [`SEED`].
fn own_loop(
    optimizer: OptimizerConfig,
    lr: f64,
    spoil: impl Fn(usize, f64) -> f64,
    policy: Option<ResidualPolicy>,
) -> (Tuner<<MlpTask as Task>::Model>, Vec<f32>) {
    seeded(SEED, optimizer, lr, spoil, |tuner| match policy {
        Some(policy) => tuner.with_policy(policy).unwrap(),
        None => tuner,
    })
}

fn seeded(
    seed: u64,
    optimizer: OptimizerConfig,
    lr: f64,
    spoil: impl Fn(usize, f64) -> f64,
    prepared: impl FnOnce(Tuner<<MlpTask as Task>::Model>) -> Tuner<<MlpTask as Task>::Model>,
) -> (Tuner<<MlpTask as Task>::Model>, Vec<f32>) {
    let (task, data) = (task(), digits());
    let seed = derived_seed(seed, "training", 0);
    let device = Device::flex().autodiff();
    let mut model = task.initialise(task.model(&device), &mut stream(seed, "weights", 0));
    let mut sampler = EpochSampler::new(data.train.rows(), stream(seed, "sampler", 0));
    let training = training(lr, optimizer.is_adaptive());
    let mut tuner = prepared(Tuner::new(&model, burns(optimizer), training).unwrap());
    let all: Vec<u32> = (0..data.validation.rows() as u32).collect();
    let validation = Batch::gather(&data.validation, &all, &device.clone().inner());
    let (mut rows, mut validations) = (Vec::new(), 0);
    while !tuner.is_over() {
        if tuner.is_probing() {
            // What is looked at in a start probe is trained on again.
            sampler.clone().draw(tuner.batch_size(), &mut rows);
        } else {
            sampler.draw(tuner.batch_size(), &mut rows);
        }
        let batch = Batch::gather(&data.train, &rows, &device);
        let loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
        let value = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = tuner.step(model, gradients, value);
        if tuner.wants_validation() {
            let averaged = tuner.averaged(&model).valid();
            let outputs = task.forward(&averaged, validation.inputs.clone());
            let loss: f64 = task.loss(outputs, &validation.targets).into_scalar();
            model = tuner.validated(model, spoil(validations, loss));
            validations += 1;
        }
    }
    let mut best = Vec::new();
    flat_state(&tuner.best().unwrap(), &mut best);
    (tuner, best)
}

#[test]
fn without_a_validation_there_is_no_best_model() {
    let (task, split) = (task(), digits());
    let device = Device::flex().autodiff();
    let mut model = task.initialise(task.model(&device), &mut stream(1, "weights", 0));
    let optimizer = burns(OptimizerConfig::adam());
    let mut tuner = Tuner::new(&model, optimizer, training(1e-3, true)).unwrap();
    let batch = Batch::gather(&split.train, &[0, 1, 2, 3], &device);
    while !tuner.is_over() {
        let outputs = task.forward(&model, batch.inputs.clone());
        let loss = task.loss(outputs, &batch.targets);
        let value = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = tuner.step(model, gradients, value);
    }
    assert!(tuner.best().is_none());
}

fn residual() -> Moves {
    Moves::Residual {
        factors: vec![0.5, 1.0, 2.0],
        max_offset: 1.0,
        accumulates: true,
    }
}

fn knobs(lr: f64) -> Vec<Knob> {
    let any = Domain::LogUniform(1e-30, 1e30);
    let from = Initial::Fixed(lr.into());
    vec![
        Knob::learning_rate(any, from, residual()),
        Knob::batch_size(&[8, 16, 32, 64, 128, 256], 64, residual()),
    ]
}

fn environment(optimizer: OptimizerConfig, lr: f64, knobs: Vec<Knob>) -> TuningEnv {
    environment_at(CostModel::default(), optimizer, lr, knobs)
}

fn environment_at(
    cost: CostModel,
    optimizer: OptimizerConfig,
    lr: f64,
    knobs: Vec<Knob>,
) -> TuningEnv {
    let config = TraineeConfig {
        optimizer,
        smoothing_interval: SMOOTHING_INTERVAL,
        cost,
        ..Default::default()
    };
    let trainee = TaskTrainee::new(Differentiated(task()), config, &Device::flex()).unwrap();
    let instances = vec![(Box::new(trainee) as Box<dyn Trainee>).into()];
    let mut knobs = knobs;
    knobs[0].initial = Initial::Fixed(lr.into());
    let process = TuningConfig {
        knobs,
        base_controller: Some(ContextServo::default()),
        settings: Settings::default(),
        segments: Segments::default(),
        budget: Budget::Epochs(EPOCHS),
        reward: Default::default(),
        observation: ObservationConfig::default(),
        divergence: Default::default(),
        stop_at_target: false,
        objective: Default::default(),
    };
    TuningEnv::new(instances, process).unwrap()
}

/// The best weights of an environment.
fn best(mut environment: TuningEnv) -> Vec<f32> {
    let best: &dyn std::any::Any = environment.end_at_best().unwrap();
    let trainee = best
        .downcast_ref::<TaskTrainee<Differentiated<MlpTask>>>()
        .unwrap();
    let mut weights = Vec::new();
    flat_state(&trainee.model().unwrap(), &mut weights);
    weights
}

/// But for metrics and rewards, which a tuner has none of, both records are the same to the last bit.
fn assert_same(environment: &TuningEnv, tuner: &Tuner<<MlpTask as Task>::Model>) {
    assert_eq!(environment.segments().len(), tuner.segments().len());
    for (wanted, got) in environment.segments().iter().zip(tuner.segments()) {
        let mut wanted = wanted.clone();
        wanted.reward = 0.0;
        if let Some(validation) = &mut wanted.report.validation {
            validation.metrics.clear();
        }
        assert_eq!(&wanted, got);
    }
}

/// A policy that moves nothing, whose tuner looks at all that a policy may see.
fn idle(lr: f64) -> ResidualPolicy {
    ResidualPolicy {
        residual: Residual {
            knobs: knobs(lr)[..1].to_vec(),
            observation: ObservationConfig::default(),
        },
        choose: Arc::new(|_| Action::new(vec![1])),
        text: None,
    }
}

/// It is the servo that is told, and nothing else.
#[test]
fn fine_tuning_begins_with_what_the_servo_wants_of_such_weights() {
    let mut servo = ContextServo::default();
    servo.start.pretrained = -1.0;
    servo.batch.pretrained = -1.0;
    let device = Device::flex().autodiff();
    let first = |fine_tuning: bool| {
        let (task, data) = (task(), digits());
        let mut model = task.initialise(task.model(&device), &mut stream(SEED, "weights", 0));
        let optimizer = burns(OptimizerConfig::sgd());
        let mut tuner = Tuner::with_servo(&model, optimizer, training(0.1, false), servo).unwrap();
        if fine_tuning {
            tuner = tuner.fine_tuning();
        }
        let size = tuner.batch_size();
        // The same rows in the start probe, though not as many are asked for.
        let rows: Vec<u32> = (0..64).collect();
        let batch = Batch::gather(&data.train, &rows, &device);
        let loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
        let value = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = tuner.step(model, gradients, value);
        assert!(tuner.wants_validation());
        drop(tuner.validated(model, 1.0));
        (size, tuner.learning_rate())
    };
    let (plain, tuned) = (first(false), first(true));
    assert!(plain.0.abs_diff(2 * tuned.0) <= 1, "{plain:?} {tuned:?}");
    // A tenth, and what smaller batches ask for.
    let wanted = 0.1 * (tuned.0 as f64 / plain.0 as f64).powf(servo.batch_exponent);
    assert!(
        (tuned.1 / plain.1 / wanted - 1.0).abs() < 1e-6,
        "{plain:?} {tuned:?}"
    );
}

/// A policy that sees no gradients costs no more looks than none.
#[test]
fn a_policy_of_losses_alone_needs_no_gradients() {
    let (optimizer, lr) = (OptimizerConfig::sgd(), 0.1);
    let mut policy = idle(lr);
    policy.residual.observation.without = GRADIENT_FEATURES.map(str::to_owned).to_vec();
    let (with, weights) = own_loop(optimizer, lr, |_, loss| loss, Some(policy));
    let (without, same) = own_loop(optimizer, lr, |_, loss| loss, None);
    assert_eq!(with.segments(), without.segments());
    assert_eq!(weights, same);
}

/// A tuner without a policy loses nothing by looking at less: its rates and losses are close to those of one that looks at all.
#[test]
fn fewer_looks_steer_as_well() {
    for (optimizer, lr) in [
        (OptimizerConfig::adam(), 1e-5),
        (OptimizerConfig::sgd(), 0.5),
    ] {
        let (mut losses, mut rates) = (Vec::new(), Vec::new());
        for seed in 0..4 {
            let looking = |tuner: Tuner<_>| tuner.with_policy(idle(lr)).unwrap();
            let (all, _) = seeded(seed, optimizer, lr, |_, loss| loss, looking);
            let (few, _) = seeded(seed, optimizer, lr, |_, loss| loss, |tuner| tuner);
            losses.push((few.best_loss() / all.best_loss()).ln());
            // Once one goes back to its best weights, they are two trainings.
            let pairs = all.segments().iter().zip(few.segments());
            let back = |segment: &Segment| segment.settings.from_best();
            for (all, few) in pairs.take_while(|(all, few)| !back(all) && !back(few)) {
                let [all, few] =
                    [all, few].map(|segment| segment.settings.learning_rate().unwrap());
                rates.push((few / all).ln());
            }
            let gradients = few.segments().last().unwrap().report.gradients.unwrap();
            assert_eq!(gradients.samples, 1);
            assert_eq!(gradients.signal_to_noise(), None);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        // A lower loss is none lost.
        assert!(mean(&losses) < 0.02, "{losses:?}");
        // Fewer looks make lower rates: by 0.16 in the mean with Adam, which costs no loss. Where gradients vanish, updates shrink within
        // a segment, and the first is 6 to 15 % larger than the mean of the first eight. It is no noise: with a memory that follows
        // measurements up and down alike, rates are the same bits.
        assert!(mean(&rates).abs() < 0.2, "{}", mean(&rates));
        assert!(rates.iter().all(|rate| rate.abs() < 0.5), "{rates:?}");
    }
}

#[test]
fn a_tuner_is_the_environment_with_its_base_controller() {
    for (optimizer, lr, update_cost) in [
        (OptimizerConfig::adam(), 1e-5, 70.0),
        (OptimizerConfig::sgd(), 0.5, 70.0),
        (OptimizerConfig::adam(), 1e-3, 7.0),
    ] {
        let mut time = UpdateTime::default();
        time.per_update = update_cost * time.per_example;
        let cost = CostModel::Modelled(time);
        let mut environment = environment_at(cost, optimizer, lr, knobs(lr)[..1].to_vec());
        environment.reset(SEED).unwrap();
        while !environment
            .step(&Action::new(vec![1]))
            .unwrap()
            .status
            .is_over()
        {}
        let prepared = |tuner: Tuner<_>| {
            let tuner = tuner.update_cost(update_cost).unwrap();
            tuner.with_policy(idle(lr)).unwrap()
        };
        let (tuner, weights) = seeded(SEED, optimizer, lr, |_, loss| loss, prepared);
        assert_same(&environment, &tuner);
        assert!(tuner.best_loss() < 1.2, "{}", tuner.best_loss());
        assert_eq!(best(environment), weights);
    }
}

/// Choices that depend on all that is seen.
fn choice(observation: &Observation) -> Action {
    let sum: f32 = observation.features.iter().sum();
    let allowed = observation.mask.as_ref().unwrap().allowed.iter();
    let each = allowed.enumerate().map(|(head, allowed)| {
        let choice = (sum.abs() * 10.0 * (head + 1) as f32) as usize % allowed.len();
        if allowed[choice] { choice } else { 1 }
    });
    Action::new(each.collect::<Vec<_>>())
}

#[test]
fn a_policy_sees_and_moves_the_same_in_a_tuner() {
    let (optimizer, lr) = (OptimizerConfig::adam(), 1e-3);
    let mut knobs = knobs(lr);
    knobs.push(Knob::rollback());
    let mut environment = environment(optimizer, lr, knobs.clone());
    let mut observation = environment.reset(SEED).unwrap();
    loop {
        let step = environment.step(&choice(&observation)).unwrap();
        if step.status.is_over() {
            break;
        }
        observation = step.observation;
    }
    let policy = ResidualPolicy {
        residual: Residual {
            knobs,
            observation: ObservationConfig::default(),
        },
        choose: Arc::new(choice),
        text: None,
    };
    let (tuner, _) = own_loop(optimizer, lr, |_, loss| loss, Some(policy));
    assert_same(&environment, &tuner);
    let (plain, _) = own_loop(optimizer, lr, |_, loss| loss, None);
    let sizes = |tuner: &Tuner<_>| -> Vec<f64> {
        let each = tuner.segments().iter();
        each.map(|segment| segment.settings.number(BATCH_SIZE).unwrap())
            .collect()
    };
    assert_ne!(sizes(&tuner), sizes(&plain), "the policy moved nothing");
    // It went back, and not only where the weights were the best anyway.
    let went_back = tuner.segments().windows(2).filter(|pair| {
        let validation = pair[0].report.validation.as_ref().unwrap();
        pair[1].settings.from_best() && validation.loss > pair[0].best_loss
    });
    assert!(went_back.count() > 1);
}
