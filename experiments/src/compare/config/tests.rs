use super::*;
use crate::train::config::QUICKSTART;
use trimtab_agent::Learner;
use trimtab_env::Environment;
use trimtab_env::suite::Identity;

#[test]
fn a_comparison_without_a_search_needs_no_space() {
    let (before, after) = COMPARE.split_once("    space: [").unwrap();
    let (space, after) = after.split_once("\n    ],\n").unwrap();
    let shown = CompareConfig::parse(COMPARE, "compare.ron").unwrap();
    assert!(space.contains("LogUniform(1e-4, 1.0)") && space.contains("[16, 32, 64, 128, 256]"));
    let without = CompareConfig::parse(&(before.to_owned() + after), "compare.ron").unwrap();
    without.validate().unwrap();
    assert_eq!(without.space, shown.space);
}

#[test]
fn what_a_policy_says_of_its_cost_counts_before_the_config() {
    let folder = std::env::temp_dir().join(format!("trimtab-costs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let quick = crate::Config::parse(QUICKSTART, "quickstart.ron").unwrap();
    let spec = Identity::new(2, 3).spec().clone();
    let learner = Learner::new(&spec, &quick.policy, quick.algorithm, 1).unwrap();
    let policy = learner.policy();
    let (silent, frank) = (folder.join("silent.json"), folder.join("frank.json"));
    policy.save(&silent).unwrap();
    policy.with_training_cost(12.5).save(&frank).unwrap();

    let mut config = CompareConfig::parse(COMPARE, "compare.ron").unwrap();
    let method = |path: &Path| Method::Policy {
        name: path.display().to_string(),
        path: path.to_owned(),
        training_cost: 3.0,
    };
    config.methods = vec![method(&silent), method(&frank)];
    let costs: Vec<f64> = config
        .with_files(Path::new(""))
        .unwrap()
        .methods
        .iter()
        .map(|method| match method {
            Method::Policy { training_cost, .. } => *training_cost,
            _ => f64::NAN,
        })
        .collect();
    assert_eq!(costs, [3.0, 12.5]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_policy_is_looked_for_beside_the_config_and_then_here() {
    let found = |path: &str, folder: &str| {
        let mut config = CompareConfig::parse(COMPARE, "compare.ron").unwrap();
        config.methods = vec![Method::Policy {
            name: "policy".to_owned(),
            path: path.into(),
            training_cost: 0.0,
        }];
        let config = config.with_files(Path::new(folder))?;
        match &config.methods[0] {
            Method::Policy { path, .. } => Ok(path.clone()),
            _ => Err(Error::config("methods[0]", "another", "Policy")),
        }
    };
    // Tests run in the folder of their crate.
    let beside = found("../../agent/policies/residual.json", "configs").unwrap();
    assert_eq!(
        beside,
        Path::new("configs/../../agent/policies/residual.json")
    );
    let here = found("../agent/policies/residual.json", "configs").unwrap();
    assert_eq!(here, Path::new("../agent/policies/residual.json"));
    let message = found("missing.json", "configs").unwrap_err().to_string();
    let current = std::env::current_dir().unwrap();
    assert!(message.starts_with("methods[0].path"), "{message}");
    for place in [current.join("configs"), current] {
        assert!(
            message.contains(&format!("{},", place.display()))
                || message.ends_with(&place.display().to_string()),
            "{message}"
        );
    }
}

#[test]
fn each_task_with_each_optimiser_has_a_name_of_its_own() {
    use trimtab_models::OptimizerConfig as Optimizer;
    use trimtab_models::tasks::custom::CustomConfig;
    let mut config = CompareConfig::parse(COMPARE, "compare.ron").unwrap();
    config.tasks.truncate(2);
    config.tasks[0].name = Some("wine".to_owned());
    config.tasks[1].name = None;
    let names = |config: &CompareConfig| -> Vec<Option<String>> {
        let all = config.trainings().into_iter();
        all.map(|task| task.name).collect()
    };
    let some = |name: &str| Some(name.to_owned());
    config.optimizers = vec![Optimizer::sgd()];
    assert_eq!(names(&config), [some("wine"), None]);
    config.optimizers = vec![Optimizer::sgd(), Optimizer::adam(), Optimizer::sgd()];
    let third = some("task 2 sgd 2");
    let wines = ["wine sgd", "wine adam", "wine sgd 2"].map(some);
    assert_eq!(names(&config), [&wines[..], &[None, None, third]].concat());
    config.tasks[0].update_rule = Some(CustomConfig::named("mine"));
    let all = config.trainings();
    assert!(all.iter().all(|task| task.update_rule.is_none()));
    config.tasks[0].update_rule = None;
    config.budgets = vec![1.0, 2.0, 1.0];
    let message = config.validate().unwrap_err().to_string();
    assert!(message.contains("budgets[2]"), "{message}");
}

#[test]
fn two_fits_for_each_data_set_are_refused() {
    let mut config = CompareConfig::parse(COMPARE, "compare.ron").unwrap();
    config.methods.push(Method::FittedServo {
        name: "another".to_owned(),
        generations: 2,
    });
    let message = config.validate().unwrap_err().to_string();
    assert!(
        message.contains("another") && message.contains("FittedServo"),
        "{message}"
    );
}

/// The paths of the configs that are shipped are relative to them.
#[test]
fn the_policies_of_the_configs_are_found() {
    for name in [
        "heldout.ron",
        "heldout_delayed.ron",
        "heldout_noise.ron",
        "fine_tuning.ron",
        "unfamiliar.ron",
        "transformers.ron",
        "several_runs.ron",
        "dear_examples.ron",
        "cheap_examples.ron",
    ] {
        let file = Path::new("configs").join(name);
        let config = CompareConfig::load(&file).unwrap();
        config.with_files(Path::new("configs")).unwrap();
    }
}
