"""The servo in the `Trainer` of Hugging Face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from trimtab.tuner import Tuner


class TunerCallback(TrainerCallback):
    """Steers a training of transformers: its learning rate, weight decay and averages, when it is evaluated, and when it ends.

    The budget is the `num_train_epochs` of the arguments, the batch size theirs; their schedule is overruled. The trainer needs an
    `eval_dataset`, and its loss must be the one that the model returns. In the end the model has the best weights.

    >>> trainer = Trainer(model, arguments, train_dataset=train, eval_dataset=test, callbacks=[TunerCallback()])  # doctest: +SKIP
    """

    def __init__(self, **options: Any) -> None:
        """With options of `Tuner`, such as `fine_tuning=True`."""
        self.options = options
        self.tuner: Tuner | None = None
        self._losses: list[Any] = []
        self._back: Callable[[], None] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Makes the tuner. A trainer tells its callbacks no losses, so that the model is listened to."""
        optimizer = getattr(kwargs["optimizer"], "optimizer", kwargs["optimizer"])
        size = args.train_batch_size * args.gradient_accumulation_steps
        examples, epochs = len(kwargs["train_dataloader"].dataset), args.num_train_epochs
        model = kwargs["model"]
        self.tuner = Tuner(optimizer, model=model, examples=examples, epochs=epochs, batch_size=size, **self.options)
        self._hook = model.register_forward_hook(self._listen)

    def _listen(self, model: Any, inputs: Any, outputs: Any) -> None:
        if model.training:
            self._losses.append(outputs["loss"].detach())

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tells the tuner, and has the model evaluated when that wants it, with the averaged weights."""
        assert self.tuner is not None
        losses, self._losses = self._losses, []
        self.tuner.updated(sum(losses) / len(losses))
        if self.tuner.wants_validation:
            self._back = self.tuner.swap_averages_in(kwargs["model"])
            control.should_evaluate = True
        control.should_training_stop = control.should_training_stop or self.tuner.is_over

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Puts the weights back, and tells the tuner."""
        if self.tuner is not None and self._back is not None:
            self._back = self._back()
            self.tuner.validated(kwargs["metrics"]["eval_loss"])
            control.should_training_stop = control.should_training_stop or self.tuner.is_over

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leaves the best weights."""
        if self.tuner is not None:
            self._hook.remove()
            self.tuner.restore_best(kwargs["model"])
            self.tuner.detach()
