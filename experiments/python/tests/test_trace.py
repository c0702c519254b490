"""Python and Rust, side by side: the same actions give the same bits."""

import json
import os
import subprocess
from typing import Any

import numpy as np
import pytest

import trimtab


def choices(mask: Any, counts: list[int], step: int) -> list[int]:
    """The rule of the example `trace`: of each head the allowed choice whose turn it is."""
    heads = np.split(mask, np.cumsum(counts)[:-1])
    allowed = [np.flatnonzero(head) for head in heads]
    return [int(may[(step + head) % len(may)]) for head, may in enumerate(allowed)]


@pytest.mark.skipif("TRIMTAB_TRACE" not in os.environ, reason="TRIMTAB_TRACE names no build of the example `trace`")
def test_what_python_sees_is_what_rust_shows() -> None:
    printed = subprocess.run([os.environ["TRIMTAB_TRACE"]], check=True, capture_output=True, text=True).stdout
    env = trimtab.Environment(strict=True)
    counts = [len(labels) for _, labels in env.specification["heads"]]
    info: dict[str, Any] = {}
    step, compared = 0, 0
    for line in printed.splitlines():
        shown = json.loads(line)
        if "seed" in shown:
            observation, info = env.reset(seed=shown["seed"])
            step = 0
        elif "reward" in shown:
            observation, reward, terminated, truncated, info = env.step(choices(info["action_mask"], counts, step))
            assert reward == np.float32(shown["reward"]) and (terminated or truncated) == shown["over"]
            step, compared = step + 1, compared + 1
        else:
            assert info["outcome"] == shown["outcome"]
            continue
        assert observation.tolist() == np.array(shown["observation"], dtype=np.float32).tolist()
    assert compared > 30
