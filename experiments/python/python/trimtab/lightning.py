"""The servo in the `Trainer` of Lightning."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback

from trimtab.tuner import Tuner
from trimtab.weights import copied


class LightningCallback(Callback):
    """Steers a training of Lightning: its learning rate, weight decay and averages, when it is validated, and when it ends.

    Give the trainer `max_epochs=-1`; the schedule that the module configures, if it does, is overruled. In the end the module has the
    best weights. What the loader gives stays the batch size.

    The `state_dict` of a checkpoint, such as that of `ModelCheckpoint(monitor="val_loss")`, has the averaged weights that were validated
    last; `fit(.., ckpt_path=..)` goes on with the others.

    >>> trainer = Trainer(max_epochs=-1, callbacks=[LightningCallback(epochs=20, monitor="val_loss")])  # doctest: +SKIP
    """

    def __init__(self, *, epochs: float, monitor: str = "val_loss", **options: Any) -> None:
        """For so many passes.

        Args:
            epochs: The budget.
            monitor: The name under which the module logs its validation loss.
            options: Of `Tuner`.
        """
        self.epochs, self.monitor, self.options = epochs, monitor, options
        self.tuner: Tuner | None = None
        self._back: Callable[[], None] | None = None
        self._state: dict[str, Any] | None = None
        self._scored: dict[str, Any] | None = None
        """The module with the averaged weights that were validated last: what checkpoints are to have."""
        self._raw: dict[str, Any] | None = None
        """The module as it was trained, once it has the best weights in the place of those."""

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Makes the tuner.

        Raises:
            ValueError: Nothing would be validated.
        """
        self._raw = None
        if not trainer.enable_validation:
            raise ValueError("validation: there is none; give `fit` a loader for it, the module a `validation_step`, and no limit of 0 batches")
        size = batch_size_of(trainer.train_dataloader) * trainer.accumulate_grad_batches
        examples = len(trainer.train_dataloader.dataset)
        self.tuner = Tuner(trainer.optimizers[0], model=module, examples=examples, epochs=self.epochs, batch_size=size, **self.options)
        if self._state is not None:
            self.tuner.load_state_dict(self._state)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Tells the tuner, and makes Lightning validate when that wants it."""
        assert self.tuner is not None
        self.tuner.updated(outputs["loss"])
        trainer.val_check_batch = 1 if self.tuner.wants_validation else sys.maxsize
        trainer.should_stop = trainer.should_stop or self.tuner.is_over

    def on_validation_start(self, trainer: Any, module: Any) -> None:
        """Puts the averaged weights in."""
        if self.tuner is not None and trainer.state.fn == "fit" and self.tuner.wants_validation:
            self._back = self.tuner.swap_averages_in(module)

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        """Puts the weights back, and tells the tuner.

        Raises:
            ValueError: The module did not log the loss.
        """
        if self.tuner is not None and self._back is not None:
            self._scored = copied(module.state_dict())
            self._back = self._back()
            if self.monitor not in trainer.callback_metrics:
                logged = ", ".join(f"`{name}`" for name in trainer.callback_metrics) or "nothing"
                raise ValueError(
                    f"monitor: `{self.monitor}` was not logged, but {logged}; give the name of the validation loss, which `validation_step`"
                    " logs by `self.log(name, loss)`"
                )
            self.tuner.validated(trainer.callback_metrics[self.monitor])
            trainer.should_stop = trainer.should_stop or self.tuner.is_over

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """Leaves the best weights."""
        if self.tuner is not None:
            self._raw, self._scored = copied(module.state_dict()), None
            self.tuner.restore_best(module)
            self.tuner.detach()

    def on_save_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """Gives a checkpoint the weights that its score is of; those that a training goes on with are kept beside them."""
        checkpoint["trimtab_raw"] = checkpoint["state_dict"] if self._raw is None else copied(self._raw)
        if self._scored is not None:
            checkpoint["state_dict"] = copied(self._scored)

    def on_load_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """Goes on with the weights that were trained."""
        if "trimtab_raw" in checkpoint and trainer.state.fn == "fit":
            self._scored, self._raw = copied(checkpoint["state_dict"]), None
            module.load_state_dict(checkpoint["trimtab_raw"])

    def state_dict(self) -> dict[str, Any]:
        """Part of Lightning's checkpoints."""
        return {} if self.tuner is None else self.tuner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From Lightning's checkpoints."""
        self._state = state_dict or None


def batch_size_of(loader: Any) -> int:
    """That of a loader, or of what makes its batches.

    Raises:
        ValueError: Neither says it.
    """
    size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", None)
    if size is None:
        raise ValueError("loader: its batches have no size that it says; give it `batch_size=`, or a `batch_sampler` that has a `batch_size`")
    return int(size)
