"""How long the quick-start's environment takes in Python and in Rust for the same episodes, in turns.

    cargo build --release -p trimtab-python -p trimtab-experiments --example trace
    python examples/time_in_environment.py ../../target/release/examples/trace
"""

import statistics
import subprocess
import sys
import time

import numpy as np

import trimtab

EPISODES, ROUNDS = 60, 7


def in_python(env: trimtab.Environment) -> float:
    """Seconds in `reset` and `step`, for the episodes of the example `trace`; it leaves figures for reports out, which are made here."""
    ends = np.cumsum([len(labels) for _, labels in env.specification["heads"]])[:-1]
    took = 0.0
    for seed in range(EPISODES):
        begun = time.perf_counter()
        _, info = env.reset(seed=seed)
        took += time.perf_counter() - begun
        over, step = False, 0
        while not over:
            allowed = [np.flatnonzero(head) for head in np.split(info["action_mask"], ends)]
            action = [int(may[(step + head) % len(may)]) for head, may in enumerate(allowed)]
            begun = time.perf_counter()
            _, _, over, _, info = env.step(action)
            took += time.perf_counter() - begun
            step += 1
    return took


def in_rust(program: str) -> float:
    """The same, as the example `trace` counts it."""
    run = subprocess.run([program, str(EPISODES)], check=True, capture_output=True, text=True)
    return float(run.stderr)


if __name__ == "__main__":
    environment = trimtab.Environment(strict=True)
    pairs = [(in_python(environment), in_rust(sys.argv[1])) for _ in range(ROUNDS)]
    ratios = [python / rust for python, rust in pairs]
    python, rust = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    print(f"{EPISODES} episodes: Python {python:.2f} s, Rust {rust:.2f} s; ratio {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f})")
