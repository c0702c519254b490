"""What comes from Rust."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trimtab.spaces import Specification

__all__ = ["Environment", "Policy", "SteeredTraining", "VectorEnvironment", "find_references", "names"]

_Config: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | None

def names() -> list[str]:
    """The names of all environments beside trainings."""

def find_references(config: _Config = None, *, threads: int | None = None) -> dict[str, float]:
    """What a good training of each task of a config reaches, by the name of the task.

    Runs the grid of fixed settings of the config's `evaluation` and, with fresh seeds, its winner again, as `train` does before it
    trains. The mean validation loss of the latter is the reference. A progress bar is on the error output if that is a terminal.

    Args:
        config: As of `Environment`.
        threads: How many; as many as there are cores if it is not given.

    Raises:
        ValueError: Something in the config is not allowed.
        OSError: A file cannot be read.
        KeyboardInterrupt: Ctrl-C.
    """

@final
class Environment:
    """One environment in Rust. Two threads that use it at once get a `RuntimeError`."""

    @staticmethod
    def from_config(config: _Config, references: dict[str, float] | None, strict: bool) -> Environment:
        """Over the trainings, or the named environment, of a config."""

    @staticmethod
    def named(name: str, part: str, order: str, strict: bool) -> Environment:
        """The one of this name."""

    @property
    def spec(self) -> Specification:
        """What observations and actions look like."""

    def reset(self, seed: int | None, task: str | None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begins an episode: of this seed, or of the next that follows from the last one given."""

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Takes an action: an integer, or a sequence of integers."""

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices may be taken now, head after head."""

