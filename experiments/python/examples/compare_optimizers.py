"""The tuner and what else makes rates unnecessary, on four trainings that nothing was fitted to.

    pip install torch==2.9.0 scikit-learn==1.9.1 prodigyopt==1.1.2 schedulefree==1.4.1 lightning==2.6.6
    python examples/compare_optimizers.py RESULTS.jsonl --text TEXT [--seeds 3] [--only NAME] [--method NAME]

Each training is a line of the file, and one that is there is not run again. TEXT is any text of some 100 KB, packed (.gz) or not. The
loss is that of test rows at the best of 30 validations; every method makes the same passes at batches of 64, but for the tuner, whose
batches are its own and whose budget is the cost of these passes. The updates of Lightning's finder are on top. Without anything to run it
prints the tables, of the methods that the file has.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gzip
import io
import json
import logging
import math
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import trimtab

DATA = Path(__file__).parents[3] / "models" / "data"
VALIDATIONS = 30
FACTORS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Of the initial rates, over four decades around the default."""
PEAKS = tuple(10.0 ** (half / 2) for half in range(-3, 4))
"""Of schedules: seven over three decades, the default among them."""


class Residual(nn.Module):
    """Two convolutions with batch normalisation, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.relu(inputs + self.second(self.first(inputs)))


class Characters(nn.Module):
    """A causal transformer on characters, with four heads."""

    def __init__(self, characters: int, length: int, width: int = 48, layers: int = 2) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(characters, width), nn.Parameter(torch.zeros(length, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.output = nn.Linear(width, characters)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length), persistent=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = self.layers(self.embedding(inputs) + self.position, mask=self.mask, is_causal=True)
        return self.output(hidden).transpose(1, 2)


Examples = tuple[torch.Tensor, torch.Tensor]
"""Inputs and targets."""


class Training:
    """Examples to train on, to validate and to test with, a network, and the optimiser at its default rate."""

    def __init__(
        self,
        name: str,
        parts: Sequence[Examples],
        network: Callable[[], nn.Module],
        optimizer: Callable[..., torch.optim.Optimizer],
        epochs: int,
        criterion: Callable[..., torch.Tensor] = nn.functional.cross_entropy,
    ) -> None:
        self.name, self.network, self.optimizer, self.epochs, self.criterion = name, network, optimizer, epochs, criterion
        self.train, self.validation, self.test = parts

    def loss(self, model: nn.Module, part: Examples) -> float:
        """The mean over examples."""
        model.eval()
        with torch.no_grad():
            sums = [len(inputs) * float(self.criterion(model(inputs), targets)) for inputs, targets in zip(*(each.split(1000) for each in part))]
        model.train()
        return sum(sums) / len(part[0])


def split(inputs: torch.Tensor, targets: torch.Tensor) -> list[Examples]:
    """Three fifths, a fifth and a fifth."""
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    cuts = (int(0.6 * len(inputs)), int(0.8 * len(inputs)))
    return [(inputs[part], targets[part]) for part in torch.tensor_split(order, cuts)]


def windows(text: str, alphabet: list[str], length: int) -> Examples:
    """Windows of a text, one after the other, and the characters that come next."""
    codes = torch.tensor([alphabet.index(character) for character in text])
    codes = codes[: (len(codes) - 1) // length * length + 1]
    return codes[:-1].reshape(-1, length), codes[1:].reshape(-1, length)


def sgd(parameters: Iterable[nn.Parameter], factor: float) -> torch.optim.Optimizer:
    """With momentum, at this many times PyTorch's default rate."""
    return torch.optim.SGD(parameters, lr=1e-3 * factor, momentum=0.9)


def adam(parameters: Iterable[nn.Parameter], factor: float) -> torch.optim.Optimizer:
    """At this many times PyTorch's default rate."""
    return torch.optim.Adam(parameters, lr=1e-3 * factor)


def adamw(parameters: Iterable[nn.Parameter], factor: float) -> torch.optim.Optimizer:
    """At this many times PyTorch's default rate."""
    return torch.optim.AdamW(parameters, lr=1e-3 * factor)


@dataclass
class Ended:
    """A training that is over: the test loss of the weights that were best in validation, and (processor seconds, validation loss) as it went."""

    loss: float
    curve: list[tuple[float, float]]


