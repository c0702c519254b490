"""The servo in a training loop of PyTorch."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trimtab._trimtab import SteeredTraining
from trimtab.arguments import count, flag, loss_of, number, refusal, whole
from trimtab.resuming import check_state

if TYPE_CHECKING:
    import torch


__all__ = ["Tuner"]

MOST_UNHEARD = 1000
"""After so many batches without an update a call is missing in the loop: without it batches would have no end."""
HOPELESS = 4
"""When so many segments have diverged before any did not, the rate is 256 times smaller and not to blame."""
MOST_SKIPPED = 32
"""So many start probes in a row may a gradient scaler skip, each at half the scale; more is a divergence."""


class Tuner:
    """Steers a training: it sets learning rate, batch size and weight decay, averages the weights, brings the best ones back after a
    divergence, and says when to validate and when the budget is used up.

    The first update is a *start probe*: it tells how large an update at the given learning rate is, and is taken back. Then the model is
    validated as it was, and training begins. The decisions are those of Rust's `Tuner`.

    >>> tuner = trimtab.Tuner(optimizer, examples=len(train_set), epochs=20)      # doctest: +SKIP
    >>> for inputs, targets in tuner.batches(train_set):                          # doctest: +SKIP
    ...     loss = loss_of(model(inputs), targets); loss.backward()
    ...     tuner.step(loss)
    ...     if tuner.wants_validation: tuner.validated(validate(tuner.averaged(model)))
    >>> tuner.restore_best(model)                                                 # doctest: +SKIP
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        examples: int,
        epochs: float,
        model: torch.nn.Module | None = None,
        validation_examples: int = 1,
        batch_size: int | None = None,
        adaptive: bool | None = None,
        learning_rate: float | None = None,
        accumulate: int = 1,
        fine_tuning: bool = False,
        lowest_loss: float = 0.0,
        update_cost: float | None = None,
        targets_per_example: int = 1,
        seed: int = 0,
    ) -> None:
        """A tuner of the parameters of an optimiser. Make it after the model has its first weights and is on its device.

        An optimiser has one tuner. The one before is detached, as by `detach`, and cannot go on.

        Args:
            optimizer: Any that keeps its rate as `lr` in its groups. The ratios between groups stay as they are. What it decays by
                itself it goes on decaying.
            examples: To train on.
            epochs: The budget: the cost of so many passes with batches of 64. Larger batches cost less an example. With batches of a
                size of your own it is that many passes.
            model: For its buffers, such as running statistics. Without it they are known from the first `averaged(model)` on.
            validation_examples: In each validation; they count for the budget. With 1 validations are free.
            batch_size: Of an update, in a loop that cannot change it. `batches(loader)` finds it by itself.
            adaptive: Whether the optimiser normalises its updates for each weight, as Adam does. Without it: all but SGD and ASGD.
            learning_rate: Where the start probe begins; the first group's without it.
            accumulate: Over how many calls of `step` gradients are gathered for an update. Divide each loss by it before `backward`.
            fine_tuning: Whether the weights are those of an earlier training.
            lowest_loss: What losses can come down to.
            update_cost: What an update costs beside its examples, in examples; 70 without it, as for a small perceptron on a CPU. If updates
                of 8 and of 256 examples take `a` and `b` seconds, it is `(256 * a - 8 * b) / (b - a)`.
            targets_per_example: As many as tokens for a window of text, 1 for a row of a table or an image.
            seed: Of the order of the examples in `batches(dataset)`.

        Raises:
            ValueError: Something is out of range, or the optimiser cannot be steered.
        """
        import torch

        from trimtab.steered_optimizer import SteeredOptimizer, first_rate, release, size_of

        release(optimizer)
        if learning_rate is None:
            learning_rate = first_rate(optimizer)
        if adaptive is None:
            adaptive = not isinstance(optimizer, (torch.optim.SGD, torch.optim.ASGD))
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"] if parameter.requires_grad]
        weights, layers, units = size_of(parameters)
        self._given: dict[str, Any] = {
            "examples": count("examples", examples),
            "validation_examples": count("validation_examples", validation_examples),
            "epochs": number("epochs", epochs),
            "adaptive": flag("adaptive", adaptive),
            "learning_rate": number("learning_rate", learning_rate),
            "weights": weights,
            "layers": layers,
            "units": units,
            "fine_tuning": flag("fine_tuning", fine_tuning),
            "lowest_loss": number("lowest_loss", lowest_loss),
            "update_cost": None if update_cost is None else number("update_cost", update_cost),
            "targets_per_example": count("targets_per_example", targets_per_example),
        }
        self._steered = SteeredTraining(**self._given)
        self._accumulate = count("accumulate", accumulate)
        self._sizes_vary = False
        self._batch_size = None if batch_size is None else count("batch_size", batch_size)
        if self._batch_size is not None:
            self._steered = SteeredTraining(**self._given, batch_size=self._batch_size)
        self._optimizer = SteeredOptimizer(optimizer, self._steered)
        self._weights = self._optimizer.weights
        if model is not None:
            self._weights.register(model)
        self._seed = whole("seed", seed)
        self._sampler: Any = None
        self._sampler_state: dict[str, Any] | None = None
        self._copy: tuple[Any, Any] | None = None
        # Of the update under way: losses, examples that were drawn or that the loop spoke of.
        self._micro_batches: list[Any] = []
        self._drawn = self._said = self._unheard = 0
        self._scaled, self._skipped = False, 0
        # Losses of the segment under way that Rust does not know yet.
        self._losses: list[Any] = []

    # What the loop asks.

    @property
    def batch_size(self) -> int:
        """Examples that the next update is to be of."""
        return self._steered.batch_size

    @property
    def learning_rate(self) -> float:
        """That of the next update, in the first group whose rate is not 0."""
        return self._steered.learning_rate

    @property
    def is_probing(self) -> bool:
        """Whether the next update will be looked at and taken back."""
        return self._steered.is_probing

    @property
    def wants_validation(self) -> bool:
        """Whether `averaged(model)` is to be validated now, and `validated` to be told."""
        return self._steered.wants_validation

    @property
    def is_over(self) -> bool:
        """Whether the budget is used up. A loop that never validates comes to an end too."""
        return self._steered.is_over

    @property
    def spent_share(self) -> float:
        """The share of the budget that is spent, from 0 to 1."""
        return self._steered.spent_share

    @property
    def best_loss(self) -> float:
        """The best validation loss so far; infinite before the first."""
        return self._steered.best_loss

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The segments so far: settings, and reports of what came of them."""
        return self._steered.segments

    def batches(self, data: Any, *, collate: Callable[[list[Any]], Any] | None = None) -> Iterator[Any]:
        """Batches until the budget is used up.

        Args:
            data: A dataset, or a tuple of tensors, of which batches of the size that the servo wants are drawn; or a loader, whose
                batches stay as they are, pass after pass.
            collate: What makes a batch of a list of examples of a dataset; as in `DataLoader` without it.

        Raises:
            ValueError: A dataset has another number of examples than was said, or a loader gives no batch.
            RuntimeError: Many batches were drawn, and the tuner was told of none.
        """
        from trimtab.batches import check, is_dataset

        self._optimizer.check()
        check(data, self._given["examples"])
        return self._drawn_batches(data, collate) if is_dataset(data) else self._loaded_batches(data)

    # What the loop does.

    def step(self, loss: torch.Tensor | float, *, examples: int | None = None, scaler: Any = None) -> None:
        """One update, in the place of `optimizer.step()` and `optimizer.zero_grad()`, after `backward`.

        Args:
            loss: Of the batch, or of a part of it with `accumulate`.
            examples: How many these are; not needed with `batches` or a `batch_size`.
            scaler: The `GradScaler` that scaled the loss: its `step` and `update` are called too.

        Raises:
            ValueError: Nobody has said how many examples it was.
            RuntimeError: The tuner is detached, or no gradient reached the optimiser's parameters.
        """
        if scaler is not None and not (hasattr(scaler, "step") and hasattr(scaler, "update")):
            raise refusal("scaler", scaler, "give the `torch.amp.GradScaler` that scaled the loss, or None")
        self._take(loss, examples)
        if len(self._micro_batches) < self._accumulate:
            return
        self._scaled = scaler is not None
        optimizer = self._optimizer.optimizer
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        optimizer.zero_grad()
        self._end_update(self._optimizer.take_made())

    def updated(self, loss: torch.Tensor | float, *, examples: int | None = None) -> None:
        """As `step`, for a loop whose own code calls `optimizer.step()`: to be told afterwards, or after each part of a batch."""
        self._take(loss, examples)
        if self._optimizer.take_made():
            self._end_update(made=True)
        elif len(self._micro_batches) >= MOST_UNHEARD:
            raise RuntimeError(f"updated: no update in {MOST_UNHEARD} batches; call `optimizer.step()` before it, or `step` in its place")

    def validated(self, loss: torch.Tensor | float) -> None:
        """Takes the mean loss of a validation that was wanted, and goes on. If none was wanted nothing happens."""
        self._optimizer.check()
        word = self._steered.validated(float(loss_of(loss)))
        if word is not None:
            self._go_on(word)

    def averaged(self, model: torch.nn.Module) -> torch.nn.Module:
        """A model like this one with the averaged weights and running statistics: what is to be validated. It is the same copy each time,
        in the mode of `model`; of a compiled model it is not compiled."""
        self._weights.register(model)
        original = getattr(model, "_orig_mod", model)
        if self._copy is None or self._copy[0] is not original:
            self._copy = (original, copy.deepcopy(original))
        own = self._copy[1]
        averages = dict(zip(map(id, self._weights.state), self._weights.averaged()))
        from trimtab.weights import overwrite

        theirs = [*original.parameters(), *original.buffers()]
        overwrite([*own.parameters(), *own.buffers()], [averages.get(id(tensor), tensor) for tensor in theirs])
        own.train(original.training)
        return own

    @contextmanager
    def averaging(self, model: torch.nn.Module) -> Iterator[None]:
        """Within it `model` itself has the averaged weights: for a model that cannot be copied, or a validation that has its own."""
        back = self.swap_averages_in(model)
        try:
            yield
        finally:
            back()

    def swap_averages_in(self, model: torch.nn.Module) -> Callable[[], None]:
        """As `averaging`, where there is no one place for it; what it returns puts the weights back."""
        from trimtab.weights import copies, overwrite

        self._weights.register(model)
        state = self._weights.state
        aside = copies(state)
        overwrite(state, self._weights.averaged())
        return lambda: overwrite(state, aside)

    def restore_best(self, model: torch.nn.Module) -> None:
        """Puts the averaged weights with the best validation loss into the model.

        Where no trained weights have a validation loss that is a number it keeps the last ones, and warns.
        """
        from trimtab.weights import overwrite

        self._weights.register(model)
        if not self._is_scored():
            overwrite(self._weights.state, self._weights.averaged())
            warnings.warn(f"restore_best: {self._why_unscored()}; the model keeps the last weights", stacklevel=2)
            return
        overwrite(self._weights.state, self._weights.best_averaged())
        overwrite(self._weights.counters, self._weights.best_counters)

    def detach(self) -> None:
        """Leaves the optimiser alone from now on, at the rates that it was given. Training cannot go on; what is known can be read."""
        self._optimizer.detach()

    # Going on after a restart.

    def state_dict(self) -> dict[str, Any]:
        """All that it knows. Model and optimiser have a `state_dict` of their own, to be saved at the same time, between two updates."""
        losses, look = self._read()
        return {
            "steered": self._steered.state(),
            "given": self._comparable(),
            "optimizer": self._optimizer.state_dict(),
            "sampler": self._sampler_state if self._sampler is None else self._sampler.state_dict(),
            "batch_size": self._batch_size,
            "losses": losses,
            "look": look,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there, to the same decisions. Load model and optimiser first.

        Raises:
            ValueError: It is the state of another model, optimiser or budget, or of another version.
        """
        import torch

        self._optimizer.check()
        check_state(state, self._comparable(), self._batch_size)
        steered = SteeredTraining.from_state(state["steered"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._steered = self._optimizer.steered = steered
        self._optimizer.look = None if state["look"] is None else torch.tensor(state["look"], dtype=torch.float64)
        self._batch_size, self._losses = state["batch_size"], list(state["losses"])
        self._sampler, self._sampler_state = None, state["sampler"]
        self._micro_batches, self._drawn, self._said = [], 0, 0

    def _comparable(self) -> dict[str, Any]:
        """What a state must have been given too: else it would go on with what it was given, or mix the two."""
        # The rate is that of the optimiser at the time; the network is compared weight by weight.
        given = {name: value for name, value in self._given.items() if name not in ("learning_rate", "weights", "layers", "units")}
        return {"optimizer": type(self._optimizer.optimizer).__name__, **given, "accumulate": self._accumulate}

    # At the end of an update, and of a segment.

    def _take(self, loss: Any, examples: int | None) -> None:
        """Takes the loss of a batch or a part of one. One that is not on the CPU is read at the end of the segment."""
        self._optimizer.check()
        loss = loss_of(loss)
        if examples is not None:
            self._said += count("examples", examples)
        elif self._said + self._drawn == 0 and self._batch_size is None:
            raise ValueError(
                "examples: not known; draw batches by `tuner.batches(..)`, or give `batch_size=` to the tuner or `examples=` to `step`"
            )
        self._unheard = 0
        on_cpu = isinstance(loss, float) or loss.device.type == "cpu"
        self._micro_batches.append(float(loss) if on_cpu else loss)

    def _end_update(self, made: bool) -> None:
        """After an update, or one that a scaler has skipped."""
        losses, examples = self._micro_batches, self._said or self._drawn or self._batch_size
        self._micro_batches, self._drawn, self._said = [], 0, 0
        loss = losses[0] if len(losses) == 1 else sum(losses) / len(losses)
        if self._batch_size is None and not self._sizes_vary:
            self._fix_batch_size(int(examples or 1))
        if self._steered.is_probing:
            self._probed(loss, examples, made)
            return
        if isinstance(loss, float):
            ended = self._steered.count(examples, loss)
        else:
            self._losses.append(loss)
            ended = self._steered.count(examples)
        if ended:
            self._weights.average()
            losses, look = self._read()
            word = self._steered.trained(losses, _ratio(look))
            if word is not None:
                self._go_on(word)

    def _probed(self, loss: Any, examples: int | None, made: bool) -> None:
        _, look = self._read()
        # A scaler skips updates whose gradients are not finite, here or within the optimiser.
        skipped = not made or (self._scaled and look is not None and look[0] == 0.0)
        if skipped and self._skipped < MOST_SKIPPED:
            self._skipped += 1
            return
        self._steered.count(examples)
        self._steered.probed([float(loss)], _ratio(look) if made else math.nan, *self._optimizer.size)
        if self._sampler is not None:
            # What was looked at is trained on again.
            self._sampler.at = 0

    def _go_on(self, word: str) -> None:
        """Does with the weights what the end of a segment means, and begins the next one."""
        if word == "diverged":
            # While no loss is known the weights of before are not known to be better, unless these are no numbers.
            if math.isfinite(self.best_loss) or not self._weights.is_finite():
                self._optimizer.go_back(fresh=True)
            self._warn_if_hopeless()
        elif word == "best":
            self._optimizer.keep()
        if self._steered.is_over:
            return
        if self._steered.from_best:
            self._optimizer.go_back(fresh=False)
        self._optimizer.begin()
        self._losses = []

    def _read(self) -> tuple[list[float], list[float] | None]:
        """The losses of the segment that were not read yet, and what was seen of its first update: one synchronisation."""
        import torch

        tensors = [loss for loss in self._losses if isinstance(loss, torch.Tensor)]
        look = self._optimizer.look
        parts = [tensor.reshape(1) for tensor in tensors] + ([] if look is None else [look])
        if not parts:
            return list(self._losses), None
        device = parts[0].device
        number = torch.float32 if device.type == "mps" else torch.float64
        read = torch.cat([part.to(device, number) for part in parts]).tolist()
        fresh = iter(read)
        losses = [next(fresh) if isinstance(loss, torch.Tensor) else loss for loss in self._losses]
        return losses, list(fresh) or None

    def _warn_if_hopeless(self) -> None:
        """Once, when no segment of the start has gone well."""
        segments = self.segments
        done = len(segments)
        if (done == HOPELESS or (done < HOPELESS and self.is_over)) and all(segment["report"]["diverged"] for segment in segments):
            warnings.warn(
                f"tuner: each of the first {done} segments diverged, at ever smaller rates, so that the rate is not to blame; look for a loss,"
                " inputs or targets that are infinite or no numbers, in training and in validation",
                stacklevel=4,
            )

    def _is_scored(self) -> bool:
        """Whether a segment was validated with a loss that tells something."""
        return any(segment["report"]["validation"] is not None for segment in self.segments)

    def _why_unscored(self) -> str:
        if not self.segments:
            return "nothing was validated since the training began (call `tuner.validated(loss)` whenever `tuner.wants_validation`)"
        if math.isinf(self.best_loss):
            return "no validation gave a finite loss (look for what makes it infinite or no number)"
        return "every segment diverged"

    # Where batches come from.

    def _fix_batch_size(self, size: int) -> None:
        """The loop brings batches of this size, whatever the servo would want."""
        if self._batch_size == size:
            return
        if self._batch_size is not None or not self._steered.is_probing or self._steered.probes:
            return
        self._batch_size = size
        self._steered = self._optimizer.steered = SteeredTraining(**self._given, batch_size=size)

    def _draw(self, examples: int) -> None:
        """Counts a batch that the loop is given."""
        self._drawn += examples
        self._unheard += 1
        if self._unheard > MOST_UNHEARD:
            raise RuntimeError(
                f"batches: {MOST_UNHEARD} were drawn, and the tuner was told of none; call `tuner.step(loss)` after each `backward`,"
                " or `tuner.updated(loss)` after your own `optimizer.step()`"
            )

    def _drawn_batches(self, dataset: Any, collate: Callable[[list[Any]], Any] | None) -> Iterator[Any]:
        from trimtab.batches import Sampler, fetching

        examples = self._given["examples"]
        self._sizes_vary = self._batch_size is None
        if self._sampler is None:
            self._sampler = Sampler(examples, self._seed)
            if self._sampler_state is not None:
                self._sampler.load_state_dict(self._sampler_state)
        fetch, self._drawn = fetching(dataset, collate), 0
        while not self.is_over:
            indices = self._sampler.draw(math.ceil(self.batch_size / self._accumulate))
            self._draw(len(indices))
            yield fetch(indices)

    def _loaded_batches(self, loader: Any) -> Iterator[Any]:
        from trimtab.batches import endless, size_of

        self._drawn = 0
        for batch in endless(loader):
            if self.is_over:
                return
            size = size_of(batch)
            if self._batch_size is None:
                given = getattr(loader, "batch_size", None)
                self._fix_batch_size((given if isinstance(given, int) else size) * self._accumulate)
            self._draw(size)
            yield batch
            if self.is_over:
                return


def _ratio(look: list[float] | None) -> float | None:
    """The size of an update relative to the weights."""
    return None if look is None else look[0] / max(look[1], 1e-30)
