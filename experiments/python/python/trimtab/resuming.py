"""Whether a state is that of a tuner like this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PARTS = ("steered", "given", "optimizer", "sampler", "batch_size", "losses", "look")


def check_state(state: Any, given: Mapping[str, Any], batch_size: int | None) -> None:
    """Compares what its tuner was given with what this one was.

    Raises:
        ValueError: Something differs, or it is no state of a tuner.
    """
    if not isinstance(state, Mapping):
        raise ValueError(f"state: a {type(state).__name__} is not allowed; give what `tuner.state_dict()` returned")
    if missing := [part for part in PARTS if part not in state]:
        raise ValueError(f"state: it has no `{missing[0]}`, so that it is none of a tuner of this version; give what `tuner.state_dict()` returned")
    theirs = dict(state["given"])
    if batch_size is not None:
        given, theirs = {**given, "batch_size": batch_size}, {**theirs, "batch_size": state["batch_size"]}
    for name, own in given.items():
        if theirs.get(name) != own:
            raise ValueError(f"state: `{name}` was {theirs.get(name)} there, and is {own} in this tuner; give the same to both")
