//! The report of a comparison: one row a method.

use super::break_even::break_even;
use super::config::CompareConfig;
use super::method::{Method, Peak, Ruleset};
use super::method_report::MethodReport;
use super::profile;
use super::record::{CompareRecord, Line, target};
use super::rivals::{Rivals, rivals};
use super::runs::{Runs, final_loss, test_loss};
use crate::record::statistics::{median, paired};
use crate::record::summary::log_ratio;
use serde::{Deserialize, Serialize};
use trimtab_agent::controller::Schedule;

/// The figures of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the method that the differences are to: the first in the config.
    pub baseline: String,
    /// One row a method, the best score first.
    pub methods: Vec<MethodReport>,
    /// The target of each task: name and validation loss.
    pub targets: Vec<(String, f64)>,
    /// The method in focus against each of the others.
    #[serde(default)]
    pub rivals: Option<Rivals>,
}

/// The figures of the records of a comparison.
pub fn report(config: &CompareConfig, lines: &[Line]) -> Report {
    let records: Vec<&CompareRecord> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Result(record) => Some(record),
            Line::Tuned(_) | Line::Fitted(_) => None,
        })
        .collect();
    let runs = Runs::new(&records);
    let tasks = runs.tasks();
    let targets: Vec<(String, f64)> = tasks
        .iter()
        .filter_map(|task| Some(((*task).to_owned(), target(config, lines, task)?)))
        .collect();
    let target_of = |task: &str| {
        targets
            .iter()
            .find(|(name, _)| name == task)
            .map(|(_, t)| *t)
    };
    let names: Vec<&str> = config.methods.iter().map(|method| method.name()).collect();
    let baseline = names[0];

    let median_time = |method: &str, task: &str| -> Option<f64> {
        let target = target_of(task)?;
        let times: Vec<f64> = runs
            .of(method, task)
            .iter()
            .map(|record| record.ledger.time_to(target).unwrap_or(f64::INFINITY))
            .collect();
        median(&times).filter(|time| time.is_finite())
    };
    let times: Vec<Vec<Option<f64>>> = names
        .iter()
        .map(|method| tasks.iter().map(|task| median_time(method, task)).collect())
        .collect();

    let mean_budget = {
        let budgets = records.iter().map(|record| record.budget);
        budgets.sum::<f64>() / records.len().max(1) as f64
    };
    let mut methods: Vec<MethodReport> = config
        .methods
        .iter()
        .enumerate()
        .map(|(index, method)| {
            let name = method.name();
            let own: Vec<&CompareRecord> = records
                .iter()
                .copied()
                .filter(|r| r.method == name)
                .collect();
            let n = own.len().max(1) as f64;
            let budget = |task: &str| {
                let one = own.iter().find(|record| record.task == task);
                one.map_or(1.0, |record| record.budget)
            };
            let reached = own.iter().filter(|record| {
                target_of(&record.task).is_some_and(|t| record.ledger.time_to(t).is_some())
            });
            let relative: Option<Vec<f64>> = tasks
                .iter()
                .zip(&times[index])
                .map(|(task, time)| time.map(|time| time / budget(task)))
                .collect();
            let differences = runs.log_ratios(name, baseline, final_loss);
            let to_target: Vec<Vec<f64>> = tasks
                .iter()
                .map(|task| {
                    let target = target_of(task).unwrap_or(f64::NAN);
                    let own = runs.of(name, task).iter();
                    let ratios = own.map(|r| log_ratio(final_loss(r), target));
                    ratios.filter(|ratio| ratio.is_finite()).collect()
                })
                .collect();
            let all: Vec<f64> = differences.iter().flatten().copied().collect();
            let share = |wanted: &dyn Fn(f64) -> bool| {
                all.iter().filter(|d| wanted(**d)).count() as f64 / all.len().max(1) as f64
            };
            let (wins, losses) = (share(&|d| d < 0.0), share(&|d| d > 0.0));
            let difference = paired(&config.clustered(&differences), config.seed);
            let verdict = match difference {
                _ if name == baseline => "baseline",
                Some(i) if i.high < 0.0 && wins >= config.win_share => "better",
                Some(i) if i.low > 0.0 && losses >= config.win_share => "worse",
                Some(_) | None => "no difference",
            };
            let test = runs.log_ratios(name, baseline, test_loss);
            MethodReport {
                method: name.to_owned(),
                hindsight: method.has_hindsight(),
                ruleset: method.ruleset(),
                runs: own
                    .iter()
                    .map(|record| record.ledger.runs as f64)
                    .sum::<f64>()
                    / n,
                earlier: earlier(method, lines) / mean_budget,
                break_even: None,
                budgets: own.iter().map(|r| r.ledger.spent / r.budget).sum::<f64>() / n,
                reached: reached.count() as f64 / n,
                time_to_target: relative
                    .map(|all| all.iter().sum::<f64>() / all.len().max(1) as f64),
                times: times[index].clone(),
                score: profile::score(&times, index, config.largest_ratio),
                ruleset_score: score_within_ruleset(config, &times, index),
                loss: paired(&config.clustered(&to_target), config.seed),
                difference,
                wins,
                test_difference: paired(&config.clustered(&test), config.seed),
                verdict: verdict.to_owned(),
                divergences: own
                    .iter()
                    .map(|record| record.ledger.divergences as f64)
                    .sum::<f64>()
                    / n,
            }
        })
        .collect();
    settle(&mut methods);
    methods.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut report = Report {
        baseline: baseline.to_owned(),
        methods,
        targets,
        rivals: None,
    };
    let focus = config.focus.as_deref();
    report.rivals = focus.and_then(|method| rivals(config, &runs, &report.methods, method));
    report
}

