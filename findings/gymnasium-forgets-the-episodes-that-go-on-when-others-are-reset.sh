#!/usr/bin/env bash
# gymnasium 1.4.0: where the user resets single environments, `RecordEpisodeStatistics` forgets the episodes of all the others.
#
# With `AutoresetMode.DISABLED` an environment whose episode is over is reset with `reset(options={"reset_mask": ...})`, as documented, and the vector
# wrapper has code for it that clears the masked entries alone. It never runs: the environment inside takes the mask out of the options, in
# place, before the wrapper looks. So the wrapper sees a full reset and clears the returns and the lengths of all, while the other episodes go on. They
# are reported with what came after the last reset of any other, so that long episodes look as short as the shortest, and with many environments
# nearly all returns are too small. No number is impossible. The mask that the user passed is gone from the options as well. Pull request 1696, which is
# open, is about it. What to do instead: another autoreset mode, or the wrapper for a single environment, around each.
#
# Seen, for two environments with a reward of 1 at each step, whose episodes have 2 and 5 steps: in 10 steps the first reports 2, 2, 1, 2 and 2, the
# second 1 and 2. With a wrapper around each they report 2 and 5 throughout, and so they do with the vector wrapper and the other two modes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet gymnasium==1.4.0 numpy==2.4.6
cat > episodes.py <<'PYTHON'
import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics as Single
from gymnasium.wrappers.vector import RecordEpisodeStatistics as Vector


class Counted(gym.Env):
    """A reward of 1 at each step of an episode that has a fixed number of them."""

    observation_space = gym.spaces.Discrete(10)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, steps):
        self.steps = steps

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.taken = 0
        return 0, {}

    def step(self, action):
        self.taken += 1
        return self.taken, 1.0, self.taken == self.steps, False, {}


def returns(mode, each):
    """The returns that two environments report in 10 steps of each, with a wrapper around each or around both."""
    wrap = Single if each else (lambda env: env)
    envs = SyncVectorEnv([lambda: wrap(Counted(2)), lambda: wrap(Counted(5))], autoreset_mode=mode)
    if not each:
        envs = Vector(envs)
    envs.reset(seed=0)
    seen = [[], []]
    for _ in range(10):
        _, _, terminated, truncated, infos = envs.step(np.zeros(2, dtype=int))
        done = terminated | truncated
        for i in np.flatnonzero(done):
            seen[i].append(int(infos["episode"]["r"][i]))
        if mode == AutoresetMode.DISABLED and done.any():
            envs.reset(options={"reset_mask": done})
    envs.close()
    return f"{seen[0]} and {seen[1]}"


for mode in [AutoresetMode.DISABLED, AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP]:
    print(f"{mode.name}, around both:", returns(mode, each=False))
print("DISABLED, around each:", returns(AutoresetMode.DISABLED, each=True))
PYTHON
venv/bin/python episodes.py | tee seen.txt
diff seen.txt - <<'WANTED'
DISABLED, around both: [2, 2, 1, 2, 2] and [1, 2]
SAME_STEP, around both: [2, 2, 2, 2, 2] and [5, 5]
NEXT_STEP, around both: [2, 2, 2] and [5]
DISABLED, around each: [2, 2, 2, 2, 2] and [5, 5]
WANTED
