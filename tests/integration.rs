//! The whole line: real data, real burn trainings, a policy that learns.

mod fuzz;
mod runaway;

use burn::tensor::Device;
use trimtab_agent::controller::run;
use trimtab_agent::{
    Algorithm, Collector, Constant, Learner, PolicyConfig, PolicyController, RolloutConfig,
    Selection, Trajectory,
};
use trimtab_env::metrics::{Average, Metric};
use trimtab_env::vector::VectorEnvironment;
use trimtab_env::{
    Action, Budget, CheckOptions, CostModel, Domain, Environment, Initial, Knob, Moves, Objective,
    Segments, Servo, Settings, Status, Termination, TuningConfig, TuningEnv, UpdateTime,
    check_environment,
};
use trimtab_models::data::{Embedded, Share, SplitConfig};
use trimtab_models::{DataConfig, ModelConfig, OptimizerConfig, TaskConfig};

fn digits() -> TaskConfig {
    TaskConfig {
        split: SplitConfig {
            validation: Share::Rows(200),
            test: Share::Rows(200),
            max_train: Some(300),
            ..Default::default()
        },
        metrics: vec![Metric::F1(Average::Macro), Metric::LogLoss],
        ..TaskConfig::new(
            DataConfig::Embedded(Embedded::Digits),
            ModelConfig::Mlp {
                hidden: vec![16],
                activation: Default::default(),
            },
            OptimizerConfig::sgd(),
        )
    }
}

fn process(moves: Moves) -> TuningConfig {
    TuningConfig {
        base_controller: None,
        knobs: vec![
            Knob::learning_rate(
                Domain::LogUniform(1e-5, 10.0),
                Initial::LogUniform(1e-4, 1.0),
                moves,
            ),
            Knob::batch_size(&[16, 32, 64, 128], 64, Moves::Relative(vec![0.5, 1.0, 2.0])),
        ],
        settings: Settings::default(),
        segments: Segments {
            short: 2,
            short_share: 0.5,
            full: 9,
        },
        budget: Budget::Epochs(5.0),
        reward: Default::default(),
        observation: Default::default(),
        divergence: Default::default(),
        objective: Default::default(),
        stop_at_target: false,
    }
}

fn environment(config: TuningConfig) -> TuningEnv {
    let task = digits().prepare().unwrap();
    let trainee = task.trainee(CostModel::default(), &Device::flex()).unwrap();
    TuningEnv::new(vec![trainee.into()], config).unwrap()
}

#[test]
fn a_real_training_keeps_the_contract_with_every_kind_of_move() {
    let moves = [
        Moves::Relative(vec![0.25, 0.5, 1.0, 2.0, 4.0]),
        Moves::Servo(Servo::default()),
    ];
    for moves in moves {
        let mut environment = environment(process(moves));
        let options = CheckOptions {
            episodes: 2,
            ..Default::default()
        };
        assert_eq!(check_environment(&mut environment, &options), []);
    }
    let mut absolute = process(Moves::Absolute);
    absolute.knobs[0].domain = Domain::Grid {
        low: 1e-4,
        high: 1.0,
        points: 9,
    };
    let mut environment = environment(absolute);
    assert_eq!(
        check_environment(&mut environment, &CheckOptions::default()),
        []
    );
}

/// Whatever is decided, a training spends its budget and no more than one update above it.
#[test]
fn every_controller_spends_the_same_budget() {
    let mut environment = environment(process(Moves::Servo(Servo::default())));
    let task = digits().prepare().unwrap();
    let rows = task.split().train.rows();
    let time = UpdateTime::default();
    let budget = 5.0 * rows.div_ceil(64) as f64 * time.update(64);
    for (lr, batch) in [(0.01, 16), (0.1, 64), (0.3, 128), (1e9, 64)] {
        let mut fixed = Constant::new("fixed", Settings::new(lr, batch));
        run(&mut environment, &mut fixed, 1).unwrap();
        let cost = environment.outcome().unwrap()["cost"];
        let slack = time.update(batch) + time.evaluation(200);
        assert!(
            cost <= budget + slack && cost >= budget - slack,
            "{lr} {batch}: {cost} of {budget}"
        );
    }
}

