"""Several environments by one call."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from test_environment import small

import trimtab


def vector(count: int = 3, threads: int | None = 2) -> trimtab.VectorEnvironment:
    made = gymnasium.make_vec("Hyperparam-Tune-v0", num_envs=count, config=small(), threads=threads)
    assert isinstance(made, trimtab.VectorEnvironment)
    return made


def trace(envs: trimtab.VectorEnvironment, seed: Any, steps: int) -> list[Any]:
    observations, infos = envs.reset(seed=seed)
    seen: list[Any] = [observations.tolist(), infos["action_mask"].tolist()]
    for step in range(steps):
        actions = [[(step + index) % 3, 1] for index in range(envs.num_envs)]
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        seen += [observations.tolist(), rewards.tolist(), terminated.tolist(), truncated.tolist()]
        seen += [infos["action_mask"].tolist(), infos["settings"]["learning_rate"].tolist()]
    return seen


def test_threads_change_nothing() -> None:
    one = trace(vector(threads=1), 7, 40)
    assert trace(vector(threads=2), 7, 40) == one == trace(vector(threads=5), 7, 40)
    assert trace(vector(), 8, 40) != one


def test_each_is_the_single_environment_of_its_seed() -> None:
    envs, steps = vector(), 2 * 30
    seen = trace(envs, [5, 9, 2], steps)
    for index, seed in enumerate([5, 9, 2]):
        env = trimtab.Environment(small())
        observation, info = env.reset(seed=seed)
        assert observation.tolist() == seen[0][index]
        over, resets = False, 0
        for step in range(steps):
            if over:
                # The next step of a vector begins another episode.
                observation, info = env.reset()
                reward, terminated, truncated, resets = 0.0, False, False, resets + 1
            else:
                observation, reward, terminated, truncated, info = env.step([(step + index) % 3, 1])
            over = terminated or truncated
            at = 2 + 6 * step
            assert seen[at][index] == observation.tolist()
            assert [part[index] for part in seen[at + 1 : at + 4]] == [reward, terminated, truncated]
            assert seen[at + 4][index] == info["action_mask"].tolist()
            assert seen[at + 5][index] == info["settings"]["learning_rate"]
        assert resets >= 2


def test_what_is_returned_fits_the_spaces() -> None:
    envs = vector()
    observations, infos = envs.reset(seed=1)
    assert observations.shape == envs.observation_space.shape and envs.observation_space.contains(observations)
    assert envs.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.NEXT_STEP
    for _ in range(40):
        observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
        assert envs.observation_space.contains(observations)
        assert [str(array.dtype) for array in (rewards, terminated, truncated)] == ["float64", "bool", "bool"]
        if terminated.any():
            assert (infos["_outcome"] == terminated).all()
            assert np.isfinite(infos["outcome"]["test_loss"][terminated]).all()
            break
    else:
        pytest.fail("no episode has ended")


def test_the_suite_in_numbers() -> None:
    envs = trimtab.make_vec("luby-8", 1000)
    envs.reset(seed=1)
    gained = np.zeros(1000)
    for answer in [0, 0, 1, 0, 0, 1, 2, 0]:
        _, rewards, terminated, _, infos = envs.step(np.full(1000, answer))
        gained += rewards
    assert terminated.all() and not gained.any() and not infos["outcome"]["regret"].any()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda envs: envs.step([[1, 1]] * 2), ValueError, "one for each of the 3 environments"),
        (lambda envs: envs.step([[1, 1], [1, 1], [1, 3]]), ValueError, "choices 0 to 2, but the action chose 3"),
        (lambda envs: envs.step([[0.5, 1]] * 3), TypeError, "give integers"),
        (lambda envs: envs.reset(seed=[1, 2]), ValueError, "one for each of the 3 environments"),
        (lambda envs: envs.reset(options={"task": "vowel"}), ValueError, "a vector has none"),
    ],
)
def test_wrong_calls_are_explained(call: Any, error: type[Exception], words: str) -> None:
    envs = vector()
    envs.reset(seed=1)
    with pytest.raises(error, match=words):
        call(envs)


def test_none_and_no_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="num_envs: 0 is not allowed"):
        trimtab.VectorEnvironment(small(), num_envs=0)
    with pytest.raises(ValueError, match="num_envs: -1 is not allowed"):
        trimtab.make_vec("luby-8", -1)
    with pytest.raises(ValueError, match="threads: -1 is not allowed"):
        trimtab.make_vec("luby-8", 1, threads=-1)
    with pytest.raises(ValueError, match="threads: 0 is not allowed"):
        trimtab.VectorEnvironment(small(), threads=0)
    envs = vector()
    envs.close()
    envs.close()
    with pytest.raises(RuntimeError, match="are closed"):
        envs.reset()


def test_masks_are_those_of_the_infos() -> None:
    envs = vector()
    _, infos = envs.reset(seed=1)
    masks = envs.action_masks()
    assert masks.dtype == np.bool_ and (masks == infos["action_mask"]).all()
    # All begin at the smallest batch size; the first leaves it.
    infos = envs.step([[1, 2], [1, 1], [1, 1]])[4]
    assert (envs.action_masks() == infos["action_mask"]).all()
    assert (envs.action_masks() != masks).any(axis=1).tolist() == [True, False, False]
