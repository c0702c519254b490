"""DACBench's Sigmoid and Luby beside ours: the same instances and actions, so equal returns; and how many steps each takes in a second of the
processor, so that what else the machine does is left out.

    pip install dacbench==0.5.6
    python examples/dacbench_side_by_side.py [NAME ..]
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import trimtab

EPISODES, ROUNDS = 600, 5


def returns(env: Any, steps: int, actions: Any, skip: int) -> list[float]:
    """Of episodes that go through the instances in turn."""
    for _ in range(skip):
        env.reset()
    gained = []
    for episode in actions:
        env.reset()
        gained.append(sum(float(env.step(episode[step])[1]) for step in range(steps)))
    return gained


def steps_a_second(play: Callable[[], int]) -> float:
    """How many of them, by the processor's time."""
    begun = time.process_time()
    steps = play()
    return steps / (time.process_time() - begun)


def episodes(env: Any, steps: int, actions: Any) -> Callable[[], int]:
    """Whole episodes of one environment, resets included."""

    def play() -> int:
        for episode in actions:
            env.reset()
            for step in range(steps):
                env.step(episode[step])
        return steps * len(actions)

    return play


def vector(name: str, count: int, steps: int, actions: Any) -> Callable[[], int]:
    """Whole episodes of many environments by one call a step, resets included."""
    envs = trimtab.make_vec(name, count)
    envs.reset(seed=1)

    def play() -> int:
        for _ in range(100):
            for step in range(steps + 1):
                envs.step(actions[:count, step % steps])
        # The call after an episode's last step begins the next one, and is none.
        return 100 * steps * count

    return play


def compare(name: str, theirs: Any, steps: int, choices: tuple[int, ...], skip: int) -> None:
    """Prints a line of the table."""
    rng = np.random.default_rng(1)
    shape = (EPISODES, steps) if len(choices) == 1 else (EPISODES, steps, len(choices))
    actions = rng.integers(0, choices if len(choices) > 1 else choices[0], size=shape)
    ours = trimtab.make(name, order="in_turn")
    # Theirs begins with the second instance.
    apart = np.abs(np.subtract(returns(ours, steps, actions, skip), returns(theirs, steps, actions, 0))).max()
    many = np.resize(actions, (256, *shape[1:]))
    speeds = np.array(
        [
            [
                steps_a_second(episodes(theirs, steps, actions)),
                steps_a_second(episodes(ours, steps, actions)),
                steps_a_second(vector(name, 256, steps, many)),
            ]
            for _ in range(ROUNDS)
        ]
    )
    theirs_speed, single, many_speed = np.median(speeds, axis=0)
    single_ratio, many_ratio = np.median(speeds[:, 1:] / speeds[:, :1], axis=0)
    print(
        f"{name:<12} {apart:8.1e} {theirs_speed:12,.0f} {single:12,.0f} {single_ratio:7.1f} {many_speed:14,.0f} {many_ratio:7.1f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ["sigmoid-1d", "sigmoid-2d", "sigmoid-3d", "sigmoid-5d", "luby-8"]
    parser.add_argument("name", nargs="*", help=f"of {', '.join(names)}; all without it")
    wanted = parser.parse_args().name
    if other := set(wanted) - set(names):
        parser.error(f"name: {', '.join(sorted(other))} is not allowed; give some of {', '.join(names)}")
    warnings.simplefilter("ignore")
    from dacbench.benchmarks import FunctionApproximationBenchmark, LubyBenchmark

    print("                 apart       theirs         ours   ratio   256 by a call   ratio")
    for dimensions in (1, 2, 3, 5):
        name = f"sigmoid-{dimensions}d"
        if not wanted or name in wanted:
            benchmark = FunctionApproximationBenchmark().get_benchmark(dimension=dimensions)
            compare(name, benchmark, 10, (3,) * dimensions, 1)
    if not wanted or "luby-8" in wanted:
        compare("luby-8", LubyBenchmark().get_environment(), 8, (7,), 0)
