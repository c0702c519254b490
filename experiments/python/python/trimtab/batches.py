"""Minibatches of the size that a servo wants, which may change at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch


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
