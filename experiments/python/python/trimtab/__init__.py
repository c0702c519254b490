"""Hyperparameter tuning as environments for Gymnasium, over real trainings in Rust, and the servo for loops of PyTorch.

>>> import gymnasium, trimtab
>>> env = gymnasium.make("Hyperparam-Tune-v0")
>>> observation, info = env.reset(seed=1)
>>> info["task"]
'digits mlp 32-32 sgd'
>>> sorted(info["settings"])
['batch_size', 'learning_rate']

Importing registers the environments: Gymnasium looks for no package by itself. Those with known answers are there as
`trimtab/sigmoid-2d` and so on.

===========================  =====================================================================
`Environment`                one environment; what `gymnasium.make` and `make` return
`VectorEnvironment`          several on Rust's threads; what `gymnasium.make_vec` and `make_vec` return
`make`, `make_vec`, `names`  environments with known answers, by name
`find_references`            the losses that scale the rewards of trainings as in `train`
`Tuner`                      steers a training loop of PyTorch, which has to be installed for it
`Policy`                     a trained policy, also from and to Stable-Baselines3 (`trimtab.sb3`)
===========================  =====================================================================
"""

import gymnasium

from trimtab._trimtab import Policy, find_references, names
from trimtab.environment import Environment
from trimtab.tuner import Tuner
from trimtab.vector import VectorEnvironment

__all__ = [
    "Environment",
    "Policy",
    "Tuner",
    "VectorEnvironment",
    "find_references",
    "make",
    "make_vec",
    "names",
]


def make(name: str, *, part: str = "train", order: str = "random", strict: bool = False) -> Environment:
    """The environment of this name, on its train or test instances.

    Args:
        name: One of `names()`, for example `sigmoid-2d`, `luby-16` or `leading-ones-50`.
        part: `train` or `test`: which instances, where it has any.
        order: `random`: each episode draws one by its seed. `in_turn`: the first, then the next, whatever the seed.
        strict: Whether a masked choice is an error.

    Raises:
        ValueError: For a name, a part or an order that there is not; the message has the nearest names.

    >>> env = make("luby-16")
    >>> observation, info = env.reset(seed=1)
    >>> terminated = False
    >>> while not terminated:
    ...     observation, reward, terminated, truncated, info = env.step(0)
    >>> info["outcome"]["regret"]
    7.0
    """
    return Environment.named(name, part=part, order=order, strict=strict)


def make_vec(
    name: str,
    num_envs: int,
    *,
    part: str = "train",
    order: str = "random",
    strict: bool = False,
    threads: int | None = None,
) -> VectorEnvironment:
    """So many environments of this name, stepped by one call.

    Args:
        name: As in `make`; `part`, `order` and `strict` too.
        num_envs: How many.
        threads: How many threads of Rust. One if it is not given: a step of theirs takes less time than starting a thread.

    Raises:
        ValueError: As `make`, and where a count is 0.
    """
    return VectorEnvironment.named(name, num_envs, part=part, order=order, strict=strict, threads=threads)


gymnasium.register(
    id="Hyperparam-Tune-v0",
    entry_point="trimtab.environment:Environment",
    vector_entry_point="trimtab.vector:VectorEnvironment",
)
for _name in names():
    gymnasium.register(
        id=f"trimtab/{_name}", entry_point="trimtab:make", vector_entry_point="trimtab:make_vec", kwargs={"name": _name}
    )
