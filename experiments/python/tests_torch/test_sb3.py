"""Stable-Baselines3 and its contributions, as they are. Outside the gate, since they need PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from sb3_contrib import MaskablePPO  # noqa: E402
from stable_baselines3 import PPO  # noqa: E402
from stable_baselines3.common.env_checker import check_env  # noqa: E402
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402
from stable_baselines3.common.vec_env import SubprocVecEnv  # noqa: E402

import trimtab  # noqa: E402

SHORT = {"n_steps": 64, "batch_size": 32, "n_epochs": 2, "device": "cpu", "seed": 1}


@pytest.mark.parametrize("name", ["Hyperparam-Tune-v0", *(f"trimtab/{name}" for name in trimtab.names())])
def test_its_checker_has_nothing_to_say(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(name).unwrapped)


@pytest.mark.parametrize("name", ["Hyperparam-Tune-v0", "trimtab/sigmoid-2d", "trimtab/leading-ones-50"])
@pytest.mark.parametrize("kind", [PPO, MaskablePPO])
def test_it_learns_in_each(kind: Any, name: str) -> None:
    env = gymnasium.make(name)
    model = kind("MlpPolicy", env, **SHORT)
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(128)
    assert model.num_timesteps == 128
    assert any(not old.equal(new) for old, new in zip(before, model.policy.parameters()))


def test_masks_reach_the_learner() -> None:
    # With `strict` a masked choice would be an error.
    env = gymnasium.make("Hyperparam-Tune-v0", strict=True)
    model = MaskablePPO("MlpPolicy", env, **SHORT).learn(192)
    observation, info = env.reset(seed=3)
    action = model.predict(observation, action_masks=info["action_mask"].astype(bool))[0]
    assert env.step(action)[4]["masked"] is False


@pytest.mark.parametrize("kind", [None, SubprocVecEnv])
def test_its_own_vectors_hold_them(kind: Any) -> None:
    # A process of its own imports what is before the colon.
    envs = make_vec_env("trimtab:trimtab/luby-8", n_envs=2, seed=1, vec_env_cls=kind)
    try:
        seen = envs.reset()
        assert seen.shape == (2, 6)
        for _ in range(8):
            seen, rewards, over, infos = envs.step(np.zeros(2, dtype=int))
        assert over.all() and all("terminal_observation" in info for info in infos)
    finally:
        envs.close()
