"""An optimiser whose updates are made at the servo's rates, looked at, decayed and averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import torch

from trimtab._trimtab import SteeredTraining
from trimtab.arguments import refusal
from trimtab.weights import Weights, copied


class SteeredOptimizer:
    """Sets the rates before each step of an optimiser, and looks after the weights after it, whoever calls `step`.

    The first update of a segment is looked at; those of the start probe are taken back too.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, steered: SteeredTraining) -> None:
        groups = optimizer.param_groups
        self.optimizer, self.steered = optimizer, steered
        reference = first_rate(optimizer) or 1.0
        self.rates = [float(group["lr"]) for group in groups]
        """As they were given."""
        self.ratios = [rate / reference for rate in self.rates]
        self.weights = Weights(parameter for group in groups for parameter in group["params"])
        self.fresh = copied(optimizer.state_dict())
        self.best = self.fresh
        self.made = False
        """Whether there was an update since `take_made`."""
        self.size = size_of([weight for weight in self.weights.parameters if weight.requires_grad])
        """Weights and layers of the network: those that have a gradient, once that is known."""
        self.looking, self.look = True, None
        self._hooks = [optimizer.register_step_pre_hook(self._before), optimizer.register_step_post_hook(self._after)]
        self._left: str | None = None
        _STEERING[id(optimizer)] = self

    def detach(self, reason: str = "`detach` was called") -> None:
        """Leaves the optimiser alone, at the rates that it was given."""
        if self._left is not None:
            return
        self._left = reason
        for hook in self._hooks:
            hook.remove()
        set_rates(self.optimizer, self.rates)
        _STEERING.pop(id(self.optimizer))

    def check(self) -> None:
        """Whether it still steers.

        Raises:
            RuntimeError: It was detached.
        """
        if self._left is not None:
            raise RuntimeError(f"tuner: it does not steer its optimiser any more, since {self._left}; make another, or use the newer one")

    def take_made(self) -> bool:
        """Whether there was an update since this was last asked."""
        made, self.made = self.made, False
        return made

    def begin(self) -> None:
        """Begins a segment under the settings that hold now."""
        self.weights.begin(self.steered.weight_decay, self.steered.averaging)
        self.looking, self.look = True, None

    def keep(self) -> None:
        """Keeps weights and optimiser as the best."""
        self.weights.keep()
        self.best = copied(self.optimizer.state_dict())

    def go_back(self, *, fresh: bool) -> None:
        """Brings the best weights back, with the optimiser of then or a fresh one."""
        self.weights.go_back()
        self.optimizer.load_state_dict(self.fresh if fresh else self.best)

    def _before(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """Sets the rates, also where a schedule has changed them since."""
        if self.made:
            raise RuntimeError(
                "optimizer: `optimizer.step()` was called twice, and the tuner was not told of the first; call `tuner.step(loss)` in its place,"
                " or `tuner.updated(loss)` after each, or `tuner.detach()` to go on without it"
            )
        if sum(len(group["params"]) for group in optimizer.param_groups) != len(self.weights.parameters):
            raise ValueError(
                "optimizer: parameters were added since the tuner was made; give it all of them from the start, in groups with a rate of 0 or"
                " with `requires_grad=False` while they are not to learn"
            )
        lr = self.steered.learning_rate
        set_rates(optimizer, [lr * ratio for ratio in self.ratios])
        if self.looking:
            self.weights.before()

    def _after(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self.looking:
            # Only now: a closure makes the gradients within the step.
            if all(weight.grad is None for weight in self.weights.parameters):
                raise RuntimeError(
                    "optimizer: none of its parameters has a gradient; call `loss.backward()` before the step, and give the optimiser the"
                    " parameters of the model that is trained"
                )
            self.look = self.weights.size_of_update()
        self.made = True
        if self.steered.is_probing:
            # What no gradient reaches is no part of the network.
            self.size = size_of([each for each in self.weights.parameters if each.requires_grad and each.grad is not None])
            self.weights.taken_back()
            optimizer.load_state_dict(self.fresh)
            return
        self.weights.updated(self.looking)
        self.looking = False

    def state_dict(self) -> dict[str, Any]:
        """All but the states of optimiser and parameters themselves, and of the look, which is read by others."""
        return {
            "weights": self.weights.state_dict(),
            "fresh": copied(self.fresh),
            "best": copied(self.best),
            "rates": list(self.rates),
            "ratios": list(self.ratios),
            "looking": self.looking,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As `state_dict` had it."""
        if len(state["ratios"]) != len(self.ratios):
            raise ValueError(
                f"state: of {len(state['ratios'])} groups of parameters, but the optimiser has {len(self.ratios)}; give the same groups"
            )
        self.weights.load_state_dict(state["weights"])
        self.fresh, self.best = copied(state["fresh"]), copied(state["best"])
        self.rates, self.ratios = list(state["rates"]), list(state["ratios"])
        self.looking, self.made = state["looking"], False


_STEERING: WeakValueDictionary[int, SteeredOptimizer] = WeakValueDictionary()
"""What steers an optimiser, by the id of that. It is there as long as its hooks are, and so is the optimiser."""


def release(optimizer: torch.optim.Optimizer) -> None:
    """Takes an optimiser from the tuner that it has, if any: two would undo each other's work."""
    older = _STEERING.get(id(optimizer))
    if older is not None:
        older.detach("another tuner was made for it")


def set_rates(optimizer: torch.optim.Optimizer, rates: Sequence[float]) -> None:
    """Those of the groups, which may be tensors."""
    for group, rate in zip(optimizer.param_groups, rates):
        if isinstance(group["lr"], (int, float)):
            group["lr"] = rate
        else:
            group["lr"].fill_(rate)


def first_rate(optimizer: torch.optim.Optimizer) -> float:
    """The rate of the first group that has one; 0 if none has.

    Raises:
        ValueError: The optimiser cannot be steered.
    """
    if not (hasattr(optimizer, "param_groups") and hasattr(optimizer, "register_step_post_hook")):
        raise refusal("optimizer", optimizer, "give a `torch.optim.Optimizer` of the model's parameters")
    rates = [float(group.get("lr", math.nan)) for group in optimizer.param_groups]
    if isinstance(optimizer, torch.optim.LBFGS) or any(math.isnan(rate) for rate in rates):
        raise ValueError(
            f"optimizer: {type(optimizer).__name__} is not allowed; give one that makes one update a step and has `lr` in its groups"
        )
    return next((rate for rate in rates if rate > 0.0), 0.0)


def size_of(weights: list[torch.Tensor]) -> tuple[int, int, int]:
    """Numbers of weights, of layers, which are those with two dimensions or more, and of the units of the largest hidden layer: the most
    outputs of a layer that a later one has as inputs."""
    layers = [weight.shape[:2] for weight in weights if weight.dim() >= 2]
    hidden = [outputs for index, (outputs, _) in enumerate(layers) if any(outputs == inputs for _, inputs in layers[index + 1 :])]
    return sum(weight.numel() for weight in weights), len(layers), max(hidden, default=0)