@final
class VectorEnvironment:
    """Several equal environments in Rust."""

    @staticmethod
    def from_config(
        config: _Config, references: dict[str, float] | None, count: int, threads: int | None, strict: bool
    ) -> VectorEnvironment:
        """So many, over the trainings, or the named environment, of a config."""

    @staticmethod
    def named(
        name: str, part: str, order: str, count: int, threads: int | None, strict: bool
    ) -> VectorEnvironment:
        """So many of the one of this name."""

    @property
    def spec(self) -> Specification:
        """What observations and actions of each look like."""

    def reset(self, seeds: Sequence[int | None]) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begins an episode in each: observations, `[environments, features]`, and infos, as arrays by name."""

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[
        NDArray[np.float32],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Takes an action in each, `[environments, heads]`: observations, rewards, terminated, truncated, infos."""

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices may be taken now, `[environments, sum of choices]`."""

@final
class Policy:
    """A trained policy. It acts by itself: no burn, no PyTorch."""

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Policy:
        """Reads the `policy.json` of a run.

        Raises:
            OSError: It cannot be read.
            ValueError: It is damaged or of another version.
        """

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it, whole or not at all."""

    @staticmethod
    def from_layers(
        environment: Environment,
        layers: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
        activation: str,
    ) -> Policy:
        """A policy for an environment from its network.

        Args:
            environment: `Environment.rust`.
            layers: Weights `[inputs, outputs]` and biases of each layer.
            activation: `tanh` or `relu`, between the layers.

        Raises:
            ValueError: Layers do not fit each other or the environment, or a number is not finite.
        """

    @property
    def layers(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Weights `[inputs, outputs]` and biases of each layer."""

    @property
    def activation(self) -> str:
        """`tanh` or `relu`."""

    @property
    def normalises_observations(self) -> bool:
        """Whether it standardises observations before the network sees them."""

    @property
    def spec(self) -> Specification:
        """What it was trained for."""

    def act(
        self,
        observations: ArrayLike,
        masks: ArrayLike | None = None,
        seed: int | None = None,
    ) -> NDArray[np.int64]:
        """Choices for one observation, `[heads]`, or several, `[observations, heads]`: the most probable, or with a seed drawn ones.

        Args:
            observations: `[features]`, or `[observations, features]`.
            masks: `[sum of choices]`, or `[observations, sum of choices]`, such as `info["action_mask"]`; nothing is masked without it.
            seed: What is drawn follows from it.

        Raises:
            TypeError: It is no array of numbers.
            ValueError: A shape does not fit.
            RuntimeError: Every choice of a head is masked, or an observation is not finite.
        """

@final
class SteeredTraining:
    """What decides in a training loop: no weights, no PyTorch. `trimtab.Tuner` is the one to use in a loop of PyTorch.

    After each update the loop says so by `count`. Where that answers `True` it calls `probed`, and puts the weights back, while
    `is_probing`; else `trained`. While `wants_validation` it calls `validated`. What `trained` and `validated` return is what the weights
    are to be: `first` and `worse` leave them, `best` says to keep a copy, and `diverged` to bring the best ones back with a fresh
    optimiser; if `from_best` is true afterwards, the best ones come back with the optimiser's state of then.
    """

    def __new__(
        cls,
        *,
        examples: int,
        validation_examples: int,
        epochs: float,
        adaptive: bool,
        learning_rate: float,
        weights: int,
        layers: int,
        units: int = 0,
        batch_size: int | None = None,
        fine_tuning: bool = False,
        lowest_loss: float = 0.0,
        update_cost: float | None = None,
        targets_per_example: int = 1,
    ) -> SteeredTraining:
        """Begins a training.

        Args:
            examples: To train on.
            validation_examples: In each validation.
            epochs: The budget: the cost of so many passes with batches of 64.
            adaptive: Whether the optimiser normalises its updates for each weight, as Adam does.
            learning_rate: Where the start probe begins.
            weights: Of the network.
            layers: Weights with two dimensions or more.
            units: Of the largest hidden layer; 0 where that is not known.
            batch_size: Of a loop that cannot change it; the budget is then exactly `epochs` passes.
            fine_tuning: Whether the weights are those of an earlier training.
            lowest_loss: What losses can come down to.
            update_cost: What an update costs beside its examples, in examples; 70 without it.
            targets_per_example: Targets an example has.

        Raises:
            ValueError: A number is out of range.
        """

    @staticmethod
    def from_state(state: str) -> SteeredTraining:
        """One as `state` had it.

        Raises:
            ValueError: It is no state, or of another version.
        """

    def state(self) -> str:
        """All there is to know, as JSON."""

    def count(self, examples: int | None = None, loss: float | None = None) -> bool:
        """Counts an update, of `batch_size` examples if it is not said. Says whether it ends a segment or was one of the start probe."""

    def probed(self, losses: Sequence[float], ratio: float | None, weights: int, layers: int, units: int = 0) -> None:
        """Ends the update of the start probe: its loss, its size relative to the weights, and how many weights have a gradient."""

    def trained(self, losses: Sequence[float], ratio: float | None) -> str | None:
        """Ends the updates of a segment: losses that were not counted, and the size of its first update. A word if it diverged."""

    def validated(self, loss: float) -> str | None:
        """Takes the loss of a validation. `None` if none was wanted."""

    @property
    def is_probing(self) -> bool:
        """Whether the next update is to be taken back."""

    @property
    def wants_validation(self) -> bool:
        """Whether the averaged weights are to be validated now."""

    @property
    def is_over(self) -> bool:
        """Whether the budget is used up."""

    @property
    def learning_rate(self) -> float:
        """Of the next update."""

    @property
    def batch_size(self) -> int:
        """Examples of the next update."""

    @property
    def weight_decay(self) -> float:
        """The part of the weights that each update takes away, whatever the rate is."""

    @property
    def averaging(self) -> float:
        """How fast the averaged weights forget: `e <- e + (w - e) / (1 + averaging t)`."""

    @property
    def from_best(self) -> bool:
        """Whether the segment begins at the best weights."""

    @property
    def spent_share(self) -> float:
        """The share of the budget that is spent."""

    @property
    def best_loss(self) -> float:
        """The best validation loss so far; infinite before the first."""

    @property
    def settings(self) -> dict[str, float | str]:
        """All that holds at the next update."""

    @property
    def probes(self) -> list[dict[str, Any]]:
        """The reports of the start probe."""

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The segments so far: settings, and reports of what came of them."""
