"""What decides in a `Tuner`, without PyTorch: the decisions are those of Rust's, bit for bit."""

import json
import math
import os
import subprocess
import sys
from typing import Any

import pytest

import trimtab
from trimtab._trimtab import SteeredTraining

GOOD: dict[str, Any] = {
    "examples": 1000,
    "validation_examples": 100,
    "epochs": 5.0,
    "adaptive": True,
    "learning_rate": 1e-3,
    "weights": 3000,
    "layers": 3,
}


def size_of(report: dict[str, Any]) -> float | None:
    return None if report["gradients"] is None else float(report["gradients"]["update_ratio"])


def replayed(recorded: dict[str, Any], late: bool, restarted: bool) -> SteeredTraining:
    """Tells what a `Tuner` of Rust was told, and compares what it wants at each segment.

    Losses are told at each update, or at the end of a segment; the training may be written and read at every segment.
    """
    size = {"weights": recorded["weights"], "layers": recorded["layers"], "units": recorded["units"]}
    steered = SteeredTraining(**recorded["training"], **size)
    validations = iter(recorded["validations"])
    kept: list[float] = []
    for loss in recorded["losses"]:
        assert not steered.is_over
        done = len(steered.segments)
        if not steered.is_probing:
            assert steered.settings == recorded["segments"][done]["settings"]
        ended = steered.count(None, None if late else loss)
        kept += [loss] if late else []
        if not ended:
            continue
        told, kept = kept, []
        if steered.is_probing:
            steered.probed(told, size_of(recorded["probes"][len(steered.probes)]), **size)
        else:
            steered.trained(told, size_of(recorded["segments"][done]["report"]))
        if steered.wants_validation:
            validation = next(validations)
            word = steered.validated(math.nan if validation is None else validation)
            assert word in ("first", "best", "worse", "diverged")
        if restarted:
            steered = SteeredTraining.from_state(steered.state())
    assert steered.is_over and next(validations, "none left") == "none left"
    return steered


@pytest.mark.skipif("TRIMTAB_TUNER_TRACE" not in os.environ, reason="TRIMTAB_TUNER_TRACE names no build of the example `tuner_trace`")
@pytest.mark.parametrize(("late", "restarted"), [(False, False), (True, True)])
def test_what_python_decides_is_what_rust_decides(late: bool, restarted: bool) -> None:
    printed = subprocess.run([os.environ["TRIMTAB_TUNER_TRACE"]], check=True, capture_output=True, text=True).stdout
    trainings = [json.loads(line) for line in printed.splitlines()]
    assert len(trainings) == 3
    seen: set[str] = set()
    for recorded in trainings:
        steered = replayed(recorded, late, restarted)
        assert steered.probes == recorded["probes"]
        assert steered.segments == recorded["segments"]
        assert steered.best_loss == recorded["best_loss"]
        seen |= {"diverged" for segment in steered.segments if segment["report"]["diverged"]}
        seen |= {str(segment["settings"].get("rollback")) for segment in steered.segments}
    assert seen == {"diverged", "best", "None"}, "the trace does not show what it is to show"


def played(steered: SteeredTraining, updates: int) -> list[dict[str, Any]]:
    """So many updates, of sizes and losses that follow from the settings."""
    seen = []
    for _ in range(updates):
        seen.append(dict(steered.settings))
        loss = 2.0 - 1.5 * steered.spent_share
        if not steered.count(None, loss):
            continue
        if steered.is_probing:
            steered.probed([], 3.0 * steered.learning_rate, 3000, 3)
        else:
            steered.trained([], 3.0 * steered.learning_rate)
        if steered.wants_validation:
            steered.validated(loss)
    return seen


@pytest.mark.parametrize("before", [0, 1, 5, 50])
def test_a_training_goes_on_from_its_state(before: int) -> None:
    whole, cut = SteeredTraining(**GOOD), SteeredTraining(**GOOD)
    played(whole, before)
    played(cut, before)
    again = SteeredTraining.from_state(cut.state())
    assert again.state() == cut.state()
    assert played(whole, 100) == played(again, 100)
    assert whole.segments == again.segments and len(whole.segments) > 3


def test_a_validation_that_is_not_wanted_changes_nothing() -> None:
    steered = SteeredTraining(**GOOD)
    before = steered.state()
    assert steered.best_loss == math.inf
    assert steered.validated(1.0) is None and steered.state() == before


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("examples", 0, "at least 1"),
        ("validation_examples", 0, "at least 1"),
        ("epochs", math.inf, "a finite number above 0"),
        ("epochs", -1.0, "a finite number above 0"),
        ("learning_rate", 0.0, "a finite number above 0"),
        ("batch_size", 0, "at least 1"),
        ("lowest_loss", math.nan, "a finite number"),
        ("update_cost", math.nan, "a number of examples"),
        ("update_cost", -1.0, "a number of examples"),
        ("targets_per_example", 0, "at least 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, value: float, allowed: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: .*{allowed}"):
        SteeredTraining(**{**GOOD, field: value})


def test_batches_follow_what_an_update_costs_and_the_targets_of_an_example() -> None:
    def batch_size(**given: Any) -> int:
        return SteeredTraining(**{**GOOD, "examples": 100_000, **given}).batch_size

    assert batch_size(update_cost=70.0) == batch_size()
    assert batch_size(update_cost=5.0) < batch_size() < batch_size(update_cost=300.0)
    assert batch_size(targets_per_example=64) < batch_size()


def test_what_is_no_state_is_refused() -> None:
    for state in ("", "{}", "null", SteeredTraining(**GOOD).state()[:-9]):
        with pytest.raises(ValueError, match="^state: .*give what `state` returned"):
            SteeredTraining.from_state(state)


def test_the_package_is_imported_without_pytorch() -> None:
    code = "import sys, trimtab; trimtab.Tuner; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert trimtab.Tuner.__module__ == "trimtab.tuner"
