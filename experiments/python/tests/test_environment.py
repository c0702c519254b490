"""The environment over trainings, as Gymnasium and its users meet it."""

import threading
import time
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import trimtab


@pytest.fixture(scope="module")
def env() -> trimtab.Environment:
    made = gymnasium.make("Hyperparam-Tune-v0").unwrapped
    assert isinstance(made, trimtab.Environment)
    return made


def small(**changes: Any) -> dict[str, Any]:
    """A config with one small task."""
    process = {
        "knobs": [
            {
                "name": "learning_rate",
                "domain": {"LogUniform": [1e-6, 10.0]},
                "initial": {"Fixed": 0.01},
                "moves": {"Relative": [0.5, 1, 2]},
            },
            {
                "name": "batch_size",
                "domain": {"Values": [16, 32]},
                "initial": {"Fixed": 16},
                "moves": {"Relative": [0.5, 1, 2]},
            },
        ],
        "budget": {"Epochs": 2},
    }
    task = {"name": "vowel", "data": {"Embedded": "vowel"}, "split": {"validation": {"Rows": 200}}}
    model = {"model": {"Mlp": {"hidden": [8]}}, "optimizer": {"Sgd": {"momentum": 0.9}}}
    evaluation = {"learning_rates": [0.01, 0.1], "batch_sizes": [16], "reruns": 2}
    tuning = {"tasks": [task | model], "cost": {"Modelled": {"per_update": 7e-5, "per_example": 1e-6, "per_evaluation": 3.3e-7}}}
    return {"environment": {"Tuning": tuning | {"process": process | changes}}, "evaluation": evaluation}


def play(env: trimtab.Environment, seed: int | None, choose: Any) -> list[Any]:
    """Everything that an episode shows."""
    observation, info = env.reset(seed=seed)
    trace, over, step = [observation.tolist(), info["settings"]], False, 0
    while not over:
        observation, reward, terminated, truncated, info = env.step(choose(step))
        trace += [observation.tolist(), reward, info["settings"], info["best_loss"], info["spent"]]
        over, step = terminated or truncated, step + 1
    return [*trace, info["outcome"]]


def test_gymnasiums_checker_has_nothing_to_say(env: trimtab.Environment) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)


