//! The environments of the suite by name, as configurations and command lines ask for them.

use super::{
    Acrobot, CartPole, Cutoff, Encoding, Identity, LeadingOnes, LeadingOnesConfig,
    LeadingOnesInstance, Luby, LubyInstance, MountainCar, Sigmoid, SigmoidInstance, Start,
};
use crate::{Environment, InstanceSet, InstanceSource, Order, Part, Result};

/// Sizes of the LeadingOnes environments.
const SIZES: [usize; 4] = [50, 100, 150, 200];
/// Their portfolios. The default one has no name of its own.
const PORTFOLIOS: [&str; 6] = ["", "-1", "-123", "-1234", "-evenly3", "-full"];
/// Curves of the sigmoid environments.
const DIMENSIONS: [usize; 4] = [1, 2, 3, 5];
/// Steps of the Luby environments, and seed of the shifted instances.
const HORIZONS: [usize; 4] = [8, 16, 32, 64];
const LUBY_SEED: u64 = 0;
/// What ends the name of an environment of algorithm configuration that is not in the raw encoding.
const ENCODINGS: [(&str, Encoding); 2] = [
    ("-normalised", Encoding::Normalised),
    ("-engineered", Encoding::Engineered),
];

/// The names that [`by_name`] knows:
///
/// - `identity`: 4 symbols, 32 steps;
/// - `CartPole-v1`, `Acrobot-v1`, `MountainCar-v0`;
/// - `sigmoid-1d`, `sigmoid-2d`, `sigmoid-3d`, `sigmoid-5d`;
/// - `luby-8` and 16, 32, 64: so many steps from the beginning of the sequence, and `luby-shifted-8` and so on: of
///   [`LubyInstance::shifted`];
/// - `leading-ones-50` and 100, 150, 200, with the portfolio 1, 2, 4, 8, 16. Other portfolios follow the size: `-1`;
///   `-123` and `-1234`, all up to 3 or 4; `-evenly3`, the numbers 1, 17 and 33; `-full`, all up to the size.
///
/// A sigmoid, Luby or LeadingOnes environment with `-normalised` or `-engineered` at the end of its name has that
/// [`Encoding`].
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = ["identity", "CartPole-v1", "Acrobot-v1", "MountainCar-v0"]
        .map(str::to_owned)
        .to_vec();
    let mut encoded: Vec<String> = DIMENSIONS.map(|d| format!("sigmoid-{d}d")).to_vec();
    for steps in HORIZONS {
        encoded.extend([format!("luby-{steps}"), format!("luby-shifted-{steps}")]);
    }
    for n in SIZES {
        encoded.extend(PORTFOLIOS.map(|portfolio| format!("leading-ones-{n}{portfolio}")));
    }
    for name in encoded {
        names.extend(ENCODINGS.map(|(ending, _)| format!("{name}{ending}")));
        names.push(name);
    }
    names.sort_unstable();
    names
}

/// The environment called `name`, with its train instances; `None` if [`names`] does not have it.
///
/// ```
/// use trimtab_env::suite;
/// let environment = suite::by_name("sigmoid-2d").unwrap();
/// assert_eq!(environment.spec().heads.len(), 2);
/// assert!(suite::by_name("sigmoid-4d").is_none());
/// ```
pub fn by_name(name: &str) -> Option<Box<dyn Environment>> {
    by_name_part(name, Part::Train)
}

/// The environment called `name` on the instances of `part`. The sigmoid and shifted Luby environments have different
/// train and test instances, LeadingOnes has different cutoffs; the others are the same in both.
///
/// ```
/// use trimtab_env::{Part, suite};
/// let mut test = suite::by_name_part("leading-ones-50", Part::Test).unwrap();
/// assert_eq!(test.spec().horizon, 999_999);
/// ```
pub fn by_name_part(name: &str, part: Part) -> Option<Box<dyn Environment>> {
    by_name_in(name, part, Order::Random)
}

/// The environment called `name` on the instances of `part` in an [`Order`]: with [`Order::InTurn`] as many episodes as
/// there are instances go through each of them once.
pub fn by_name_in(name: &str, part: Part, order: Order) -> Option<Box<dyn Environment>> {
    Some(match name {
        "identity" => Box::new(Identity::new(4, 32)),
        "CartPole-v1" => Box::new(CartPole::new()),
        "Acrobot-v1" => Box::new(Acrobot::new()),
        "MountainCar-v0" => Box::new(MountainCar::new()),
        _ => {
            let (base, encoding) = ENCODINGS
                .iter()
                .find_map(|(ending, encoding)| Some((name.strip_suffix(ending)?, *encoding)))
                .unwrap_or((name, Encoding::Raw));
            configuration(name, base, part, order, encoding)?
                .expect("every instance set of the suite is valid")
        }
    })
}

