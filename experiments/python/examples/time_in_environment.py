"""How long the quick-start's environment takes in Python and in Rust for the same episodes, in turns.

    cargo build --release -p trimtab-python -p trimtab-experiments --example trace
    python examples/time_in_environment.py ../../target/release/examples/trace
"""

import argparse
import resource
import statistics
import subprocess
import time
from collections.abc import Callable

import numpy as np

import trimtab

EPISODES, ROUNDS = 60, 7


def in_python(env: trimtab.Environment, clock: Callable[[], float]) -> float:
    """Seconds in `reset` and `step`, for the episodes of the example `trace`. Figures for reports are made in the last step; the clock of
    `trace` leaves them out, its processor time does not."""
    ends = np.cumsum([len(labels) for _, labels in env.specification["heads"]])[:-1]
    took = 0.0
    for seed in range(EPISODES):
        begun = clock()
        _, info = env.reset(seed=seed)
        took += clock() - begun
        over, step = False, 0
        while not over:
            allowed = [np.flatnonzero(head) for head in np.split(info["action_mask"], ends)]
            action = [int(may[(step + head) % len(may)]) for head, may in enumerate(allowed)]
            begun = clock()
            _, _, over, _, info = env.step(action)
            took += clock() - begun
            step += 1
    return took


def in_rust(program: str) -> float:
    """Seconds of the same, as the example `trace` counts them."""
    run = subprocess.run([program, str(EPISODES)], check=True, capture_output=True, text=True)
    return float(run.stderr)


def processor_in_rust(program: str, episodes: int) -> float:
    """Processor time of the whole example."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, str(episodes)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def both(env: trimtab.Environment, program: str) -> tuple[float, float]:
    """The ratio of the times by the clock, and of those of the processor, where reading the data is taken off."""
    by_clock = in_python(env, time.perf_counter) / in_rust(program)
    rust = processor_in_rust(program, EPISODES) - processor_in_rust(program, 0)
    return by_clock, in_python(env, time.process_time) / rust


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the example `trace`, built")
    program = parser.parse_args().program
    environment = trimtab.Environment(strict=True)
    ratios = [both(environment, program) for _ in range(ROUNDS)]
    for name, each in zip(("by the clock", "processor time"), zip(*ratios, strict=True), strict=True):
        print(f"{name}: Python takes {statistics.median(each):.2f} times as long ({min(each):.2f} to {max(each):.2f})")
