"""The servo in the `Trainer` of Hugging Face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from trimtab.tuner import Tuner


class TunerCallback(TrainerCallback):
    """Steers a training of transformers: its learning rate, weight decay and averages, when it is evaluated, and when it ends.

    The budget is the `num_train_epochs` of the arguments, the batch size theirs; their schedule is overruled. The trainer needs an
    `eval_dataset`, and its loss must be the one that the model returns. In the end the model has the best weights.

    The tuner's state is the file `tuner.pt` of each checkpoint, and `resume_from_checkpoint` goes on from there.

    >>> trainer = Trainer(model, arguments, train_dataset=train, eval_dataset=test, callbacks=[TunerCallback()])  # doctest: +SKIP
    """

    def __init__(self, *, checkpoint: str | Path | None = None, **options: Any) -> None:
        """With options of `Tuner`, such as `fine_tuning=True`.

        Args:
            checkpoint: The folder that is resumed from, where it is not the one in `output_dir` of that step.
            options: Of `Tuner`.
        """
        self.checkpoint, self.options = checkpoint, options
        self.tuner: Tuner | None = None
        self._losses: list[Any] = []
        self._back: Callable[[], None] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Makes the tuner. A trainer tells its callbacks no losses, so that the model is listened to.

        Raises:
            ValueError: The trainer resumes from a checkpoint that has no state of a tuner.
        """
        optimizer = getattr(kwargs["optimizer"], "optimizer", kwargs["optimizer"])
        size = args.train_batch_size * args.gradient_accumulation_steps
        examples, epochs = len(kwargs["train_dataloader"].dataset), args.num_train_epochs
        model = kwargs["model"]
        self.tuner = Tuner(optimizer, model=model, examples=examples, epochs=epochs, batch_size=size, **self.options)
        if state.global_step > 0:
            self.tuner.load_state_dict(self._resumed(args, state))
        self._hook = model.register_forward_hook(self._listen)

    def _resumed(self, args: Any, state: Any) -> dict[str, Any]:
        """What `on_save` wrote. A trainer does not tell its callbacks where it resumes from."""
        file = (folder_of(args, state) if self.checkpoint is None else Path(self.checkpoint)) / "tuner.pt"
        if not file.is_file():
            raise ValueError(
                f"checkpoint: there is no {file}, without which the training would begin again; give `TunerCallback(checkpoint=..)` the folder"
                " that is resumed from, saved with this callback and without `save_only_model`"
            )
        resumed: dict[str, Any] = torch.load(file, weights_only=True)
        return resumed

    def _listen(self, model: Any, inputs: Any, outputs: Any) -> None:
        if not model.training:
            return
        loss = outputs[0] if isinstance(outputs, tuple) else outputs.get("loss")
        if loss is None:
            raise ValueError("model: it returned no `loss`, which the tuner needs; let the model make it of its `labels`, without label smoothing")
        self._losses.append(loss.detach())

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

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Adds the state of the tuner to a checkpoint that can be resumed from."""
        if self.tuner is not None and state.is_world_process_zero and not args.save_only_model:
            torch.save(self.tuner.state_dict(), folder_of(args, state) / "tuner.pt")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leaves the best weights."""
        if self.tuner is not None:
            self._hook.remove()
            self.tuner.restore_best(kwargs["model"])
            self.tuner.detach()


def folder_of(args: Any, state: Any) -> Path:
    """That of a checkpoint of this step, as the trainer names it."""
    return Path(args.output_dir) / f"checkpoint-{state.global_step}"
