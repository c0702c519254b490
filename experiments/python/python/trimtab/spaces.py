"""Gymnasium's spaces of an environment."""

from typing import cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from trimtab._trimtab import Specification


def observation_space(spec: Specification) -> spaces.Space[NDArray[np.float32]]:
    """A box with the bounds of every feature."""
    low = np.array([low for _, low, _ in spec["features"]], dtype=np.float32)
    high = np.array([high for _, _, high in spec["features"]], dtype=np.float32)
    # Gymnasium's types do not say that the numbers are of the type that is given.
    return cast(spaces.Space[NDArray[np.float32]], spaces.Box(low, high, dtype=np.float32))


def action_space(spec: Specification) -> spaces.Discrete | spaces.MultiDiscrete:
    """`Discrete` where one thing is decided, `MultiDiscrete` where several are."""
    counts = [len(choices) for _, choices in spec["heads"]]
    return spaces.Discrete(counts[0]) if len(counts) == 1 else spaces.MultiDiscrete(counts)
