"""The callbacks, in the real trainers of Lightning and Hugging Face. Outside the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from digits import TRAIN, VALIDATION, convolutional, loss_of, perceptron, validate  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def loaders(size: int = 64) -> tuple[Any, Any]:
    train, validation = (torch.utils.data.TensorDataset(*part) for part in (TRAIN, VALIDATION))
    return torch.utils.data.DataLoader(train, size, shuffle=True), torch.utils.data.DataLoader(validation, 300)


def lightning(tmp_path: Path, network: Any, callbacks: list[Any], **options: Any) -> tuple[Any, Any]:
    """A module around a network, and a trainer of it."""
    pl = pytest.importorskip("lightning.pytorch")

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = network

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return loss_of(self.model(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", loss_of(self.model(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            # Far too small, with a schedule that would make it smaller still.
            optimizer = torch.optim.Adam(self.parameters(), lr=1e-6)
            return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1)]

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    given = {"max_epochs": -1, **quiet, **options}
    trainer = pl.Trainer(callbacks=callbacks, accelerator="cpu", default_root_dir=tmp_path, **given)
    return Module(), trainer


@pytest.mark.parametrize("accumulate", [1, 3])
def test_lightning(accumulate: int, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from trimtab.lightning import LightningCallback

    callback = LightningCallback(epochs=8)
    module, trainer = lightning(tmp_path, convolutional(), [callback], accumulate_grad_batches=accumulate)
    trainer.fit(module, *loaders(60))
    tuner = callback.tuner
    assert tuner is not None and tuner.is_over
    assert 7 * 20 / accumulate <= trainer.global_step <= 8 * 20 / accumulate + 8
    sizes = {segment["settings"]["batch_size"] for segment in tuner.segments}
    assert sizes == {60.0 * accumulate}
    # The module has the best weights, whose loss Lightning averages over batches of examples.
    assert validate(module.model) == pytest.approx(tuner.best_loss, rel=1e-2) and tuner.best_loss < 0.6
    assert len({segment["report"]["validation"]["loss"] for segment in tuner.segments}) > 10


def test_lightning_refuses_what_cannot_be(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from trimtab.lightning import LightningCallback

    module, trainer = lightning(tmp_path, perceptron(), [LightningCallback(epochs=2)])
    with pytest.raises(ValueError, match="^validation: there is none"):
        trainer.fit(module, loaders()[0])
    module, trainer = lightning(tmp_path, perceptron(), [LightningCallback(epochs=2, monitor="loss")])
    with pytest.raises(ValueError, match="^monitor: `loss` was not logged, but `val_loss`"):
        trainer.fit(module, *loaders())


@pytest.mark.parametrize("kind", ["BatchSampler", "a list"])
def test_lightning_with_a_batch_sampler(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from trimtab.lightning import LightningCallback

    data = torch.utils.data.TensorDataset(*TRAIN)
    batches = torch.utils.data.BatchSampler(torch.utils.data.RandomSampler(data), 80, False)
    loader = torch.utils.data.DataLoader(data, batch_sampler=batches if kind == "BatchSampler" else list(batches))
    callback = LightningCallback(epochs=2)
    module, trainer = lightning(tmp_path, perceptron(), [callback])
    if kind == "a list":
        with pytest.raises(ValueError, match="^loader: its batches have no size that it says"):
            trainer.fit(module, loader, loaders()[1])
        return
    trainer.fit(module, loader, loaders()[1])
    assert callback.tuner is not None and {segment["settings"]["batch_size"] for segment in callback.tuner.segments} == {80.0}


def test_checkpoints_of_lightning_have_the_weights_that_were_scored(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from lightning.pytorch.callbacks import ModelCheckpoint

    from trimtab.lightning import LightningCallback

    kept, callback = ModelCheckpoint(dirpath=tmp_path, monitor="val_loss"), LightningCallback(epochs=8)
    module, trainer = lightning(tmp_path, perceptron(), [kept, callback], enable_checkpointing=True)
    trainer.fit(module, *loaders())
    network = perceptron(2)
    state = torch.load(kept.best_model_path, weights_only=False)["state_dict"]
    network.load_state_dict({name.removeprefix("model."): weights for name, weights in state.items()})
    assert validate(network) == pytest.approx(float(kept.best_model_score), rel=1e-4)


@pytest.mark.parametrize(("epochs", "ended"), [(1, False), (4, False), (4, True)])
def test_lightning_resumed_at_the_end_of_an_epoch_is_uninterrupted(epochs: int, ended: bool, tmp_path: Path) -> None:
    """From a checkpoint within a training, or one after a training that was ended there."""
    pl = pytest.importorskip("lightning.pytorch")
    from trimtab.lightning import LightningCallback

    class Saving(pl.Callback):
        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == epochs - 1:
                trainer.save_checkpoint(tmp_path / "cut.ckpt")

    def fit(path: Path | None, **options: Any) -> tuple[Any, Any]:
        callback = LightningCallback(epochs=8)
        network = convolutional(1 if path is None else 2)
        module, trainer = lightning(tmp_path, network, [callback] + ([Saving()] if path is None and not options else []), **options)
        train = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*TRAIN), 64)
        trainer.fit(module, train, loaders()[1], ckpt_path=path)
        if options:
            trainer.save_checkpoint(tmp_path / "cut.ckpt")
        return callback.tuner, module.state_dict()

    tuner, weights = fit(None)
    if ended:
        fit(None, max_epochs=epochs)
    resumed, same = fit(tmp_path / "cut.ckpt")
    assert resumed.segments == tuner.segments
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def hugging_face(tmp_path: Path, callback: Any, seed: int = 1, as_tuple: bool = False, **options: Any) -> tuple[Any, Any]:
    """A model, and a trainer of it."""
    pytest.importorskip("transformers")
    from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments

    class Classifier(PreTrainedModel):
        config_class = PretrainedConfig

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.network = perceptron(seed)
            self.post_init()

        def _init_weights(self, module: Any) -> None:
            pass

        def forward(self, pixels: torch.Tensor, labels: torch.Tensor) -> Any:
            logits = self.network(pixels)
            loss = loss_of(logits, labels)
            return (loss, logits) if as_tuple else {"loss": loss, "logits": logits}

    def dataset(part: Any) -> list[dict[str, torch.Tensor]]:
        return [{"pixels": pixels, "labels": label} for pixels, label in zip(*part)]

    arguments = {"num_train_epochs": 8, "per_device_train_batch_size": 64, "learning_rate": 1e-6, "save_strategy": "no"}
    quiet = {"report_to": [], "use_cpu": True, "disable_tqdm": True, "logging_strategy": "no"}
    given = TrainingArguments(output_dir=str(tmp_path), **{**arguments, **quiet, **options})
    model = Classifier(PretrainedConfig())
    return model, Trainer(model, given, train_dataset=dataset(TRAIN), eval_dataset=dataset(VALIDATION), callbacks=[callback])


@pytest.mark.parametrize("as_tuple", [False, True])
def test_hugging_face(as_tuple: bool, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from trimtab.huggingface import TunerCallback

    callback = TunerCallback()
    model, trainer = hugging_face(tmp_path, callback, as_tuple=as_tuple)
    trainer.train()
    tuner = callback.tuner
    assert tuner is not None and tuner.spent_share > 0.95 and len(tuner.segments) > 20
    assert validate(model.network) == pytest.approx(tuner.best_loss, rel=1e-2) and tuner.best_loss < 0.6


def test_hugging_face_resumed_is_uninterrupted(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from trimtab.huggingface import TunerCallback

    whole = TunerCallback()
    model, trainer = hugging_face(tmp_path / "whole", whole, save_strategy="steps", save_steps=60)
    trainer.train()
    resumed = TunerCallback()
    again, trainer = hugging_face(tmp_path / "whole", resumed, seed=2)
    trainer.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-60"))
    assert whole.tuner is not None and resumed.tuner is not None
    assert resumed.tuner.segments == whole.tuner.segments
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters()))
    # From another folder it is to be told of it, and does not begin anew.
    (tmp_path / "whole" / "checkpoint-60").rename(tmp_path / "moved")
    for callback, message in ((TunerCallback(), "^checkpoint: there is no .*tuner.pt"), (TunerCallback(checkpoint=tmp_path / "moved"), "")):
        _, trainer = hugging_face(tmp_path / "other", callback, seed=2)
        if message:
            with pytest.raises(ValueError, match=message):
                trainer.train(resume_from_checkpoint=str(tmp_path / "moved"))
        else:
            trainer.train(resume_from_checkpoint=str(tmp_path / "moved"))
            assert callback.tuner is not None and callback.tuner.segments == whole.tuner.segments
