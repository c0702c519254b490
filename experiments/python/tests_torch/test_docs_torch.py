"""The nine lines of the README are run, and the examples say how they are used."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from digits import TRAIN, loss_of, perceptron, validate  # noqa: E402

import trimtab  # noqa: E402

README = Path(__file__).parent.parent / "README.md"


def test_the_nine_lines() -> None:
    blocks = [block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "trimtab.Tuner(" in block]
    assert len(blocks) == 1
    model = perceptron()
    before = validate(model)
    names = {
        "trimtab": trimtab,
        "model": model,
        "optimizer": torch.optim.Adam(model.parameters()),
        "train_set": torch.utils.data.TensorDataset(*TRAIN),
        "loss_of": loss_of,
        "validate": validate,
    }
    exec(blocks[0], names)
    assert validate(model) < 0.15 * before


@pytest.mark.parametrize("example", sorted((README.parent / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_say_how_they_are_used(example: Path) -> None:
    if example.stem == "sb3_learns" and importlib.util.find_spec("sb3_contrib") is None:
        pytest.skip("it needs Stable-Baselines3")
    ran = subprocess.run([sys.executable, str(example), "--help"], capture_output=True, text=True)
    assert ran.returncode == 0 and ran.stdout.startswith(f"usage: {example.name}")
