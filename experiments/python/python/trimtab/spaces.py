"""What observations and actions look like, in Rust's words and as Gymnasium's spaces."""

from typing import TypedDict, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray


class Specification(TypedDict):
    """What observations and actions of an environment look like."""

    name: str
    """Its name."""
    features: list[tuple[str, float, float]]
    """One for each number of an observation: name, smallest value, largest value."""
    heads: list[tuple[str, list[str]]]
    """One for each decision of an action: name, and what each choice means."""
    horizon: int
    """No episode has more steps."""


def observation_space(spec: Specification) -> spaces.Space[NDArray[np.float32]]:
    """A box with the bounds of every feature. Where a feature has none it is that of the numbers themselves: Gymnasium's checker takes an
    infinite one for a mistake."""
    largest = np.finfo(np.float32).max
    low = np.array([max(low, -largest) for _, low, _ in spec["features"]], dtype=np.float32)
    high = np.array([min(high, largest) for _, _, high in spec["features"]], dtype=np.float32)
    # Gymnasium's types do not say that the numbers are of the type that is given.
    return cast(spaces.Space[NDArray[np.float32]], spaces.Box(low, high, dtype=np.float32))


def action_space(spec: Specification) -> spaces.Discrete | spaces.MultiDiscrete:
    """`Discrete` where one thing is decided, `MultiDiscrete` where several are."""
    counts = [len(choices) for _, choices in spec["heads"]]
    return spaces.Discrete(counts[0]) if len(counts) == 1 else spaces.MultiDiscrete(counts)
