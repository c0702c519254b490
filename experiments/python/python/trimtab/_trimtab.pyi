"""What comes from Rust."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from trimtab.spaces import Specification

__all__ = ["Environment", "Policy", "VectorEnvironment", "find_references", "names"]

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
        observations: NDArray[np.float32],
        masks: NDArray[np.bool_] | None = None,
        seed: int | None = None,
    ) -> NDArray[np.int64]:
        """Choices for observations, `[observations, heads]`: the most probable, or with a seed drawn ones.

        Args:
            observations: `[observations, features]`.
            masks: `[observations, sum of choices]`; nothing is masked if it is not given.
            seed: What is drawn follows from it.

        Raises:
            ValueError: A shape does not fit.
            RuntimeError: Every choice of a head is masked, or an observation is not finite.
        """