def trainings(text: str) -> list[Training]:
    """The four."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    digits = (torch.tensor(images).float().reshape(-1, 1, 8, 8) / 16, torch.tensor(labels).long())
    pixels = np.frombuffer(gzip.open(DATA / "fmnist-train-images-idx3-ubyte.gz").read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    kinds = np.frombuffer(gzip.open(DATA / "fmnist-train-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    clothes = nn.functional.avg_pool2d(torch.tensor(pixels[:2000].copy()).float() / 255, 4), torch.tensor(kinds[:2000].copy()).long()
    rows = [line.split(",") for line in gzip.open(DATA / "keel-letter.csv.gz", "rt").read().split()][:4000]
    letters = torch.tensor([[float(cell) for cell in row[:-1]] for row in rows])
    table = (letters - letters.mean(0)) / letters.std(0), torch.tensor([ord(row[-1]) - ord("A") for row in rows])
    length, alphabet = 32, sorted(set(text))
    characters = windows(text[: 1500 * length + 1], alphabet, length)
    return [
        Training(
            "small CNN",
            split(*digits),
            lambda: nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(16, 32, 3, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(512, 10),
            ),
            adam,
            15,
        ),
        Training(
            "residual CNN",
            split(*clothes),
            lambda: nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), Residual(16), Residual(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)
            ),
            sgd,
            15,
        ),
        Training("character transformer", split(*characters), lambda: Characters(len(alphabet), length), adamw, 12),
        Training(
            "MLP on a table",
            split(*table),
            lambda: nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 26)),
            adam,
            20,
        ),
    ]


def steered(training: Training, model: nn.Module, seed: int, factor: float) -> Ended:
    """The nine lines."""
    curve, begun = [], time.process_time()
    optimizer = training.optimizer(model.parameters(), factor)
    tuner = trimtab.Tuner(optimizer, examples=len(training.train[0]), epochs=training.epochs, seed=seed)
    for inputs, targets in tuner.batches(training.train):
        loss = training.criterion(model(inputs), targets)
        loss.backward()
        tuner.step(loss)
        if tuner.wants_validation:
            validation = training.loss(tuner.averaged(model), training.validation)
            curve.append((time.process_time() - begun, validation))
            tuner.validated(validation)
    tuner.restore_best(model)
    return Ended(training.loss(model, training.test), curve)


def plain(training: Training, model: nn.Module, seed: int, method: str, factor: float) -> Ended:
    """Batches of 64, the best weights of 30 validations."""
    curve, begun = [], time.process_time()
    size, examples = 64, len(training.train[0])
    updates = math.ceil(training.epochs * examples / size)
    schedule: Any = None
    if method == "prodigy":
        from prodigyopt import Prodigy

        optimizer: Any = Prodigy(model.parameters(), lr=1.0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)  # As its authors advise.
    elif method == "schedule-free":
        from schedulefree import AdamWScheduleFree

        optimizer = AdamWScheduleFree(model.parameters(), lr=0.0025, warmup_steps=updates // 20)
        optimizer.train()
    else:
        if method.startswith("finder"):
            factor *= found(training, model, seed)
        optimizer = training.optimizer(model.parameters(), factor)
        if method in ("one-cycle", "finder, one-cycle"):
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, optimizer.param_groups[0]["lr"], total_steps=updates)
        elif method == "cosine":
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    sampler = trimtab_sampler(examples, seed)
    best, best_state = math.inf, copy.deepcopy(model.state_dict())
    for update in range(1, updates + 1):
        rows = sampler.draw(size)
        loss = training.criterion(model(training.train[0][rows]), training.train[1][rows])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if schedule is not None:
            schedule.step()
        if update * VALIDATIONS // updates > (update - 1) * VALIDATIONS // updates:
            if method == "schedule-free":
                optimizer.eval()
            validation = training.loss(model, training.validation)
            curve.append((time.process_time() - begun, validation))
            if validation < best:
                best, best_state = validation, copy.deepcopy(model.state_dict())
            if method == "schedule-free":
                optimizer.train()
    model.load_state_dict(best_state)
    return Ended(training.loss(model, training.test), curve)


def found(training: Training, model: nn.Module, seed: int) -> float:
    """What Lightning's finder suggests, as a factor on the default rate: 100 updates of a copy at rates from 1e-8 to 1, as it does by itself.
    1 where it suggests none, since Lightning then leaves the rate as it is."""
    import lightning.pytorch as pl
    from lightning.pytorch.tuner import Tuner

    default = training.optimizer(model.parameters(), 1.0).param_groups[0]["lr"]

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lr = copy.deepcopy(model), default

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return training.criterion(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return training.optimizer(self.model.parameters(), self.lr / default)

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    examples = torch.utils.data.TensorDataset(*training.train)
    loader = torch.utils.data.DataLoader(examples, 64, shuffle=True, generator=torch.Generator().manual_seed(seed))
    # It shows its progress whatever the trainer is told.
    shown = contextlib.redirect_stderr(io.StringIO())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), shown:
        warnings.simplefilter("ignore")
        quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
        trainer = pl.Trainer(accelerator="cpu", devices=1, default_root_dir=folder, **quiet)
        finder = Tuner(trainer).lr_find(Module(), train_dataloaders=loader)
        rate = finder.suggestion() if finder is not None else None
    return 1.0 if rate is None else rate / default


def trimtab_sampler(examples: int, seed: int) -> Any:
    """The order of the tuner's own batches."""
    from trimtab.batches import Sampler

    return Sampler(examples, seed)


def planned() -> list[tuple[str, float]]:
    """What is run for each training and seed: methods, and factors on the default rate."""
    units = [(method, factor) for method in ("tuner", "default") for factor in FACTORS]
    units += [(method, peak) for method in ("one-cycle", "cosine") for peak in PEAKS]
    return units + [(method, 1.0) for method in ("finder", "finder, one-cycle", "prodigy", "schedule-free")]


