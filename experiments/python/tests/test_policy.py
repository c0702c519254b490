"""Policies: of Stable-Baselines3 into ours and back."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trimtab
from trimtab.sb3 import actor_state, from_sb3, read_state

FIXTURES = Path(__file__).parent / "fixtures"


def policy(activation: str = "tanh") -> trimtab.Policy:
    return from_sb3(FIXTURES / "sb3-policy.pth", trimtab.make("sigmoid-2d"), activation=activation)


def test_it_acts_as_stable_baselines_does() -> None:
    recorded = np.load(FIXTURES / "sb3-actions.npz")
    assert len(np.unique(recorded["actions"], axis=0)) == 9
    chosen = policy().act(recorded["observations"])
    assert chosen.dtype == np.int64 and (chosen == recorded["actions"]).all()
    assert (policy("relu").act(recorded["observations"]) != recorded["actions"]).any()


def test_its_arrays_go_back_as_they_came(tmp_path: Path) -> None:
    policy().save(tmp_path / "policy.json")
    loaded = trimtab.Policy.load(tmp_path / "policy.json")
    assert loaded.spec == trimtab.make("sigmoid-2d").specification and loaded.activation == "tanh"
    before, after = read_state(FIXTURES / "sb3-policy.pth"), actor_state(loaded)
    assert after.keys() == {name for name in before if "policy_net" in name or "action_net" in name}
    assert all((array == before[name]).all() and array.dtype == np.float32 for name, array in after.items())


def test_masked_choices_are_never_taken_and_a_seed_draws() -> None:
    observations = np.load(FIXTURES / "sb3-actions.npz")["observations"]
    masks = np.ones((1000, 6), dtype=np.bool_)
    masks[:, [0, 4, 5]] = False
    chosen = policy().act(observations, masks)
    assert set(chosen[:, 0]) == {1, 2} and set(chosen[:, 1]) == {0}
    drawn = policy().act(observations, seed=1)
    assert (drawn == policy().act(observations, seed=1)).all()
    assert (drawn != policy().act(observations, seed=2)).any() and (drawn != policy().act(observations)).any()


def test_a_model_is_read_as_its_policy(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as model:
        model.write(FIXTURES / "sb3-policy.pth", "policy.pth")
    read = from_sb3(tmp_path / "model.zip", trimtab.make("sigmoid-2d"))
    assert all((ours == theirs).all() for ours, theirs in zip(read.layers[0], policy().layers[0], strict=True))


class Ran:
    """What would run if it were unpickled by anyone."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("ran",))


@pytest.mark.parametrize("content", [Ran(), OrderedDict(a=Ran()), OrderedDict(a=1), [1]])
def test_nothing_in_a_file_is_run(tmp_path: Path, content: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "policy.pth", "w") as archive:
        archive.writestr("policy/data.pkl", pickle.dumps(content))
    with pytest.raises(ValueError, match="not what Stable-Baselines3 writes"):
        read_state(tmp_path / "policy.pth")
    assert capsys.readouterr().out == ""


def test_other_files_are_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / "missing.zip")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(ValueError, match="not what Stable-Baselines3 writes"):
        read_state(tmp_path / "text.zip")
    whole = (FIXTURES / "sb3-policy.pth").read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(tmp_path / "cut.pth", "w") as cut:
        for name in archive.namelist():
            cut.writestr(name, archive.read(name)[:8] if "/data/" in name else archive.read(name))
    with pytest.raises(ValueError, match="not what Stable-Baselines3 writes"):
        read_state(tmp_path / "cut.pth")
    with pytest.raises(ValueError, match=r"layers: widths \[7, 8, 8, 6\].*10 features.*9 logits"):
        from_sb3(FIXTURES / "sb3-policy.pth", trimtab.make("sigmoid-3d"))
    with pytest.raises(FileNotFoundError, match="missing.json"):
        trimtab.Policy.load(tmp_path / "missing.json")
    (tmp_path / "damaged.json").write_text('{"version": 2}')
    with pytest.raises(ValueError, match="damaged.json"):
        trimtab.Policy.load(tmp_path / "damaged.json")


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"observations: the shape \[2, 6\] is not allowed; give \[2, 7\]"):
        policy().act(np.zeros((2, 6), dtype=np.float32))
    with pytest.raises(ValueError, match=r"masks: the shape"):
        policy().act(np.zeros((2, 7), dtype=np.float32), np.ones((1, 6), dtype=np.bool_))


def test_what_environments_return_is_taken() -> None:
    taught, env = policy(), trimtab.make("sigmoid-2d")
    observation, info = env.reset(seed=1)
    alone = taught.act(observation, info["action_mask"])
    assert alone.shape == (2,) and env.action_space.contains(alone)
    assert (alone == taught.act(observation[None], env.action_masks()[None])[0]).all()
    envs = trimtab.make_vec("sigmoid-2d", 3)
    observations, infos = envs.reset(seed=1)
    several = taught.act(observations.astype(np.float64), infos["action_mask"])
    assert several.shape == (3, 2) and (several[0] == alone).all()
    assert (several == taught.act(observations.tolist(), envs.action_masks())).all()
    closed = np.array([0, 1, 1, 1, 1, 0], dtype=np.int8)
    assert set(taught.act(np.repeat(observation[None], 50, 0), np.repeat(closed[None], 50, 0), seed=1)[:, 1]) == {0, 1}
    with pytest.raises(TypeError, match="^observations: .*str.* is not allowed; give an array of numbers"):
        taught.act("x")