/// The environment of dynamic algorithm configuration with this name, which is `base` and perhaps the encoding.
fn configuration(
    name: &str,
    base: &str,
    part: Part,
    order: Order,
    encoding: Encoding,
) -> Option<Result<Box<dyn Environment>>> {
    if let Some(d) = DIMENSIONS.iter().find(|d| base == format!("sigmoid-{d}d")) {
        return Some(sigmoid(name, *d, part, order, encoding));
    }
    for n in SIZES {
        if let Some(portfolio) = base.strip_prefix(&format!("leading-ones-{n}")) {
            let config = LeadingOnesConfig {
                portfolio: flips(portfolio, n)?,
                cutoff: match part {
                    Part::Train => Cutoff::Training,
                    Part::Test => Cutoff::Test,
                },
                encoding,
                ..Default::default()
            };
            return Some(leading_ones(name, n, part, order, config));
        }
    }
    for steps in HORIZONS {
        let set = if base == format!("luby-{steps}") {
            same(LubyInstance::default())
        } else if base == format!("luby-shifted-{steps}") {
            LubyInstance::shifted(LUBY_SEED)
        } else {
            continue;
        };
        return Some(luby(name, set, steps, part, order, encoding));
    }
    None
}

/// A set whose train and test instances are one and the same.
fn same<I: Copy>(instance: I) -> InstanceSet<I> {
    InstanceSet::new(vec![instance], vec![instance])
}

fn sigmoid(
    name: &str,
    dimensions: usize,
    part: Part,
    order: Order,
    encoding: Encoding,
) -> Result<Box<dyn Environment>> {
    let set = SigmoidInstance::bundled(dimensions)?;
    let source = InstanceSource::new(set, part, order)?;
    Ok(Box::new(Sigmoid::new(source, encoding)?.named(name)))
}

fn luby(
    name: &str,
    set: InstanceSet<LubyInstance>,
    steps: usize,
    part: Part,
    order: Order,
    encoding: Encoding,
) -> Result<Box<dyn Environment>> {
    let source = InstanceSource::new(set, part, order)?;
    let environment = Luby::new(source, steps, encoding)?;
    Ok(Box::new(environment.named(name)))
}

fn leading_ones(
    name: &str,
    n: usize,
    part: Part,
    order: Order,
    config: LeadingOnesConfig,
) -> Result<Box<dyn Environment>> {
    let set = same(LeadingOnesInstance {
        n,
        start: Start::Random,
    });
    let source = InstanceSource::new(set, part, order)?;
    Ok(Box::new(LeadingOnes::new(source, config)?.named(name)))
}

/// The numbers of flips in a portfolio.
fn flips(portfolio: &str, n: usize) -> Option<Vec<usize>> {
    Some(match portfolio {
        "" => LeadingOnesConfig::default().portfolio,
        "-1" => vec![1],
        "-123" => vec![1, 2, 3],
        "-1234" => vec![1, 2, 3, 4],
        "-evenly3" => vec![1, 17, 33],
        "-full" => (1..=n).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CheckOptions, check_environment};
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_an_environment_that_keeps_the_contract() {
        let names = names();
        assert_eq!(names.len(), 4 + 3 * (4 + 2 * 4 + 4 * 6));
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        let options = CheckOptions {
            episodes: 1,
            max_steps: 500,
            ..Default::default()
        };
        for name in &names {
            for part in [Part::Train, Part::Test] {
                let mut environment = by_name_part(name, part).unwrap();
                assert_eq!(environment.spec().name, *name);
                assert_eq!(
                    check_environment(environment.as_mut(), &options),
                    [],
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn the_encodings_are_not_taken_for_one_another() {
        for name in ["sigmoid-1d", "luby-16", "leading-ones-100-full"] {
            let raw = by_name(name).unwrap();
            let normalised = by_name(&format!("{name}-normalised")).unwrap();
            assert!(raw.spec().difference(normalised.spec()).is_some(), "{name}");
        }
    }

    #[test]
    fn the_parts_have_their_own_instances() {
        for name in ["sigmoid-3d", "luby-shifted-16"] {
            let outcomes = |part| -> Vec<_> {
                let mut environment = by_name_part(name, part).unwrap();
                let play = |seed| {
                    environment.reset(seed).unwrap();
                    let heads = environment.spec().heads.len();
                    let action = crate::Action::new(vec![0; heads]);
                    while !environment.step(&action).unwrap().status.is_over() {}
                    environment.outcome().unwrap()["regret"].to_bits()
                };
                (0..20).map(play).collect()
            };
            assert_ne!(outcomes(Part::Train), outcomes(Part::Test), "{name}");
        }
    }

    #[test]
    fn other_names_are_none() {
        for name in [
            "",
            "cartpole",
            "identity-normalised",
            "sigmoid-4d",
            "leading-ones-60",
            "leading-ones-500",
            "leading-ones-50-12",
            "luby-",
            "luby-9",
        ] {
            assert!(by_name(name).is_none(), "{name}");
        }
    }
}
