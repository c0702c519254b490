//! Environments as environments of burn-rl (feature `burn-rl`).

use burn::tensor::{Device, Tensor, TensorData};
use burn_rl::{StepResult, ToObservation};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::{Action, Environment, EnvironmentSpec, Error, Observation, Result};
use trimtab_env::{Status, Truncation};

/// Any [`Environment`] as a [`burn_rl::Environment`]. Three things differ:
///
/// - burn-rl has no seeds. Episode `n` of an adapter gets the seed number `n` of the stream `burn-rl` of the adapter's
///   own seed; it counts them itself. Adapters side by side want different seeds.
/// - burn-rl's steps have two flags, but its training loop (burn-train 0.22.1) stores their disjunction with the
///   transition, and counts only episodes that are `done`. So `done` is true at either end, `truncated` tells which, and
///   [`State::status`] has the reason. The value after a truncated episode is to be looked up there.
/// - burn-rl's steps cannot fail. An error ends the episode as [`Truncation::Interrupted`] with reward 0, and
///   [`BurnRl::failure`] has the first one.
///
/// ```
/// use burn_rl::Environment as _;
/// use trimtab_agent::burn_rl::BurnRl;
/// use trimtab_env::{Action, suite::CartPole};
///
/// let mut environment = BurnRl::new(CartPole::new(), 1)?;
/// let step = environment.step(Action::from(0));
/// assert_eq!((step.reward, step.done), (1.0, false));
/// assert_eq!(step.next_state.observation.features.len(), 4);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
pub struct BurnRl<E> {
    environment: E,
    seed: u64,
    /// Number of the episode under way.
    episode: u64,
    /// Whether it has taken a step.
    stepped: bool,
    state: State,
    failure: Option<Error>,
}

/// What burn-rl passes on from step to step.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The observation.
    pub observation: Observation,
    /// Whether the episode goes on, and if not, why.
    pub status: Status,
}

impl ToObservation<Tensor<2>> for State {
    /// # Shapes
    /// `[1, features]`.
    fn to_observation(&self, device: &Device) -> Tensor<2> {
        let features = self.observation.features.clone();
        let shape = [1, features.len()];
        Tensor::from_data(TensorData::new(features, shape), device)
    }
}

impl<E: Environment> BurnRl<E> {
    /// Begins the first episode.
    ///
    /// # Errors
    /// The environment's.
    pub fn new(mut environment: E, seed: u64) -> Result<Self> {
        let observation = environment.reset(derived_seed(seed, "burn-rl", 0))?;
        Ok(Self {
            environment,
            seed,
            episode: 0,
            stepped: false,
            state: State {
                observation,
                status: Status::Running,
            },
            failure: None,
        })
    }

    /// What observations and actions look like.
    pub fn spec(&self) -> &EnvironmentSpec {
        self.environment.spec()
    }

    /// The first error of the environment since the beginning.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
        self.state.status = Status::Truncated(Truncation::Interrupted);
    }
}

impl<E: Environment> burn_rl::Environment for BurnRl<E> {
    type State = State;
    type Action = Action;

    /// No limit: the horizon of an environment is known at run time, and [`BurnRl::spec`] has it.
    const MAX_STEPS: usize = usize::MAX;

    fn state(&self) -> State {
        self.state.clone()
    }

    fn step(&mut self, action: Action) -> StepResult<State> {
        self.stepped = true;
        let mut reward = 0.0;
        match self.environment.step(&action) {
            Ok(step) => {
                reward = f64::from(step.reward);
                self.state = State {
                    observation: step.observation,
                    status: step.status,
                };
            }
            Err(error) => self.fail(error),
        }
        StepResult {
            next_state: self.state.clone(),
            reward,
            done: self.state.status.is_over(),
            truncated: matches!(self.state.status, Status::Truncated(_)),
        }
    }

