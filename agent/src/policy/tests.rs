use super::*;
use trimtab_env::settings::ROLLBACK;

/// On a training that goes as it should, the policy that ships changes nothing; when validation and training loss have both gone
/// up, and it has lasted, it goes back.
#[test]
fn the_policy_that_ships_knows_calm_from_relapse() {
    let policy = Policy::shipped().unwrap();
    let residual = policy.residual().unwrap();
    let names: Vec<&str> = policy
        .spec
        .features
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    let choose = |seen: &[(&str, f32)]| {
        let mut observation = Observation {
            features: vec![0.0; names.len()],
            mask: None,
        };
        for (name, value) in seen {
            let index = names.iter().position(|other| other == name).unwrap();
            observation.features[index] = *value;
        }
        let choices = (residual.choose)(&observation).choices;
        let heads = policy.spec.heads.iter().zip(choices);
        heads
            .map(|(head, choice)| head.no_op() != Some(choice))
            .collect::<Vec<bool>>()
    };
    let weights = policy
        .spec
        .heads
        .iter()
        .position(|head| head.name == ROLLBACK);
    let calm = [("train_loss_change", -0.3), ("validation_change", -0.2)];
    assert!(choose(&calm).iter().all(|changed| !changed));
    let relapse = [
        ("validation_change", 3.0),
        ("validation_to_best", 3.0),
        ("train_loss_change", 3.0),
        ("train_loss_risen", 1.5),
    ];
    let lasting = [
        ("validation_to_best", 3.0),
        ("validation_to_best_1_ago", 3.0),
        ("validation_to_best_2_ago", 3.0),
        ("train_loss_risen", 1.5),
    ];
    let goes_back = [&relapse[..], &lasting].map(|seen| choose(seen)[weights.unwrap()]);
    assert_eq!(goes_back, [false, true]);
}

/// A policy with one feature and three choices, whose logits are the feature times these.
fn linear(weights: [f32; 3]) -> Policy {
    let layer = crate::policy::perceptron::Layer {
        weight: weights.to_vec(),
        bias: vec![0.0; 3],
    };
    let spec = EnvironmentSpec {
        name: "x".to_owned(),
        features: vec![trimtab_env::Feature::new("x", -1e9, 1e9)],
        heads: vec![Head::new("move", ["a", "b", "c"])],
        horizon: 1,
    };
    let actor = Perceptron {
        activation: Activation::Tanh,
        layers: vec![layer],
    };
    Policy::new(spec, None, actor)
}

fn acted(policy: &Policy, x: f32, allowed: [bool; 3]) -> trimtab_env::Result<Vec<usize>> {
    let observation = Observation {
        features: vec![x],
        mask: Some(trimtab_env::ActionMask {
            allowed: vec![allowed.to_vec()],
        }),
    };
    let scratch = &mut Scratch::default();
    let choose = |draw: u64| {
        let mut rng = stream(1, "actions", draw);
        let selection = if draw == 0 {
            Selection::Greedy
        } else {
            Selection::Sampled
        };
        let (action, log_prob) = policy.act(&observation, selection, &mut rng, scratch)?;
        assert!(log_prob.is_finite());
        Ok(action.choices[0])
    };
    (0..20).map(choose).collect()
}

#[test]
fn what_is_masked_is_never_chosen_however_large_the_logits_are() {
    for weights in [[3e10, 1.0, -1.0], [1e38, -1e38, -1e38], [0.0, -3e38, -3e38]] {
        let choices = acted(&linear(weights), 1.0, [false, true, true]).unwrap();
        assert!(
            choices.iter().all(|choice| *choice != 0),
            "{weights:?}: {choices:?}"
        );
    }
}

#[test]
fn numbers_that_are_not_finite_are_an_error_and_no_choice() {
    let all = [true; 3];
    for (weights, x, allowed) in [
        ([1e38, 0.0, 0.0], 1e9, all),
        ([1e38, 0.0, 0.0], 1e9, [false, true, true]),
        ([f32::NAN, 1.0, 1.0], 1.0, all),
        ([-1e38; 3], 1e9, all),
        ([1.0; 3], f32::NAN, [false, true, true]),
        ([1.0; 3], 1.0, [false; 3]),
    ] {
        let acted = acted(&linear(weights), x, allowed);
        let masked = !allowed[0] && weights[0] > 1e37;
        // The logit of a masked choice has no effect.
        match acted {
            Ok(choices) => assert!(masked && !choices.contains(&0)),
            Err(error) => assert!(error.to_string().contains("`move`"), "{error}"),
        }
    }
}

#[test]
fn a_policy_of_another_environment_adds_to_nothing() {
    let mut policy = Policy::shipped().unwrap();
    let residual = policy.residual.take().unwrap();
    let error = policy.residual().unwrap_err().to_string();
    assert!(error.contains("base controller"), "{error}");
    // Nor does one that is told to look at something else.
    let mut other = residual;
    other.observation.only.pop();
    let error = policy.with_residual(other).residual().unwrap_err();
    assert!(matches!(error, Error::OtherSpec { .. }), "{error}");
}
