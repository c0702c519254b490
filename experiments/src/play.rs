//! Many episodes of tuning environments: side by side on each thread, so that equal networks can share a tensor program, and
//! on several threads.

use crate::Result;
use crate::environments::{Tuning, lock};
use std::sync::Mutex;
use trimtab_agent::controller::{Controller, Play, run_together};
use trimtab_env::TuningEnv;
use trimtab_env::vector::in_parallel;
use trimtab_models::bank;

/// At most so many episodes go side by side. A program takes fewer, but those with equal batches have to be found among them.
const TOGETHER: usize = 32;

/// Environments over the same tasks for each thread.
pub struct Field {
    environments: Vec<Mutex<Vec<TuningEnv>>>,
}

impl Field {
    /// Environments for about `episodes` episodes at once on `jobs` threads.
    ///
    /// # Errors
    /// As [`Tuning::environment`].
    pub fn new(tuning: &Tuning, jobs: usize, episodes: usize) -> Result<Self> {
        let threads = jobs.clamp(1, episodes.max(1));
        let each = episodes.div_ceil(threads).clamp(1, TOGETHER);
        let environments = (0..threads)
            .map(|_| Ok(Mutex::new(tuning.environments(&[], each)?)))
            .collect::<Result<_>>()?;
        Ok(Self { environments })
    }

    /// Plays `count` episodes and returns what `end` says of each, in their order. `begin` gives an episode its controller and
    /// its seed, and `end` is shown the environment after it. What comes of them depends neither on the number of threads nor
    /// on who plays beside whom.
    ///
    /// # Errors
    /// The first error of an episode.
    pub fn play<T: Send>(
        &self,
        count: usize,
        begin: impl Fn(usize, &mut TuningEnv) -> Result<(Box<dyn Controller>, u64)> + Sync,
        end: impl Fn(usize, &mut TuningEnv) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let threads = self.environments.len();
        let room = self.environments.first().map_or(1, |one| lock(one).len());
        let size = count.div_ceil(threads).clamp(1, room);
        let played = in_parallel(threads, count.div_ceil(size), |worker, chunk| {
            let mut environments = lock(&self.environments[worker]);
            let episodes = chunk * size..count.min((chunk + 1) * size);
            let mut begun = Vec::with_capacity(size);
            for (episode, environment) in episodes.clone().zip(environments.iter_mut()) {
                begun.push(begin(episode, environment)?);
            }
            let plays = environments.iter_mut().zip(&mut begun);
            let plays = plays.map(|(environment, (controller, seed))| Play {
                environment,
                controller: controller.as_mut(),
                seed: *seed,
            });
            run_together(plays.collect(), bank::advance)?;
            let ended = episodes.zip(environments.iter_mut());
            ended
                .map(|(episode, environment)| end(episode, environment))
                .collect::<Result<Vec<T>>>()
        })?;
        Ok(played.into_iter().flatten().collect())
    }
}