/// The AlgoPerf score of a method among those of its ruleset.
fn score_within_ruleset(config: &CompareConfig, times: &[Vec<Option<f64>>], index: usize) -> f64 {
    let own = config.methods[index].ruleset();
    let peers: Vec<usize> = (0..times.len())
        .filter(|other| config.methods[*other].ruleset() == own)
        .collect();
    let among: Vec<_> = peers.iter().map(|peer| times[*peer].clone()).collect();
    let place = peers.iter().take_while(|peer| **peer != index).count();
    profile::score(&among, place, config.largest_ratio)
}

/// Says of every method for which something was spent before when it breaks even.
fn settle(methods: &mut [MethodReport]) {
    let searches: Vec<(f64, f64)> = methods
        .iter()
        .filter(|method| method.ruleset == Ruleset::ExternalTuning && method.runs > 1.0)
        .filter_map(|method| Some((method.budgets, method.loss?.mean)))
        .collect();
    for method in methods.iter_mut().filter(|method| method.earlier > 0.0) {
        let loss = method.loss.map_or(f64::NAN, |loss| loss.mean);
        let breaks_even = break_even(method.earlier, method.budgets, loss, &searches);
        method.break_even = Some(breaks_even);
    }
}

/// What was spent for a method before the comparison, in seconds of the cost model.
fn earlier(method: &Method, lines: &[Line]) -> f64 {
    let grids = |schedule: &Schedule| -> Vec<f64> {
        let of = |line: &Line| match line {
            Line::Tuned(tuned) if tuned.schedule == *schedule => Some(tuned.cost),
            Line::Tuned(_) | Line::Fitted(_) | Line::Result(_) => None,
        };
        lines.iter().filter_map(of).collect()
    };
    let fits: Vec<f64> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Fitted(fitted) => Some(fitted.cost),
            Line::Tuned(_) | Line::Result(_) => None,
        })
        .collect();
    let mean = |costs: &[f64]| costs.iter().sum::<f64>() / costs.len().max(1) as f64;
    match method {
        Method::Schedule { schedule, peak, .. } => match peak {
            Peak::Default | Peak::Random => 0.0,
            Peak::Hindsight => mean(&grids(schedule)),
            Peak::Universal => grids(&Schedule::Constant).iter().sum(),
        },
        Method::FittedServo { .. } => mean(&fits) + grids(&Schedule::Constant).iter().sum::<f64>(),
        Method::Policy { training_cost, .. } | Method::ContextServo { training_cost, .. } => {
            *training_cost
        }
        Method::Optimizer { .. }
        | Method::ReduceOnPlateau { .. }
        | Method::Hypergradient { .. }
        | Method::RangeTest { .. }
        | Method::Servo { .. }
        | Method::Custom { .. }
        | Method::Search { .. } => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::break_even::BreakEven;
    use crate::compare::config::COMPARE;
    use crate::compare::record::Tuned;
    use crate::compare::{Ledger, table};
    use trimtab_agent::searcher::SearcherConfig;
    use trimtab_env::{Outcome, Settings};

    fn result(method: &str, spent: f64, runs: u64, reached: [f64; 2]) -> Line {
        Line::Result(CompareRecord {
            method: method.to_owned(),
            task: "x".to_owned(),
            seed: 0,
            budget: 2.0,
            ledger: Ledger {
                spent,
                runs,
                divergences: 0,
                curve: vec![reached],
            },
            outcome: Outcome::default(),
            range_test: None,
        })
    }

    /// One task with a target of 1 and runs of 2 seconds.
    fn example() -> Report {
        let schedule = |name: &str, peak| Method::Schedule {
            name: name.to_owned(),
            schedule: Schedule::Constant,
            peak,
        };
        let mut config = CompareConfig::parse(COMPARE, "compare.ron").unwrap();
        config.focus = Some("policy".to_owned());
        config.methods = vec![
            schedule("default", Peak::Default),
            schedule("best_static", Peak::Hindsight),
            Method::Search {
                name: "random_5".to_owned(),
                searcher: SearcherConfig::Random,
                pruner: None,
                runs: 5.0,
                batch: 1,
                steered: None,
                warm_start: None,
            },
            Method::Policy {
                name: "policy".to_owned(),
                path: "policy.json".into(),
                training_cost: 40.0,
            },
        ];
        let lines = [
            Line::Tuned(Tuned {
                schedule: Schedule::Constant,
                task: "x".to_owned(),
                grid: vec![],
                best: Settings::default(),
                reruns: vec![1.0],
                cost: 12.0,
            }),
            result("default", 2.0, 1, [2.0, 2.0]),
            result("best_static", 2.0, 1, [1.0, 1.0]),
            result("random_5", 10.0, 5, [4.0, 1.0]),
            result("policy", 2.0, 1, [2.0, 1.0]),
        ];
        report(&config, &lines)
    }

    fn row<'a>(report: &'a Report, name: &str) -> &'a MethodReport {
        let mut rows = report.methods.iter();
        rows.find(|row| row.method == name).unwrap()
    }

    #[test]
    fn what_was_spent_before_breaks_even_after_so_many_uses() {
        let report = example();
        // A grid of 12 seconds is 6 budgets; 4 are saved a use against a search of 5: 6 + 2 < 10, but 6 + 1 > 5.
        let best = row(&report, "best_static");
        assert_eq!(best.earlier, 6.0);
        assert_eq!(best.break_even, Some(BreakEven::Uses(2)));
        // 20 budgets: 20 + 6 < 30, but 20 + 5 = 25.
        let policy = row(&report, "policy");
        assert_eq!(policy.earlier, 20.0);
        assert_eq!(policy.break_even, Some(BreakEven::Uses(6)));
        for nothing in ["default", "random_5"] {
            assert_eq!(row(&report, nothing).break_even, None);
        }
    }

    #[test]
    fn scores_are_among_all_and_within_the_ruleset() {
        let report = example();
        // The policy takes twice as long as the fastest: (4 - 2) / 3. The search takes four times as long.
        for (name, score, within) in [
            ("best_static", 1.0, 1.0),
            ("policy", 2.0 / 3.0, 1.0),
            ("random_5", 0.0, 1.0),
            ("default", 0.0, 0.0),
        ] {
            let row = row(&report, name);
            assert!((row.score - score).abs() < 1e-12, "{name}: {}", row.score);
            assert_eq!(row.ruleset_score, within, "{name}");
        }
    }

    #[test]
    fn the_table_has_one_group_a_ruleset() {
        let table = table(&example());
        let order = [
            "self-tuning",
            "policy",
            "default",
            "external tuning",
            "random_5",
            "with hindsight",
            "best_static *",
        ];
        let lines: Vec<&str> = table.lines().skip(2).collect();
        for (line, begin) in lines.iter().zip(order) {
            assert!(line.starts_with(begin), "{line}");
        }
    }

    #[test]
    fn the_method_in_focus_meets_each_of_the_others() {
        let rivals = example().rivals.unwrap();
        let names: Vec<&str> = rivals.rivals.iter().map(|r| r.rival.as_str()).collect();
        // It ties with two and beats the third.
        assert_eq!(names, ["best_static", "random_5", "default"]);
        let [best, search, default] = [0, 1, 2].map(|i| &rivals.rivals[i]);
        assert_eq!(best.validation.unwrap().mean, 0.0);
        assert_eq!(default.validation.unwrap().mean, -(2f64.ln()));
        // It takes 2 seconds; the best setting takes 1, the search 4, the default never gets there.
        assert!((best.time.unwrap() - 2.0).abs() < 1e-12 && best.reached == [1, 0, 0]);
        assert!((search.time.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!((default.time, default.reached), (None, [0, 1, 0]));
        assert_eq!(default.wins, 1.0);
        // There is one budget.
        assert_eq!(default.at_budgets, [default.validation]);
    }
}
