"""Environments with known answers."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import trimtab


def total(env: trimtab.Environment, seed: int | None, choose: Any) -> tuple[float, dict[str, float]]:
    """Return and outcome of an episode."""
    observation, info = env.reset(seed=seed)
    gained, over = 0.0, False
    while not over:
        observation, reward, terminated, truncated, info = env.step(choose(observation))
        gained, over = gained + reward, terminated or truncated
    return gained, info["outcome"]


def nearest(observation: Any) -> list[int]:
    """The best choices of a sigmoid in the raw encoding: those nearest to each curve at the next step."""
    dimensions = (len(observation) - 1) // 3
    step = 11 - observation[0]
    slopes, shifts = observation[1 : 1 + 2 * dimensions : 2], observation[2 : 2 + 2 * dimensions : 2]
    targets = 1 / (1 + np.exp(-np.clip(slopes.astype(float) * (step - shifts), -500, 500)))
    return [int(choice) for choice in np.rint(2 * targets)]


@pytest.mark.parametrize("name", trimtab.names())
def test_gymnasiums_checker_has_nothing_to_say(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(trimtab.make(name))


def test_gymnasium_makes_them_by_name() -> None:
    env = gymnasium.make("trimtab/luby-8", strict=True)
    assert env.spec is not None and env.spec.id == "trimtab/luby-8"
    assert env.reset(seed=1)[0].tolist() == trimtab.make("luby-8").reset(seed=1)[0].tolist()
    envs = gymnasium.make_vec("trimtab/sigmoid-1d", num_envs=3, part="test")
    assert isinstance(envs, trimtab.VectorEnvironment) and envs.num_envs == 3
    wanted = [trimtab.make("sigmoid-1d", part="test").reset(seed=seed)[0].tolist() for seed in (5, 6, 7)]
    assert envs.reset(seed=5)[0].tolist() == wanted
    with pytest.raises(gymnasium.error.NameNotFound, match="luby-8"):
        gymnasium.make("trimtab/lubi-8")


def test_an_environment_can_be_made_again() -> None:
    env = trimtab.make("sigmoid-2d", part="test", order="in_turn")
    assert env.spec is not None
    again = env.spec.make()
    assert [again.reset()[0].tolist() for _ in range(3)] == [env.reset()[0].tolist() for _ in range(3)]


def test_the_best_choices_of_sigmoids_leave_no_regret() -> None:
    env = trimtab.make("sigmoid-3d", part="test", order="in_turn")
    for _ in range(300):
        gained, outcome = total(env, None, nearest)
        assert gained == pytest.approx(outcome["optimal_return"], abs=1e-5)
        assert outcome["regret"] == pytest.approx(0, abs=1e-5)


def test_instances_in_turn_are_those_of_dacbench() -> None:
    env = trimtab.make("sigmoid-1d", order="in_turn")
    slopes = [float(env.reset(seed=seed)[0][1]) for seed in [4, 4, 9]]
    # The first three rows of `sigmoid_1D3M_train.csv` of DACBench 0.5.6.
    assert slopes == pytest.approx([5.911474832227531, 5.231490180246556, 3.393139172963375], rel=1e-6)


def test_luby_by_heart() -> None:
    sequence = [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8, 1]
    known = iter(np.log2(sequence).astype(int))
    gained, outcome = total(trimtab.make("luby-16"), 1, lambda _: next(known))
    assert (gained, outcome["regret"]) == (0.0, 0.0)


def test_one_decision_is_an_integer() -> None:
    env = trimtab.make("leading-ones-50")
    env.reset(seed=1)
    assert env.step(np.int64(2))[0].shape == env.observation_space.shape
    assert env.step(np.array(2))[0].shape == env.observation_space.shape
    with pytest.raises(ValueError, match="choices 0 to 4, but the action chose 5"):
        env.step(5)


def test_every_name_is_there_and_others_are_answered_with_the_nearest() -> None:
    assert len(trimtab.names()) > 100
    for name in trimtab.names()[::10]:
        env = trimtab.make(name)
        assert env.specification["name"] in (name, "tuning")
        observation, _ = env.reset(seed=1)
        assert env.observation_space.contains(observation)
    with pytest.raises(ValueError, match="did you mean `luby-16`"):
        trimtab.make("luby16")
    with pytest.raises(ValueError, match="part: `all` is not allowed; one of train, test"):
        trimtab.make("luby-16", part="all")
    with pytest.raises(ValueError, match="order: `first` is not allowed; one of random, in_turn"):
        trimtab.make("luby-16", order="first")