def test_one_of_a_config_can_be_made_again_and_checked() -> None:
    env = trimtab.Environment(small(), strict=True)
    assert env.spec is not None and env.spec.id == "Hyperparam-Tune-v0"
    again = env.spec.make()
    assert isinstance(again, trimtab.Environment) and play(again, 3, lambda _: [1, 1]) == play(env, 3, lambda _: [1, 1])
    again.reset(seed=1)
    with pytest.raises(ValueError, match="is masked now"):
        again.step([1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(trimtab.Environment(small()))


def test_what_is_returned_has_the_types_that_libraries_want(env: trimtab.Environment) -> None:
    observation, info = env.reset(seed=3)
    assert observation.dtype == np.float32 and env.observation_space.contains(observation)
    mask = info["action_mask"]
    for _ in range(env.specification["horizon"]):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert env.observation_space.contains(observation)
        assert type(reward) is float and type(terminated) is bool and type(truncated) is bool
        assert info["action_mask"] is not mask and not np.shares_memory(info["action_mask"], mask)
        mask = info["action_mask"]
        if terminated:
            break
    assert terminated and info["status"] == "BudgetSpent"
    assert {"test_loss", "test_accuracy", "best_validation_loss"} <= info["outcome"].keys()


def test_spaces_are_those_of_the_specification(env: trimtab.Environment) -> None:
    heads = env.specification["heads"]
    assert [name for name, _ in heads] == ["learning_rate", "batch_size"]
    assert isinstance(env.action_space, gymnasium.spaces.MultiDiscrete)
    assert env.action_space.nvec.tolist() == [len(choices) for _, choices in heads]
    assert isinstance(env.observation_space, gymnasium.spaces.Box)
    assert env.observation_space.shape == (len(env.specification["features"]),)
    assert np.isfinite(env.observation_space.low).all() and np.isfinite(env.observation_space.high).all()


def test_a_seed_decides_everything(env: trimtab.Environment) -> None:
    def choose(step: int) -> list[int]:
        return [step % 3, step % 2]

    first = play(env, 5, choose)
    later = play(env, None, choose)
    assert play(env, 5, choose) == first and play(env, None, choose) == later
    assert first != later and play(env, 6, choose) != first
    other = trimtab.Environment()
    assert play(other, 5, choose) == first


def test_without_any_seed_episodes_differ() -> None:
    # Their first learning rate is drawn.
    rates = {trimtab.Environment().reset()[1]["settings"]["learning_rate"] for _ in range(3)}
    assert len(rates) == 3


def test_a_masked_choice_is_replaced_and_with_strict_an_error() -> None:
    env = trimtab.Environment(small())
    env.reset(seed=1)
    # The batch size is the smallest: `x0.5` is masked.
    assert env.action_masks().tolist() == [True] * 3 + [False, True, True]
    _, _, _, _, info = env.step([1, 0])
    assert info["masked"] and info["settings"]["batch_size"] == 16
    _, _, _, _, info = env.step([1, 2])
    assert not info["masked"] and info["settings"]["batch_size"] == 32
    assert info["action_mask"].tolist() == [1, 1, 1, 1, 1, 0]
    strict = trimtab.Environment(small(), strict=True)
    strict.reset(seed=1)
    with pytest.raises(ValueError, match="choice 0 of head `batch_size` is masked now"):
        strict.step([1, 0])
    # Nothing has changed.
    assert strict.step([1, 2])[4]["settings"]["batch_size"] == 32


def test_sampling_keeps_to_the_mask() -> None:
    env = trimtab.Environment(small(), strict=True)
    for seed in range(5):
        _, _ = env.reset(seed=seed)
        over = False
        while not over:
            _, _, over, _, _ = env.step(env.action_space.sample(mask=env.sample_mask()))


@pytest.mark.parametrize("action", [[1, 1], (1, 1), np.array([1, 1]), np.array([1, 1], dtype=np.int32), [np.int64(1), 1]])
def test_integers_of_any_kind_are_an_action(action: Any) -> None:
    env = trimtab.Environment(small())
    env.reset(seed=1)
    assert env.step(action)[4]["settings"] == {"batch_size": 16.0, "learning_rate": 0.01}


@pytest.mark.parametrize(
    ("action", "error", "words"),
    [
        ([1], ValueError, "1 choices but environment `tuning` has 2 heads"),
        ([1, 3], ValueError, "head `batch_size` has choices 0 to 2, but the action chose 3"),
        ([-1, 1], ValueError, "head `learning_rate` has choices 0 to 2, but the action chose -1"),
        ([0.5, 1], TypeError, "integer"),
        (None, TypeError, "^action: None is not allowed; give a sequence of 2 integers"),
        ("x", TypeError, "^action: 'x' is not allowed"),
    ],
)
def test_other_actions_are_explained(action: Any, error: type[Exception], words: str) -> None:
    env = trimtab.Environment(small())
    env.reset(seed=1)
    with pytest.raises(error, match=words):
        env.step(action)


def test_steps_out_of_place_are_explained() -> None:
    env = trimtab.Environment(small())
    with pytest.raises(RuntimeError, match="stepped before its first reset"):
        env.step([1, 1])
    play(env, 1, lambda _: [1, 1])
    with pytest.raises(RuntimeError, match="is over; call reset"):
        env.step([1, 1])
    env.close()
    env.close()
    with pytest.raises(RuntimeError, match="is closed"):
        env.reset()


def test_a_task_can_be_asked_for(env: trimtab.Environment) -> None:
    drawn = {env.reset(seed=seed)[1]["task"] for seed in range(20)}
    assert drawn == {"digits mlp 32-32 sgd", "letter mlp 32-32 adam", "fashion-mnist-7x7 mlp 32-32 sgd"}
    for task in drawn:
        assert env.reset(seed=1, options={"task": task})[1]["task"] == task
    with pytest.raises(ValueError, match="task: `nothing` is not allowed; one of digits mlp"):
        env.reset(options={"task": "nothing"})
    with pytest.raises(ValueError, match="the only option is `task`"):
        env.reset(options={"tasks": "digits"})


def test_a_file_and_the_dict_of_the_same_shape_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "small.ron"
    file.write_text(
        """(name: "small", seed: 1, algorithm: Ppo(()), training: (updates: 1, rollout: Episodes(1)),
        environment: Tuning(
            tasks: [(name: "vowel", data: Embedded("vowel"), split: (validation: Rows(200)), model: Mlp(hidden: [8]),
                optimizer: Sgd(momentum: 0.9))],
            cost: Modelled((per_update: 7e-5, per_example: 1e-6, per_evaluation: 3.3e-7)),
            process: (
                knobs: [
                    (name: "learning_rate", domain: LogUniform(1e-6, 10.0), initial: Fixed(0.01), moves: Relative([0.5, 1, 2])),
                    (name: "batch_size", domain: Values([16, 32]), initial: Fixed(16), moves: Relative([0.5, 1, 2])),
                ],
                budget: Epochs(2),
            ),
        ))"""
    )
    from_file = gymnasium.make("Hyperparam-Tune-v0", config=file).unwrapped
    from_dict = gymnasium.make("Hyperparam-Tune-v0", config=small()).unwrapped
    assert isinstance(from_file, trimtab.Environment) and isinstance(from_dict, trimtab.Environment)
    assert play(from_file, 4, lambda _: [1, 1]) == play(from_dict, 4, lambda _: [1, 1])


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ("missing.ron", FileNotFoundError, "missing.ron"),
        (3, TypeError, "give the path of a RON file, a dict"),
        ({"enviroment": {}}, ValueError, "config: enviroment: unknown field `enviroment`"),
        (small(budget={"Epoch": 3}), ValueError, r"environment.Tuning.process.budget.*Epochs"),
        (small(knobs=[]), ValueError, "knobs"),
        ({"environment": {"Tuning": {"tasks": [], "process": {}}}}, ValueError, "environment.Tuning.process"),
        ({"environment": {1: 2}}, TypeError, "config"),
        ({"environment": {"Named": {"name": "cartpole"}}}, ValueError, "CartPole-v1"),
        ({"seed": float("nan")}, ValueError, "seed"),
    ],
)
def test_wrong_configs_are_explained(config: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        trimtab.Environment(config)


def test_a_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.ron"
    file.write_text('(\n  name: "x",\n  sed: 1,\n)')
    with pytest.raises(ValueError, match=r"wrong.ron:3:.*sed"):
        trimtab.Environment(file)


def test_references_scale_the_rewards() -> None:
    losses = trimtab.find_references(small())
    assert losses.keys() == {"vowel"} and losses["vowel"] > 0
    assert trimtab.find_references(small(), threads=1) == losses

    def rewards(references: dict[str, float] | None) -> list[float]:
        env = trimtab.Environment(small(), references=references)
        env.reset(seed=1)
        return [env.step([1, 1])[1] for _ in range(3)]

    assert rewards(losses) == rewards(losses) != rewards({"vowel": 0.9 * losses["vowel"]})
    for wrong in [{}, {"wine": 1.0}, losses | {"wine": 1.0}]:
        with pytest.raises(ValueError, match="references"):
            trimtab.Environment(small(), references=wrong)


def test_other_threads_run_while_rust_works() -> None:
    env = trimtab.Environment(small(budget={"Epochs": 3000}))
    env.reset(seed=1)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begun = time.perf_counter()
    over = False
    while not over:
        _, _, over, _, _ = env.step([1, 1])
    ended = time.perf_counter()
    done.set()
    thread.join()
    # With the lock held a step would be one long gap.
    inside = [second - first for first, second in zip(ticks, ticks[1:], strict=False) if begun < first < ended]
    longest_step = (ended - begun) / env.specification["horizon"]
    assert sorted(inside)[len(inside) // 2] < longest_step / 2
