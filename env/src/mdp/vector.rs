//! Several environments side by side, on several threads.

use crate::mdp::threads::in_parallel;
use crate::{Action, Environment, EnvironmentSpec, Error, Observation, Result, Step};
use std::sync::Mutex;

/// A vector of equal environments. What it returns does not depend on the number of threads: environment `i` only ever
/// sees the seeds and actions numbered `i`, and answers come back in order.
///
/// ```
/// use trimtab_env::{mdp::vector::VectorEnvironment, suite::Identity, Action, Environment};
/// let environments = (0..4).map(|_| Box::new(Identity::new(2, 5)) as Box<dyn Environment>).collect();
/// let mut vector = VectorEnvironment::new(environments, 2)?;
/// let observations = vector.reset(&[1, 2, 3, 4])?;
/// assert_eq!(observations.len(), 4);
/// let steps = vector.step(&vec![Action::from(0); 4])?;
/// assert!(steps.iter().all(|step| !step.status.is_over()));
/// # Ok::<(), trimtab_env::Error>(())
/// ```
pub struct VectorEnvironment {
    environments: Vec<Mutex<Box<dyn Environment>>>,
    spec: EnvironmentSpec,
    threads: usize,
}

impl VectorEnvironment {
    /// A vector of these environments, worked on by at most `threads` threads.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no environment, no thread, or two environments differ in their specification.
    pub fn new(environments: Vec<Box<dyn Environment>>, threads: usize) -> Result<Self> {
        let Some(first) = environments.first() else {
            return Err(Error::config(
                "environments",
                "[]",
                "give at least 1 environment",
            ));
        };
        if threads == 0 {
            return Err(Error::config("threads", 0, "give at least 1 thread"));
        }
        let spec = first.spec().clone();
        if let Some(difference) = environments
            .iter()
            .find_map(|environment| spec.difference(environment.spec()))
        {
            return Err(Error::config(
                "environments",
                difference,
                "all environments of a vector have the same specification",
            ));
        }
        Ok(Self {
            environments: environments.into_iter().map(Mutex::new).collect(),
            spec,
            threads,
        })
    }

    /// The specification that all share.
    pub fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    /// Number of environments.
    pub fn len(&self) -> usize {
        self.environments.len()
    }

    /// Whether there is no environment; never the case.
    pub fn is_empty(&self) -> bool {
        self.environments.is_empty()
    }

    /// Resets environment `i` with `seeds[i]`.
    ///
    /// # Errors
    /// [`Error::Config`] unless there is one seed for each environment; the first error of an environment.
    pub fn reset(&mut self, seeds: &[u64]) -> Result<Vec<Observation>> {
        self.check_count("seeds", seeds.len())?;
        self.for_each(|index, environment| environment.reset(seeds[index]))
    }

    /// Steps environment `i` with `actions[i]`.
    ///
    /// # Errors
    /// [`Error::Config`] unless there is one action for each environment; the first error of an environment.
    pub fn step(&mut self, actions: &[Action]) -> Result<Vec<Step>> {
        self.check_count("actions", actions.len())?;
        self.for_each(|index, environment| environment.step(&actions[index]))
    }

    /// Does `work` with every environment and returns the answers in their order.
    ///
    /// # Errors
    /// The error of the environment with the smallest index.
    pub fn for_each<T: Send>(
        &mut self,
        work: impl Fn(usize, &mut dyn Environment) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let environments = &self.environments;
        in_parallel(
            self.threads.min(environments.len()),
            environments.len(),
            |_, index| {
                // A poisoned lock means that `work` panicked, which already ends the scope.
                let mut environment = environments[index]
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                work(index, environment.as_mut())
            },
        )
    }

    /// Does `count` pieces of work, each with whichever environment is free, and returns the answers in the order of
    /// the pieces. The work must begin with a reset, so that it does not matter which environment it got.
    ///
    /// # Errors
    /// The error of the piece with the smallest index.
    pub fn share<T: Send>(
        &mut self,
        count: usize,
        work: impl Fn(usize, &mut dyn Environment) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let environments = &self.environments;
        let workers = self.threads.min(environments.len());
        in_parallel(workers, count, |worker, index| {
            let mut environment = environments[worker]
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            work(index, environment.as_mut())
        })
    }

    fn check_count(&self, field: &str, given: usize) -> Result<()> {
        if given == self.environments.len() {
            return Ok(());
        }
        Err(Error::config(
            field,
            format!("{given} of them"),
            format!(
                "give one for each of the {} environments",
                self.environments.len()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Identity, NoisyQuadratic};
    use crate::{Status, TuningEnv};

    fn quadratics(threads: usize) -> VectorEnvironment {
        let environments = (0..5)
            .map(|_| {
                let instances = vec![NoisyQuadratic::default().into()];
                Box::new(TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap())
                    as Box<dyn Environment>
            })
            .collect();
        VectorEnvironment::new(environments, threads).unwrap()
    }

    #[test]
    fn answers_do_not_depend_on_the_number_of_threads() {
        let run = |threads| {
            let mut vector = quadratics(threads);
            let mut trace = Vec::new();
            trace.push(format!("{:?}", vector.reset(&[1, 2, 3, 4, 5]).unwrap()));
            for step in 0..6 {
                let actions: Vec<_> = (0..5).map(|i| Action::from((i + step) % 3 + 1)).collect();
                trace.push(format!("{:?}", vector.step(&actions).unwrap()));
            }
            trace
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(8));
    }

    #[test]
    fn shared_work_comes_back_in_order() {
        let run = |threads| {
            quadratics(threads)
                .share(17, |index, environment| {
                    environment.reset(index as u64)?;
                    let mut total = 0.0;
                    loop {
                        let step = environment.step(&Action::from(2))?;
                        total += step.reward;
                        if step.status.is_over() {
                            return Ok(total);
                        }
                    }
                })
                .unwrap()
        };
        let returns = run(1);
        assert_eq!(returns.len(), 17);
        assert_eq!(returns, run(3));
    }

    #[test]
    fn errors_come_from_the_smallest_index() {
        let environments = (0..3)
            .map(|_| Box::new(Identity::new(2, 5)) as Box<dyn Environment>)
            .collect();
        let mut vector = VectorEnvironment::new(environments, 2).unwrap();
        assert!(
            vector
                .step(&[Action::from(0)])
                .unwrap_err()
                .to_string()
                .contains("each of the 3")
        );
        vector.reset(&[0, 1, 2]).unwrap();
        let steps = vector.step(&vec![Action::from(1); 3]).unwrap();
        assert!(steps.iter().all(|step| step.status == Status::Running));
        let actions = [Action::from(0), Action::from(7), Action::from(9)];
        let message = vector.step(&actions).unwrap_err().to_string();
        assert!(message.contains("chose 7"), "{message}");
    }
}
