"""Stable-Baselines3's PPO and MaskablePPO learn to steer the trainings of the quick-start, beside Trimtab's own PPO.

    cargo run --release -- --out runs/quickstart                  # ours
    pip install torch==2.9.0 stable-baselines3==2.9.2 sb3-contrib==2.9.2
    python examples/sb3_learns.py runs/quickstart [SEEDS [PPO | MaskablePPO]]

All learn from as many episodes as the run (`training.updates` of 32), with rewards on the scale of the run's own references, and are judged on the same fresh seeds, always by
their most probable choices. The policy of PPO then goes over to ours and back. What was learned stays in the run's folder `sb3` and is not
learned again, so that several processes can share the work.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_checker import check_env

import trimtab
from trimtab.sb3 import actor_state, from_sb3

EPISODES_PER_UPDATE, FRESH = 32, 300
# Those of the quick-start's `algorithm`, and of our PPO's defaults.
OURS = {"learning_rate": 1e-3, "ent_coef": 0.003, "n_epochs": 4, "batch_size": 256}


class Timed(trimtab.Environment):
    """Counts its episodes and the time spent in it."""

    seconds, episodes = 0.0, 0

    def reset(self, **given: Any) -> Any:
        begun = time.perf_counter()
        seen = super().reset(**given)
        self.seconds += time.perf_counter() - begun
        self.episodes += 1
        return seen

    def step(self, action: Any) -> Any:
        begun = time.perf_counter()
        seen = super().step(action)
        self.seconds += time.perf_counter() - begun
        return seen


class Enough(BaseCallback):
    """Ends after so many updates' episodes, and says now and then how it goes."""

    def __init__(self, updates: int) -> None:
        super().__init__()
        self.updates = updates

    def _on_step(self) -> bool:
        return self.training_env.get_attr("episodes")[0] <= self.updates * EPISODES_PER_UPDATE

    def _on_rollout_end(self) -> None:
        episodes = self.training_env.get_attr("episodes")[0]
        mean = np.mean([episode["r"] for episode in self.model.ep_info_buffer or [{"r": np.nan}]])
        print(f"\r{episodes} episodes, mean return {mean:.3f}", end="", file=sys.stderr)


def judged(env: trimtab.Environment, tasks: list[str], choose: Any) -> Any:
    """Returns on fresh seeds, task after task."""
    gained = []
    for seed in range(FRESH):
        observation, info = env.reset(seed=10**6 + seed, options={"task": tasks[seed % len(tasks)]})
        total, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, info = env.step(choose(observation, info["action_mask"]))
            total, over = total + reward, terminated or truncated
        gained.append(total)
    return np.array(gained)


def learned(kind: Any, seed: int, run: Path, references: dict[str, float]) -> Any:
    """A model that has learned from the episodes; the one of the run's folder if it is there."""
    file = run / "sb3" / f"{kind.__name__}-{seed}.zip"
    if file.exists():
        return kind.load(file, device="cpu")
    timed = Timed(run / "config.ron", references=references)
    steps = EPISODES_PER_UPDATE * timed.specification["horizon"]
    model = kind("MlpPolicy", timed, n_steps=steps, seed=seed, device="cpu", **OURS)
    begun = time.perf_counter()
    updates = int(re.search(r"\bupdates: *(\d+)", (run / "config.ron").read_text())[1])
    model.learn(10**9, callback=Enough(updates))
    took = time.perf_counter() - begun
    print(f"\n{kind.__name__}, seed {seed}: {took:.1f} s, of which {timed.seconds:.1f} s in the environment", flush=True)
    model.save(file)
    return model


def main(run: Path, seeds: int, only: str | None) -> None:
    """Trains, judges and prints."""
    torch.set_num_threads(1)
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    references = {event["task"]: event["loss"] for event in events if event["event"] == "reference"}
    tasks = list(references)
    env = trimtab.Environment(run / "config.ron", references=references)
    check_env(env)
    kinds = [kind for kind in (PPO, MaskablePPO) if only in (None, kind.__name__)]
    models = {(kind, seed): learned(kind, seed, run, references) for seed in range(seeds) for kind in kinds}
    ours = trimtab.Policy.load(run / "policy.json")
    table = {"ours": judged(env, tasks, lambda seen, mask: ours.act(seen[None], mask[None].astype(bool))[0])}
    for (kind, seed), model in models.items():

        def choose(seen: Any, mask: Any, model: Any = model, masked: bool = kind is MaskablePPO) -> Any:
            given = {"action_masks": mask.astype(bool)} if masked else {}
            return model.predict(seen, deterministic=True, **given)[0]

        table[f"{kind.__name__}, seed {seed}"] = judged(env, tasks, choose)
    tell(table)
    if (PPO, 0) in models:
        goes_over_and_back(models[PPO, 0], env)


def tell(table: dict[str, Any]) -> None:
    """Prints what each reaches, beside ours on the same seeds."""
    for name, gained in table.items():
        error = gained.std(ddof=1) / np.sqrt(len(gained))
        apart = gained - table["ours"]
        paired = apart.std(ddof=1) / np.sqrt(len(apart))
        print(f"{name:<24} return {gained.mean():.3f} ± {error:.3f}, beside ours {apart.mean():+.3f} ± {paired:.3f}")


def goes_over_and_back(model: Any, env: trimtab.Environment) -> None:
    """The same actions on 1,000 observations: of theirs, of it read as ours, and of ours loaded into a new one of theirs."""
    observations = [env.reset(seed=0)[0]]
    while len(observations) < 1000:
        seen, _, terminated, _, _ = env.step(env.action_space.sample())
        observations.append(env.reset()[0] if terminated else seen)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.zip")
        policy = from_sb3(Path(folder) / "model.zip", env)
        policy.save(Path(folder) / "policy.json")
        policy = trimtab.Policy.load(Path(folder) / "policy.json")
    back = PPO("MlpPolicy", env, seed=99, device="cpu")
    state = back.policy.state_dict()
    state.update({name: torch.from_numpy(array) for name, array in actor_state(policy).items()})
    back.policy.load_state_dict(state)
    theirs = model.predict(np.array(observations), deterministic=True)[0]
    as_ours = policy.act(np.array(observations))
    again = back.predict(np.array(observations), deterministic=True)[0]
    print(f"equal actions on 1,000 observations: ours {(theirs == as_ours).all(1).sum()}, back {(theirs == again).all(1).sum()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run of the quick-start")
    parser.add_argument("seeds", type=int, nargs="?", default=3)
    parser.add_argument("only", choices=("PPO", "MaskablePPO"), nargs="?", help="both without it")
    options = parser.parse_args()
    main(options.run, options.seeds, options.only)
