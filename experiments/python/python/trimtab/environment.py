"""One environment, for Gymnasium."""

import os
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from trimtab import _trimtab, spaces


class Environment(gymnasium.Env[NDArray[np.float32], Any]):
    """Trainings as a Markov decision process: an episode is one training, a step one segment of it.

    `gymnasium.make("Hyperparam-Tune-v0", config=.., references=.., strict=..)` makes one over trainings, `trimtab.make(name)` one with a
    known answer.

    Args:
        config: The path of a RON file of an experiment, or a dict of the same shape; the quick-start if it is not given. What a dict does
            not have at its top level is the quick-start's.
        references: The loss that a good training of each task reaches, by the name of the task; it scales the rewards. See
            `find_references`. A fifth of the loss before training if it is not given.
        strict: Whether a masked choice is an error. If it is none, the choice that changes nothing is taken in its place, or else the
            first that is allowed, and `info["masked"]` is true.

    Raises:
        ValueError: Something in the config or the references is not allowed; the message names the field.
        OSError: A file cannot be read.

    Every `info` has `action_mask`, a new flat `int8` array with 1 for every choice that may be taken, and `masked`. That of a training
    has `task`, `settings` (by name), `best_loss` (the best validation loss so far) and `spent` (seconds of the cost model). At the end
    of an episode there are `status`, why it ended, and `outcome`, figures for reports by name: of a training the test loss and metrics,
    of an environment with a known answer its `regret`.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        references: Mapping[str, float] | None = None,
        strict: bool = False,
    ) -> None:
        losses = None if references is None else dict(references)
        given = {"config": config, "references": references, "strict": strict}
        self._open(_trimtab.Environment.from_config(config, losses, strict))
        self.spec = made_by("Hyperparam-Tune-v0", "trimtab.environment:Environment", given)

    @classmethod
    def named(
        cls, name: str, *, part: str = "train", order: str = "random", strict: bool = False
    ) -> "Environment":
        """The environment of this name; see `trimtab.make`."""
        environment = cls.__new__(cls)
        environment._open(_trimtab.Environment.named(name, part, order, strict))
        given = {"name": name, "part": part, "order": order, "strict": strict}
        environment.spec = made_by(f"trimtab/{name}", "trimtab:make", given)
        return environment

    def _open(self, rust: _trimtab.Environment) -> None:
        self._rust: _trimtab.Environment | None = rust
        self._seeded = False
        self.specification = rust.spec
        """What observations and actions look like: `name`, `features`, `heads`, `horizon`."""
        self.observation_space = spaces.observation_space(self.specification)
        self.action_space = spaces.action_space(self.specification)

    @property
    def rust(self) -> _trimtab.Environment:
        """The environment in Rust.

        Raises:
            RuntimeError: It is closed.
        """
        if self._rust is None:
            raise RuntimeError(f"environment `{self.specification['name']}` is closed; make another")
        return self._rust

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begins an episode.

        Args:
            seed: Everything random in the episode follows from it, and so do later episodes without one.
            options: `{"task": name}` takes this task of several.

        Raises:
            ValueError: Another option, or no such task.
        """
        super().reset(seed=seed)
        if options and (other := options.keys() - {"task"}):
            raise ValueError(f"options: {sorted(other)} is not allowed; the only option is `task`")
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**63))
        self._seeded = True
        return self.rust.reset(seed, options.get("task") if options else None)

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Takes an action: an integer where one thing is decided, or a sequence of them.

        Raises:
            ValueError: The action does not fit the space, or with `strict` the mask; nothing has changed then.
            RuntimeError: The episode is over, or none has begun.
            KeyboardInterrupt: Ctrl-C. The training ended early: the episode cannot go on.
        """
        return (self._rust or self.rust).step(action)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices may be taken now: flat, head after head. `MaskablePPO` asks for it by this name."""
        return self.rust.action_masks()

    def sample_mask(self) -> NDArray[np.int8] | tuple[NDArray[np.int8], ...]:
        """The same as `action_space.sample(mask=..)` wants it: an array, or one for each head."""
        mask = self.action_masks().astype(np.int8)
        counts = [len(choices) for _, choices in self.specification["heads"]]
        heads = tuple(np.split(mask, np.cumsum(counts)[:-1]))
        return heads[0] if len(heads) == 1 else heads

    def close(self) -> None:
        """Lets go of the training and its data; a second time does nothing."""
        self._rust = None


def made_by(name: str, entry_point: str, given: dict[str, Any]) -> EnvSpec:
    """What makes an environment like this one: `spec.make()`. Gymnasium's checker makes others to check them too."""
    return EnvSpec(name, entry_point, order_enforce=False, disable_env_checker=True, kwargs=given)
