"""Ctrl-C while Rust works."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# A training of many minutes in one step.
LONG = """
import sys, time
sys.path.insert(0, {tests!r})
import trimtab
from test_environment import small
many = {many}
config = small(budget={{"Epochs": 3_000_000}})
if many:
    env = trimtab.VectorEnvironment(config, num_envs=3, threads=2)
    action = [[1, 1]] * 3
else:
    env, action = trimtab.Environment(config), [1, 1]
env.reset(seed=1)
print("begun", flush=True)
try:
    while True:
        env.step(action)
except KeyboardInterrupt:
    print("interrupted", flush=True)
try:
    env.step(action)
except RuntimeError as error:
    print(error, flush=True)
# The next training is a whole one.
fresh = trimtab.Environment(small())
fresh.reset(seed=1)
over, steps = False, 0
while not over:
    _, _, over, _, info = fresh.step([1, 1])
print(info["spent"])
"""


@pytest.mark.parametrize("many", [False, True])
def test_ctrl_c_ends_a_long_segment_and_spoils_nothing_else(many: bool) -> None:
    from test_environment import play, small

    import trimtab

    script = LONG.format(tests=str(Path(__file__).parent), many=many)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            time.sleep(0.5)
            asked = time.monotonic()
            os.kill(process.pid, signal.SIGINT)
            assert process.stdout.readline() == "interrupted\n"
            assert time.monotonic() - asked < 10
            assert "call reset(seed)" in process.stdout.readline()
            spent = float(process.stdout.readline())
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
    env = trimtab.Environment(small())
    assert play(env, 1, lambda _: [1, 1])[-2] == spent
