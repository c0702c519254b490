"""Checks of what a person gives, with messages that name the field."""

from __future__ import annotations

from typing import Any


def count(name: str, value: Any) -> int:
    """How many of something there are."""
    if not is_whole(value) or value < 1:
        raise refusal(name, value, "give a whole number of at least 1")
    return int(value)


def whole(name: str, value: Any) -> int:
    """A whole number, below 0 too."""
    if not is_whole(value):
        raise refusal(name, value, "give a whole number")
    return int(value)


def number(name: str, value: Any) -> float:
    """A number, of Python's, numpy's or a tensor's; in which range is for others to say."""
    try:
        if not isinstance(value, (bool, str, bytes)):
            return float(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise refusal(name, value, "give a number")


def flag(name: str, value: Any) -> bool:
    """Whether something is so."""
    if not isinstance(value, bool):
        raise refusal(name, value, "give True or False")
    return value


def loss_of(loss: Any) -> Any:
    """A loss without its graph. One that is on a device is not read."""
    if not hasattr(loss, "detach"):
        return number("loss", loss)
    if loss.numel() != 1:
        raise ValueError(f"loss: a tensor of shape {list(loss.shape)} is not allowed; give one number, such as its mean")
    return loss.detach()


def is_whole(value: Any) -> bool:
    """Whether it is an integer, of Python's or numpy's."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def refusal(name: str, value: Any, allowed: str) -> ValueError:
    """The error for a value: itself if it is short, else its kind."""
    given = repr(value) if isinstance(value, (bool, int, float, str, type(None))) else f"a {type(value).__name__}"
    return ValueError(f"{name}: {given} is not allowed; {allowed}")
