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


@pytest.mark.parametrize("accumulate", [1, 3])
def test_lightning(accumulate: int, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    import lightning.pytorch as pl

    from trimtab.lightning import LightningCallback

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = convolutional()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return loss_of(self.model(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", loss_of(self.model(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            # Far too small, with a schedule that would make it smaller still.
            optimizer = torch.optim.Adam(self.parameters(), lr=1e-6)
            return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1)]

    module, callback = Module(), LightningCallback(epochs=8)
    trainer = pl.Trainer(
        max_epochs=-1,
        accumulate_grad_batches=accumulate,
        callbacks=[callback],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, *loaders(60))
    tuner = callback.tuner
    assert tuner is not None and tuner.is_over
    assert 7 * 20 / accumulate <= trainer.global_step <= 8 * 20 / accumulate + 8
    sizes = {segment["settings"]["batch_size"] for segment in tuner.segments}
    assert sizes == {60.0 * accumulate}
    # The module has the best weights, whose loss Lightning averages over batches of examples.
    assert validate(module.model) == pytest.approx(tuner.best_loss, rel=1e-2) and tuner.best_loss < 0.6
    assert len({segment["report"]["validation"]["loss"] for segment in tuner.segments}) > 10


def test_lightning_without_validation_is_refused(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from trimtab.lightning import LightningCallback

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = perceptron()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            raise AssertionError("it is to be refused at the start")

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters())

    trainer = pl.Trainer(
        max_epochs=-1, callbacks=[LightningCallback(epochs=2)], accelerator="cpu", logger=False, default_root_dir=tmp_path
    )
    with pytest.raises(ValueError, match="^validation: there is none"):
        trainer.fit(Module(), loaders()[0])


def test_hugging_face(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments

    from trimtab.huggingface import TunerCallback

    class Classifier(PreTrainedModel):
        config_class = PretrainedConfig

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.network = perceptron()
            self.post_init()

        def _init_weights(self, module: Any) -> None:
            pass

        def forward(self, pixels: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            logits = self.network(pixels)
            return {"loss": loss_of(logits, labels), "logits": logits}

    def dataset(part: Any) -> list[dict[str, torch.Tensor]]:
        return [{"pixels": pixels, "labels": label} for pixels, label in zip(*part)]

    model, callback = Classifier(PretrainedConfig()), TunerCallback()
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        num_train_epochs=8,
        per_device_train_batch_size=64,
        learning_rate=1e-6,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
    )
    trainer = Trainer(model, arguments, train_dataset=dataset(TRAIN), eval_dataset=dataset(VALIDATION), callbacks=[callback])
    trainer.train()
    tuner = callback.tuner
    assert tuner is not None and tuner.spent_share > 0.95 and len(tuner.segments) > 20
    assert validate(model.network) == pytest.approx(tuner.best_loss, rel=1e-2) and tuner.best_loss < 0.6
