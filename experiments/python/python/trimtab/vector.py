"""Several environments, stepped by one call, for Gymnasium."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from trimtab import _trimtab, spaces
from trimtab.arguments import count


class VectorEnvironment(VectorEnv[NDArray[np.float32], Any, NDArray[Any]]):
    """Equal environments on Rust's threads.

    `gymnasium.make_vec("Hyperparam-Tune-v0", num_envs=..)` makes one over trainings, `trimtab.make_vec(name, num_envs)` one with known
    answers. What it returns does not depend on the number of threads.

    Args:
        config: As of `Environment`; `references` and `strict` too.
        num_envs: How many.
        threads: How many threads of Rust; as many as there are cores if it is not given.

    One whose episode is over begins another at the next step, whatever its action (`AutoresetMode.NEXT_STEP`). Infos are those of
    `Environment`, as arrays.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        num_envs: int = 1,
        references: Mapping[str, float] | None = None,
        strict: bool = False,
        threads: int | None = None,
    ) -> None:
        check_counts(num_envs, threads)
        losses = None if references is None else dict(references)
        self._open(
            _trimtab.VectorEnvironment.from_config(config, losses, num_envs, threads, strict), num_envs
        )

    @classmethod
    def named(
        cls,
        name: str,
        num_envs: int,
        *,
        part: str = "train",
        order: str = "random",
        strict: bool = False,
        threads: int | None = None,
    ) -> "VectorEnvironment":
        """So many of the one of this name; see `trimtab.make_vec`."""
        check_counts(num_envs, threads)
        environment = cls.__new__(cls)
        rust = _trimtab.VectorEnvironment.named(name, part, order, num_envs, threads, strict)
        environment._open(rust, num_envs)
        return environment

    def _open(self, rust: _trimtab.VectorEnvironment, num_envs: int) -> None:
        self._rust: _trimtab.VectorEnvironment | None = rust
        self._seeded = False
        self.num_envs = num_envs
        self.specification = rust.spec
        """What observations and actions of each look like: `name`, `features`, `heads`, `horizon`."""
        self.single_observation_space = spaces.observation_space(self.specification)
        self.single_action_space = spaces.action_space(self.specification)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def rust(self) -> _trimtab.VectorEnvironment:
        """The environments in Rust.

        Raises:
            RuntimeError: They are closed.
        """
        if self._rust is None:
            raise RuntimeError(f"environments `{self.specification['name']}` are closed; make others")
        return self._rust

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begins an episode in each.

        Args:
            seed: Of the first; the next have the numbers after it. Or one for each.
            options: None are allowed.

        Raises:
            ValueError: There is not one seed for each, or an option.
        """
        if options:
            raise ValueError(f"options: {sorted(options)} is not allowed; a vector has none")
        super().reset(seed=seed if isinstance(seed, int) else None)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**62))
        self._seeded = True
        if seed is None:
            seeds: list[int | None] = [None] * self.num_envs
        elif isinstance(seed, int):
            seeds = [seed + index for index in range(self.num_envs)]
        else:
            seeds = list(seed)
        return self.rust.reset(seeds)

    def step(
        self, actions: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Takes an action in each, except where an episode was over: another begins there.

        Raises:
            TypeError: The actions are not integers.
            ValueError: An action does not fit the space, or with `strict` the mask.
            KeyboardInterrupt: Ctrl-C. The trainings ended early: their episodes cannot go on.
        """
        given = np.asarray(actions)
        if given.dtype.kind not in "iu":
            raise TypeError(f"actions: {given.dtype} is not allowed; give integers")
        choices = np.ascontiguousarray(given.reshape(len(given), -1), dtype=np.int64)
        return self.rust.step(choices)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices may be taken now in each, head after head; `Policy.act` takes it."""
        return self.rust.action_masks()

    def close_extras(self, **kwargs: Any) -> None:
        """Lets go of the trainings and their data."""
        self._rust = None


def check_counts(num_envs: int, threads: int | None) -> None:
    """Whether there are any."""
    count("num_envs", num_envs)
    if threads is not None:
        count("threads", threads)