def tables(lines: list[dict[str, Any]]) -> None:
    """Failures first, then the losses of each training."""
    by = {(line["training"], line["seed"], line["method"], round(line["factor"], 6)): line["loss"] for line in lines}
    seen = sorted({(line["training"], line["seed"]) for line in lines})
    methods = {line["method"] for line in lines}
    units = [unit for unit in planned() if unit[0] in methods]
    cells = [cell for cell in seen if all((*cell, method, round(factor, 6)) in by for method, factor in units)]
    for name, seed in seen:
        if (name, seed) not in cells:
            print(f"not finished, and left out: {name}, seed {seed}")
    if not cells:
        return

    def of(method: str, factor: float) -> dict[tuple[str, int], float]:
        found = {cell: by[(*cell, method, round(factor, 6))] for cell in cells}
        return {cell: loss if math.isfinite(loss) else 20.0 for cell, loss in found.items()}

    def best(method: str) -> dict[tuple[str, int], float]:
        """The peak whose mean over seeds is lowest, by training: with hindsight."""
        chosen: dict[tuple[str, int], float] = {}
        for name in {cell[0] for cell in cells}:
            mean = {peak: statistics.mean(loss for cell, loss in of(method, peak).items() if cell[0] == name) for peak in PEAKS}
            peak = min(mean, key=lambda each: mean[each])
            chosen |= {cell: loss for cell, loss in of(method, peak).items() if cell[0] == name}
        return chosen

    columns: dict[str, dict[tuple[str, int], float]] = {f"tuner from {factor:g} x": of(method, factor) for method, factor in units if method == "tuner"}
    columns |= {f"default x {factor:g}": of(method, factor) for method, factor in units if method == "default"}
    schedules = [method for method in ("one-cycle", "cosine") if method in methods]
    columns |= {f"{method} at the default": of(method, 1.0) for method in schedules}
    columns |= {f"{method}, best of seven": best(method) for method in schedules}
    columns |= {method: of(method, 1.0) for method in ("finder", "finder, one-cycle", "prodigy", "schedule-free") if method in methods}
    if "tuner" in methods:
        tuner = {name: losses for name, losses in columns.items() if name.startswith("tuner")}
        columns["tuner, mean over initial rates"] = {cell: statistics.mean(losses[cell] for losses in tuner.values()) for cell in cells}
        if "default" in methods:
            tell_of_failures(tuner, columns["default x 1"])
    names = list(dict.fromkeys(cell[0] for cell in cells))
    print("\n| method | " + " | ".join(names) + " | mean |\n|" + "---|" * (len(names) + 2))
    for name, losses in columns.items():
        means = [statistics.mean(loss for cell, loss in losses.items() if cell[0] == each) for each in names]
        print(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in means) + f" | {statistics.mean(means):.3f} |")


def tell_of_failures(tuner: dict[str, dict[tuple[str, int], float]], default: dict[tuple[str, int], float]) -> None:
    """Trainings of the tuner that end above the default, by initial rate, training and seed."""
    of = [(loss - default[cell], name, cell) for name, losses in tuner.items() for cell, loss in losses.items()]
    worse = [each for each in of if each[0] > 0.02]
    print(f"\nmore than 0.02 above the default: {len(worse)} of {len(of)} trainings of the tuner")
    for excess, name, cell in sorted(worse, reverse=True):
        print(f"  {name}, {cell[0]}, seed {cell[1]}: +{excess:.3f}")


Unit = tuple[Training, int, str, float]
"""A training, a seed, a method, and a factor on the default rate."""


def lines_of(results: Path) -> list[dict[str, Any]]:
    """What was run before."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def run(results: Path, units: Iterable[Unit]) -> None:
    """Those that the file does not have yet; each becomes a line of it."""
    done = {(line["training"], line["seed"], line["method"], line["factor"]) for line in lines_of(results)}
    units = [unit for unit in units if (unit[0].name, *unit[1:]) not in done]
    with results.open("a") as file:
        for number, (training, seed, method, factor) in enumerate(units):
            if sys.stderr.isatty():
                print(f"\r{number} of {len(units)}: {training.name}, {method} x {factor:.3g}      ", end="", file=sys.stderr)
            torch.manual_seed(seed)
            model, begun = training.network(), time.process_time()
            ended = steered(training, model, seed, factor) if method == "tuner" else plain(training, model, seed, method, factor)
            line = {"training": training.name, "seed": seed, "method": method, "factor": factor, "seconds": time.process_time() - begun}
            print(json.dumps(line | asdict(ended)), file=file, flush=True)


def main() -> None:
    """Runs what the file does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--text", type=Path, help="without it only tables are printed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help="a training by its name")
    parser.add_argument("--method", choices=sorted({method for method, _ in planned()}), help="only this one")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.text is not None:
        opened = gzip.open(options.text, "rt") if options.text.suffix == ".gz" else options.text.open()
        chosen = [training for training in trainings(opened.read()) if options.only in (None, training.name)]
        units = [unit for unit in planned() if options.method in (None, unit[0])]
        run(options.results, [(training, seed, *unit) for seed in range(options.seeds) for training in chosen for unit in units])
    tables(lines_of(options.results))


if __name__ == "__main__":
    main()
