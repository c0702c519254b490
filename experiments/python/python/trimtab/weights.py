"""The tensors that a `Tuner` watches over: weights, what a model carries along, averages, and copies to come back to."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from trimtab.arguments import refusal

SMOOTHING_INTERVAL = 32
"""After how many updates the weights are decayed and averaged, as in Rust: at each it costs more and is worth nothing that could be seen."""

LEAST = 0.25
"""The part of an ordinary layer's size that weights are taken to have at least, as in Rust: some begin at zero."""


class Weights:
    """The parameters of an optimiser, and the buffers of a model once it was shown.

    A parameter that takes a gradient is a weight: sizes and decay are those of weights alone. Averages and copies are of everything.
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.parameters = list(parameters)
        self.buffers: list[Tensor] = []
        self.counters: list[Tensor] = []
        """Buffers that are not numbers to be averaged, such as how many batches a normalisation has seen."""
        self.best = copies(self.parameters)
        self.best_counters: list[Tensor] = []
        self.averages: list[Tensor] = []
        self.best_averages: list[Tensor] = []
        self.averaged_updates = self.best_averaged_updates = 0
        self.pending = self.not_decayed = 0
        self.kept, self.decay, self.averaging = 1.0, 0.0, 0.0
        self._before: list[Tensor] = []

    def register(self, model: torch.nn.Module) -> None:
        """Watches over the buffers of a model too, from now on.

        Raises:
            ValueError: It is not the model of these parameters.
        """
        if not isinstance(model, torch.nn.Module):
            raise refusal("model", model, "give the `torch.nn.Module` that is trained")
        own = set(map(id, self.parameters))
        if not any(id(parameter) in own for parameter in model.parameters()):
            raise refusal("model", model, "none of its parameters is one of the optimiser's; give the model that is trained, and not a copy")
        known = {id(tensor) for tensor in self.buffers + self.counters}
        for buffer in model.buffers():
            if id(buffer) in known:
                continue
            if buffer.is_floating_point():
                self.buffers.append(buffer)
                self.best += copies([buffer])
                if self.averages:
                    self.averages += wide([buffer])
                if self.best_averages:
                    self.best_averages += wide([buffer])
            else:
                self.counters.append(buffer)
                self.best_counters += copies([buffer])

    @property
    def state(self) -> list[Tensor]:
        """All that is averaged."""
        return self.parameters + self.buffers

    def begin(self, decay: float, averaging: float) -> None:
        """Begins a segment under these settings."""
        self.decay, self.averaging, self.pending = decay, averaging, 0
        if averaging == 0.0:
            self.averages, self.averaged_updates = [], 0

    def before(self) -> None:
        """Takes the weights before an update that is looked at."""
        self._before = copies(self.parameters)

    def size_of_update(self) -> Tensor:
        """The norms of that update, with the decay that belongs to it, and of the weights before it: two numbers, on the device."""
        kept = 1.0 - self.decay
        pairs = [(old, new) for old, new in zip(self._before, self.parameters) if new.grad is not None]
        if not pairs:
            return torch.zeros(2)
        old = [pair[0].float() for pair in pairs]
        moved = torch._foreach_mul([pair[1].detach().float() for pair in pairs], kept)
        torch._foreach_sub_(moved, old)
        return torch.stack([norm(moved), norm(old).clamp(min=least_size(old))])

    def taken_back(self) -> None:
        """Puts the weights before an update back."""
        overwrite(self.parameters, self._before)
        self._before = []

    def updated(self, looking: bool) -> None:
        """After each update: decays and averages once in a while. An update that is looked at is not decayed."""
        self._before = []
        self.pending += 1
        self.not_decayed += 1
        self.kept *= 1.0 - self.decay
        if looking:
            self.average()
        elif self.not_decayed >= SMOOTHING_INTERVAL:
            if self.kept < 1.0:
                torch._foreach_mul_([weight.detach() for weight in self.parameters if weight.requires_grad], self.kept)
            self.not_decayed, self.kept = 0, 1.0
            self.average()

    def average(self) -> None:
        """Averages the weights as they are: `e <- e + (w - e) / (1 + averaging t)`, once for each update since the last time."""
        pending, self.pending = self.pending, 0
        if self.averaging == 0.0 or pending == 0:
            return
        if not self.averages:
            self.averages = wide(self.state)
        else:
            rate = 0.0
            for t in range(self.averaged_updates, self.averaged_updates + pending):
                rate += (1.0 - rate) / (1.0 + self.averaging * t)
            pairs = zip(self.state, self.averages)
            torch._foreach_lerp_(self.averages, [new.detach().to(old.dtype) for new, old in pairs], rate)
        self.averaged_updates += pending

    def keep(self) -> None:
        """Keeps all as it is, as the best."""
        overwrite(self.best, self.state)
        overwrite(self.best_counters, self.counters)
        self.best_averages = copies(self.averages)
        self.best_averaged_updates = self.averaged_updates

    def go_back(self) -> None:
        """Brings the best back. The decay that was due on others is forgotten."""
        overwrite(self.state, self.best)
        overwrite(self.counters, self.best_counters)
        self.averages = copies(self.best_averages)
        self.averaged_updates = self.best_averaged_updates
        self.not_decayed, self.kept, self.pending = 0, 1.0, 0

    def averaged(self) -> list[Tensor]:
        """What is to be validated: the averages, or before there are any the weights themselves."""
        return self.averages or self.state

    def best_averaged(self) -> list[Tensor]:
        """What was best when it was validated."""
        return self.best_averages or self.best

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(tensor.isfinite().all()) for tensor in self.state)

    def state_dict(self) -> dict[str, Any]:
        """All but the parameters and buffers themselves."""
        names = [name for name in vars(self) if name not in ("parameters", "buffers", "counters", "_before")]
        return {name: copies(value) if isinstance(value, list) else value for name, value in vars(self).items() if name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As `state_dict` had it; tensors are brought to the devices of the parameters."""
        own = {"best": self.state, "averages": self.state, "best_averages": self.state, "best_counters": self.counters}
        for name, tensors in own.items():
            given = state[name]
            if given and [tensor.shape for tensor in given] != [tensor.shape for tensor in tensors]:
                raise ValueError(
                    f"state: `{name}` has other shapes than the parameters and buffers here; give the state of a tuner of the same model,"
                    " and `model=` to a tuner whose model has buffers"
                )
        for name, value in state.items():
            if name in own:
                value = [given.to(tensor.device, copy=True) for given, tensor in zip(value, own[name])]
            setattr(self, name, value)


def copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of their own with these numbers."""
    return [tensor.detach().clone() for tensor in tensors]


def copied(value: Any) -> Any:
    """A state of an optimiser as one of its own: as `copy.deepcopy` makes it, in a quarter of the time."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(copied(each) for each in value)
    return value if isinstance(value, (int, float, str, type(None))) else copy.deepcopy(value)


def wide(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same in 32 bits at least: half as many cannot hold a slow average."""
    return [tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32), copy=True) for tensor in tensors]


def overwrite(tensors: Sequence[Tensor], numbers: Sequence[Tensor]) -> None:
    """Puts these numbers into tensors, which stay the same tensors."""
    assert len(tensors) == len(numbers)
    if tensors:
        torch._foreach_copy_([tensor.detach() for tensor in tensors], list(numbers))


def least_size(weights: Sequence[Tensor]) -> float:
    """The least size of these weights: of `N` in an ordinary layer, from `U(-1 / sqrt(n), 1 / sqrt(n))` of `n = sqrt(N)` inputs, the squares sum to `N / (3 n)`."""
    return LEAST * math.sqrt(sum(math.sqrt(weight.numel()) / 3.0 for weight in weights))


def norm(tensors: list[Tensor]) -> Tensor:
    """The norm of all numbers taken as one vector."""
    norms = torch._foreach_norm(tensors)
    return torch.linalg.vector_norm(torch.stack([each.to(norms[0].device) for each in norms]))