#[test]
fn any_metric_can_be_the_objective() {
    for metric in [
        Metric::Accuracy,
        Metric::F1(Average::Macro),
        Metric::LogLoss,
    ] {
        let mut environment = environment(TuningConfig {
            objective: Objective::Metric(metric),
            ..process(Moves::Relative(vec![0.25, 1.0, 4.0]))
        });
        // Large enough for the metric to go up and down.
        let mut fixed = Constant::new("fixed", Settings::new(0.5, 16));
        run(&mut environment, &mut fixed, 1).unwrap();
        let seen: Vec<f64> = environment
            .segments()
            .iter()
            .filter_map(|segment| segment.report.validation.as_ref())
            .map(|validation| validation.metrics[metric.name()])
            .collect();
        let better = |a: f64, b: f64| {
            if metric.direction().is_better(b, a) {
                b
            } else {
                a
            }
        };
        let best = seen.iter().copied().reduce(better).unwrap();
        let outcome = environment.outcome().unwrap();
        let recorded = outcome[&format!("best_{}", metric.name())];
        assert!(
            (recorded - best).abs() < 1e-12,
            "{}: {recorded} of {seen:?}",
            metric.name()
        );
        let error = match metric {
            Metric::LogLoss => best,
            _ => 1.0 - best,
        };
        assert!((outcome["best_validation_loss"] - error).abs() < 1e-12);
        assert!((environment.segments().last().unwrap().best_loss - error).abs() < 1e-12);
    }
}

#[test]
fn an_objective_that_no_task_reports_is_refused() {
    let task = digits().prepare().unwrap();
    let trainee = task.trainee(CostModel::default(), &Device::flex()).unwrap();
    let config = TuningConfig {
        objective: Objective::Metric(Metric::Matthews),
        ..process(Moves::Relative(vec![0.25, 1.0, 4.0]))
    };
    let error = TuningEnv::new(vec![trainee.into()], config)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("objective: matthews") && error.contains("f1_macro"),
        "{error}"
    );
}

#[test]
fn a_divergence_is_rolled_back_and_paid_for() {
    let mut environment = environment(process(Moves::Relative(vec![0.25, 1.0, 4.0])));
    environment.reset(5).unwrap();
    let good = environment.step_with(&Settings::new(0.1, 32)).unwrap();
    let best = environment.segments()[0].best_loss;
    let spent = environment.segments()[0].spent;
    let step = environment.step_with(&Settings::new(1e9, 32)).unwrap();
    let segment = &environment.segments()[1];
    assert!(segment.report.diverged && segment.spent > spent);
    assert_eq!(segment.best_loss, best);
    assert!(step.reward < good.reward);
    assert_eq!(step.status, Status::Running);
    // The weights are back: a very small step stays at the loss of before.
    environment.step_with(&Settings::new(1e-9, 32)).unwrap();
    let after = environment.segments()[2]
        .report
        .validation
        .clone()
        .unwrap()
        .loss;
    assert!((after / best - 1.0).abs() < 1e-3, "{after} against {best}");
}

#[test]
fn a_limit_of_divergences_ends_the_episode() {
    let mut config = process(Moves::Relative(vec![0.25, 1.0, 4.0]));
    config.divergence.limit = Some(2);
    let mut environment = environment(config);
    environment.reset(5).unwrap();
    let wild = Settings::new(1e9, 32);
    assert_eq!(
        environment.step_with(&wild).unwrap().status,
        Status::Running
    );
    let end = environment.step_with(&wild).unwrap().status;
    assert_eq!(end, Status::Terminated(Termination::Diverged));
    assert!(environment.step(&Action::new([1, 1])).is_err());
}

/// PPO on real trainings: the return of the last rollouts is well above that of the first, and on seeds it has not
/// trained on the greedy policy's loss is below that of the optimiser's default.
#[test]
fn a_policy_learns_to_steer_real_trainings() {
    let make = || environment(process(Moves::Servo(Servo::default())));
    let boxed = (0..2)
        .map(|_| Box::new(make()) as Box<dyn Environment>)
        .collect();
    let environments = VectorEnvironment::new(boxed, 2).unwrap();
    let spec = environments.spec().clone();
    let algorithm = Algorithm::Ppo(Default::default());
    let mut learner = Learner::new(&spec, &PolicyConfig::default(), algorithm, 1).unwrap();
    let (updates, episodes) = (15, 16);
    let rollout = RolloutConfig::Episodes(episodes);
    let mut collector = Collector::new(environments, rollout, 1).unwrap();
    let mut means = Vec::new();
    for update in 0..updates {
        let rollout = collector.collect(&learner.policy()).unwrap();
        means.push(rollout.iter().map(Trajectory::episode_return).sum::<f64>() / episodes as f64);
        learner
            .update(&rollout, update as f64 / updates as f64)
            .unwrap();
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&means[12..]) > mean(&means[..3]) + 0.1, "{means:?}");

    let mut environment = make();
    let mut controller = PolicyController::new(learner.policy(), Selection::Greedy);
    let mut default = Constant::new("default", Settings::new(0.01, 64));
    let (mut policy_loss, mut default_loss) = (0.0, 0.0);
    for seed in 1000..1010 {
        run(&mut environment, &mut controller, seed).unwrap();
        policy_loss += environment.outcome().unwrap()["best_validation_loss"].ln();
        run(&mut environment, &mut default, seed).unwrap();
        default_loss += environment.outcome().unwrap()["best_validation_loss"].ln();
    }
    assert!(
        policy_loss < default_loss - 10.0 * 0.2,
        "{policy_loss} against {default_loss}"
    );
}
