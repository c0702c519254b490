"""Minibatches of the size that a servo wants, which may change at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from trimtab.arguments import refusal


class Sampler:
    """Indices in a random order, every epoch in another one. Each epoch is a permutation, whatever the sizes of the batches."""

    def __init__(self, examples: int, seed: int) -> None:
        self.examples = examples
        self.generator = torch.Generator().manual_seed(seed)
        self.order = torch.randperm(examples, generator=self.generator)
        self.at = 0

    def draw(self, size: int) -> torch.Tensor:
        """The next so many."""
        drawn: list[torch.Tensor] = []
        while size > 0:
            if self.at == self.examples:
                self.order, self.at = torch.randperm(self.examples, generator=self.generator), 0
            part = self.order[self.at : self.at + size]
            self.at += len(part)
            size -= len(part)
            drawn.append(part)
        return drawn[0] if len(drawn) == 1 else torch.cat(drawn)

    def state_dict(self) -> dict[str, Any]:
        """From which it goes on."""
        return {"generator": self.generator.get_state(), "order": self.order.clone(), "at": self.at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As `state_dict` had it."""
        self.generator.set_state(state["generator"])
        self.order, self.at = state["order"].clone(), state["at"]


def is_dataset(data: Any) -> bool:
    """Whether examples can be taken out of it by number; else it brings batches of its own."""
    return hasattr(data, "__getitem__") and hasattr(data, "__len__")


def check(data: Any, examples: int) -> None:
    """Whether batches can be drawn from it for a tuner of so many examples.

    Raises:
        ValueError: They cannot; the message says what to give in its place.
    """
    if isinstance(data, (type, Mapping)) or not (hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
        raise refusal("data", data, "give a dataset, a tuple of tensors, or a loader of batches")
    if not is_dataset(data):
        return
    tensors = len(data) > 0 and all(isinstance(part, torch.Tensor) for part in data) if isinstance(data, (tuple, list)) else False
    if isinstance(data, tuple):
        if not tensors:
            kinds = ", ".join(type(part).__name__ for part in data[:3])
            raise ValueError(f"data: a tuple of {kinds} is not allowed; give one of tensors (`torch.from_numpy(..)`), or a list of examples")
        lengths = [len(part) for part in data]
        if len(set(lengths)) > 1:
            raise ValueError(f"data: tensors of {lengths} examples are not allowed; give as many of each")
    given = len(data[0]) if isinstance(data, tuple) else len(data)
    if given == 0:
        raise ValueError("data: there is no example in it; give a dataset that has some")
    if given == examples:
        return
    if tensors and len(data[0]) == examples:
        raise ValueError("data: a list of tensors is not allowed, since a list is one of examples; give a tuple, `batches((inputs, targets))`")
    if isinstance(data, list) and holds(data, examples):
        raise ValueError(
            f"data: a list of {given} batches is not allowed, since a list is one of examples; give a `DataLoader`, or the tensors as a tuple"
        )
    raise ValueError(f"examples: {examples} is not allowed for a dataset of {given}; give the tuner `examples={given}`")


def holds(batches: list[Any], examples: int) -> bool:
    """Whether these are batches with so many examples in all."""
    try:
        return sum(size_of(batch) for batch in batches) == examples
    except (ValueError, IndexError):
        return False


def fetching(dataset: Any, collate: Callable[[list[Any]], Any] | None) -> Callable[[torch.Tensor], Any]:
    """What makes a batch of indices."""
    if isinstance(dataset, tuple) and all(isinstance(part, torch.Tensor) for part in dataset):
        dataset = torch.utils.data.TensorDataset(*dataset)
    if isinstance(dataset, torch.utils.data.TensorDataset) and collate is None:
        return lambda indices: list(dataset[indices])
    collate = collate or torch.utils.data.default_collate
    if hasattr(dataset, "__getitems__"):
        return lambda indices: collate(dataset.__getitems__(indices.tolist()))
    return lambda indices: collate([dataset[index] for index in indices.tolist()])


def size_of(batch: Any) -> int:
    """How many examples a batch of a loader has."""
    while not isinstance(batch, torch.Tensor):
        if isinstance(batch, dict) or hasattr(batch, "items"):
            batch = next(iter(batch.values()))
        elif isinstance(batch, (list, tuple)) and batch:
            batch = batch[0]
        else:
            raise ValueError(
                f"batch: a {type(batch).__name__} has no examples that could be counted; give `tuner.step(loss, examples=..)` how many"
            )
    return int(batch.shape[0])


def endless(loader: Any) -> Iterator[Any]:
    """One pass after the other."""
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError("loader: a pass over it gave no batch; give one that can be passed over again and again")