    /// Begins the next episode; one that is at its beginning stays, because burn-rl resets new environments too.
    fn reset(&mut self) {
        if !self.stepped {
            return;
        }
        self.stepped = false;
        self.episode += 1;
        let seed = derived_seed(self.seed, "burn-rl", self.episode);
        match self.environment.reset(seed) {
            Ok(observation) => {
                self.state = State {
                    observation,
                    status: Status::Running,
                };
            }
            Err(error) => self.fail(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_rl::{AsyncPolicy, Batchable, Environment as _, EnvironmentInit, Policy, PolicyState};
    use burn_rl::{ToAction, TransitionBuffer};
    use trimtab_env::Termination;
    use trimtab_env::suite::{CartPole, Identity};
    use trimtab_env::wrappers::TimeLimit;

    /// Rows of features, and rows of one choice.
    #[derive(Clone)]
    struct Rows(Tensor<2>);

    impl Batchable for Rows {
        fn batch(rows: Vec<Self>) -> Self {
            Self(Tensor::cat(rows.into_iter().map(|row| row.0).collect(), 0))
        }

        fn unbatch(self) -> Vec<Self> {
            self.0.split(1, 0).into_iter().map(Self).collect()
        }
    }

    impl ToObservation<Rows> for State {
        fn to_observation(&self, device: &Device) -> Rows {
            Rows(self.to_observation(device))
        }
    }

    impl From<Rows> for Action {
        fn from(row: Rows) -> Self {
            Self::from(row.0.into_scalar::<f32>() as usize)
        }
    }

    impl ToAction<Rows> for Action {
        fn to_action(&self, device: &Device) -> Rows {
            Rows(Tensor::from_data([[self.choices[0] as f32]], device))
        }
    }

    /// Names the symbol that [`Identity`] shows.
    #[derive(Clone)]
    struct Largest;

    impl PolicyState for Largest {
        type Record = ();

        fn into_record(self) {}

        fn load_record(&self, (): ()) -> Self {
            Self
        }
    }

    impl Policy for Largest {
        type Observation = Rows;
        type ActionDistribution = Rows;
        type Action = Rows;
        type ActionContext = ();
        type PolicyState = Self;

        fn forward(&mut self, observations: Rows) -> Rows {
            observations
        }

        fn action(&mut self, observations: Rows, _deterministic: bool) -> (Rows, Vec<()>) {
            let count = observations.0.dims()[0];
            (Rows(observations.0.argmax(1).float()), vec![(); count])
        }

        fn update(&mut self, _update: Self) {}

        fn state(&self) -> Self {
            Self
        }

        fn to_device(self, _device: &Device) -> Self {
            self
        }

        fn load_record(self, (): ()) -> Self {
            self
        }
    }

    #[test]
    fn a_policy_of_burn_rl_plays_and_its_buffer_keeps_what_happened() {
        let device = Device::flex();
        let init = || BurnRl::new(Identity::new(4, 10), 3).unwrap();
        let mut environment = EnvironmentInit::init(&init);
        let mut policy = AsyncPolicy::new(1, Largest);
        policy.increment_agents(1);
        let mut buffer = TransitionBuffer::<Tensor<2>, Tensor<2>>::new(30, &device);
        for _ in 0..3 {
            environment.reset();
            let mut total = 0.0;
            loop {
                let state = environment.state();
                let (action, _) = policy.action(state.to_observation(&device), true);
                let action = Action::from(action);
                let step = environment.step(action.clone());
                total += step.reward;
                let rows: Rows = action.to_action(&device);
                buffer.push(
                    state.to_observation(&device),
                    step.next_state.to_observation(&device),
                    rows.0,
                    step.reward as f32,
                    step.done,
                );
                if step.done {
                    let finished = Status::Terminated(Termination::Finished);
                    assert_eq!((step.next_state.status, step.truncated), (finished, false));
                    break;
                }
            }
            assert_eq!(total, 10.0);
        }
        policy.decrement_agents(1);
        assert_eq!(buffer.len(), 30);
        let batch = buffer.sample(30);
        assert_eq!(batch.states.dims(), [30, 4]);
        let named: Tensor<2> = batch.states.argmax(1).float();
        assert_eq!(named.into_data(), batch.actions.into_data());
        assert_eq!(batch.rewards.sum().into_scalar::<f32>(), 30.0);
        assert!(environment.failure().is_none());
    }

    #[test]
    fn each_episode_has_its_own_derived_seed_and_a_reset_at_the_beginning_changes_nothing() {
        let mut adapted = BurnRl::new(CartPole::new(), 7).unwrap();
        let mut plain = CartPole::new();
        for episode in 0..3 {
            let begun = plain.reset(derived_seed(7, "burn-rl", episode)).unwrap();
            burn_rl::Environment::reset(&mut adapted);
            burn_rl::Environment::reset(&mut adapted);
            assert_eq!(adapted.state().observation, begun);
            let step = plain.step(&Action::from(1)).unwrap();
            assert_eq!(
                adapted.step(Action::from(1)).next_state.observation,
                step.observation
            );
        }
    }

    #[test]
    fn an_end_by_a_limit_can_be_told_from_a_real_one() {
        let mut limited = BurnRl::new(TimeLimit::new(CartPole::new(), 1), 1).unwrap();
        let step = limited.step(Action::from(0));
        assert!(step.done && step.truncated);
        assert_eq!(
            step.next_state.status,
            Status::Truncated(Truncation::TimeLimit)
        );
        let mut falling = BurnRl::new(CartPole::new(), 1).unwrap();
        let last = std::iter::repeat_with(|| falling.step(Action::from(0))).find(|step| step.done);
        let last = last.unwrap();
        assert_eq!(
            last.next_state.status,
            Status::Terminated(Termination::Failed)
        );
        assert!(!last.truncated);
    }

    #[test]
    fn an_error_ends_the_episode_and_is_kept() {
        let mut environment = BurnRl::new(CartPole::new(), 1).unwrap();
        let step = environment.step(Action::from(2));
        assert!(step.done && step.truncated && step.reward == 0.0);
        let message = environment.failure().unwrap().to_string();
        assert!(message.contains("push"), "{message}");
        burn_rl::Environment::reset(&mut environment);
        assert!(!environment.step(Action::from(1)).done);
    }
}
