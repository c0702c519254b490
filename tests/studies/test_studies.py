"""Journals of `compare` and `fit` before the real Optuna and its dashboard, and search spaces before the real ConfigSpace.

Run by pytest, with `TRIMTAB_COMPARE` set to the binary, beside which that of `fit` is:

    TRIMTAB_COMPARE=$PWD/target/release/compare pytest tests/studies
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import optuna
import pytest
from ConfigSpace import (
    AndConjunction,
    Beta,
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    InCondition,
    Integer,
    Normal,
    OrdinalHyperparameter,
)
from optuna.trial import TrialState

COMPARE = os.environ["TRIMTAB_COMPARE"]
FIT = str(Path(COMPARE).with_name("fit"))

CONFIG = """(
    name: "studies",
    seed: 3,
    tasks: [(
        name: Some("digits"),
        data: Embedded("digits"),
        split: (validation: Rows(100), test: Rows(100), max_train: 200),
        model: Mlp(hidden: [8]),
        optimizer: Sgd(),
    )],
    process: (
        knobs: [(name: "learning_rate", domain: LogUniform(1e-5, 10), initial: LogUniform(1e-3, 1), moves: Servo(()))],
        settings: { "batch_size": 32 },
        segments: (short: 1, short_share: 0.5, full: 6),
        budget: Epochs(EPOCHS),
    ),
    seeds: 2,
    space: [
        (name: "learning_rate", domain: LogUniform(1e-3, 1)),
        (name: "batch_size", domain: Values([16, 32])),
    ],
    methods: [
        Schedule(name: "default", schedule: Constant, peak: Default),
        Search(name: "random", searcher: Random, runs: 3),
        Search(name: "halving", searcher: Asha((min_resource: 2, max_resource: 6, reduction_factor: 2)), runs: 3),
        Search(name: "median", searcher: Random, pruner: Percentile((startup_trials: 1)), runs: 3),
        Search(name: "hot", searcher: Random, runs: 2, METHOD),
    ],
    grid: (learning_rates: [0.1], batch_sizes: [32], reruns: 1),
)"""


FIT_CONFIG = """(
    name: "small_fit",
    seed: 1,
    distribution: (
        sources: [(data: Embedded("digits"), standardise: Global, rows: 600)],
        synthetic: 0.5,
        train_rows: (100, 200),
        validation_rows: 50,
        layers: (1, 1),
        width: (8, 16),
        activations: [Relu],
        optimizers: [Sgd(momentum: 0.9), Adam()],
    ),
    tasks: 4,
    episodes: 3,
    cost: Modelled((per_update: 7e-5, per_example: 1e-6, per_evaluation: 3.3e-7)),
    process: (
        knobs: [(name: "learning_rate", domain: LogUniform(1e-9, 1e3), initial: LogUniform(1e-4, 1), moves: Relative([1]))],
        budget: EpochsBetween(2, 4),
    ),
    space: [(name: "start.base", domain: Uniform(-2.7, -0.9)), (name: "shape", domain: LogUniform(0.3, 3))],
    searcher: (population: 6, elite: 2),
    generations: GENERATIONS,
    check: 2,
)"""


def config(folder: Path, name: str = "compare.ron", method: str = "", epochs: int = 3) -> str:
    text = CONFIG.replace("METHOD", method).replace("EPOCHS", str(epochs))
    (folder / name).write_text(text)
    return name


def compare(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([COMPARE, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def storage(file: Path) -> optuna.storages.JournalStorage:
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))


def studies(file: Path) -> dict[str, optuna.Study]:
    kept = storage(file)
    names = optuna.get_all_study_names(kept)
    return {name: optuna.load_study(study_name=name, storage=kept) for name in names}


def seen(file: Path) -> dict[str, list[object]]:
    """Everything but the times, as text, since what is not a number does not equal itself."""
    return {
        name: [
            repr((t.state, t.values, t.params, t.distributions, t.intermediate_values, t.user_attrs))
            for t in study.trials
        ]
        for name, study in studies(file).items()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison that ran to its end, its journal read all the while."""
    folder = tmp_path_factory.mktemp("whole")
    command = [COMPARE, config(folder), "--out", "run", "--optuna", "study.log"]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    reads = 0
    while running.poll() is None:
        if (folder / "study.log").exists():
            reads += sum(len(study.trials) for study in studies(folder / "study.log").values())
    assert running.returncode == 0 and reads > 0
    return folder


def test_every_search_is_a_study_that_optuna_loads(whole: Path) -> None:
    found = studies(whole / "study.log")
    methods = ["random", "halving", "median", "hot"]
    assert set(found) == {f"digits/{method}/{seed}" for method in methods for seed in range(2)}
    states = set()
    for name, study in found.items():
        assert study.direction.name == "MINIMIZE" and study.metric_names == ["validation_loss"]
        assert math.isfinite(study.best_value) and 1e-3 <= study.best_params["learning_rate"] <= 1
        assert study.best_params["batch_size"] in (16, 32), name
        for trial in study.trials:
            states.add(trial.state)
            values = list(trial.intermediate_values.values())
            assert list(trial.intermediate_values) == list(range(len(values))) and values
            assert trial.duration is not None and trial.duration.total_seconds() >= 0
            if trial.state == TrialState.PRUNED:
                assert trial.value == values[-1]
            else:
                assert trial.value == min(values)
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}
    records = [json.loads(line) for line in (whole / "run/records.jsonl").read_text().splitlines()]
    best = {r["method"]: r["ledger"]["curve"][-1][1] for r in records if r.get("seed") == 1}
    for method in methods:
        values = [v for t in found[f"digits/{method}/1"].trials for v in t.intermediate_values.values()]
        assert min(values) == best[method], method


def test_trials_that_diverge_have_failed_and_their_values_are_bare(tmp_path: Path) -> None:
    text = CONFIG.replace("METHOD", "").replace("EPOCHS", "3")
    (tmp_path / "hot.ron").write_text(text.replace("LogUniform(1e-3, 1)),", "LogUniform(1e29, 1e30)),"))
    compare(tmp_path, "hot.ron", "--out", "run", "--optuna", "study.log")
    trials = [trial for study in studies(tmp_path / "study.log").values() for trial in study.trials]
    assert {trial.state for trial in trials} >= {TrialState.FAIL}
    assert any(math.isnan(v) for trial in trials for v in trial.intermediate_values.values())
    assert ':NaN' in (tmp_path / "study.log").read_text()


def test_optuna_goes_on_with_a_study(whole: Path, tmp_path: Path) -> None:
    file = tmp_path / "study.log"
    file.write_bytes((whole / "study.log").read_bytes())
    study = studies(file)["digits/random/0"]
    before = len(study.trials)

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_categorical("batch_size", [16, 32])
        return abs(math.log(trial.suggest_float("learning_rate", 1e-3, 1, log=True)))

    study.optimize(objective, n_trials=3)
    assert len(study.trials) == before + 3
    # Played again, the comparison finds its trials among theirs.
    compare(tmp_path, config(tmp_path), "--out", "again", "--optuna", "study.log")
    assert len(studies(file)["digits/random/0"].trials) == before + 3


def test_a_comparison_that_is_killed_leaves_the_same_studies(whole: Path, tmp_path: Path) -> None:
    arguments = [config(tmp_path), "--out", "run", "--optuna", "study.log", "--jobs", "1"]
    wanted = seen(whole / "study.log")
    kills = 0
    for pause in (0.05, 0.1, 0.15, 0.2):
        running = subprocess.Popen(
            [COMPARE, *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(pause)
        kills += running.poll() is None
        running.kill()
        running.wait()
    compare(tmp_path, *arguments)
    assert kills > 0 and seen(tmp_path / "study.log") == wanted
    size = (tmp_path / "study.log").stat().st_size
    compare(tmp_path, *arguments)
    assert (tmp_path / "study.log").stat().st_size == size


def test_another_comparison_by_the_same_names_is_refused(whole: Path, tmp_path: Path) -> None:
    file = tmp_path / "study.log"
    file.write_bytes((whole / "study.log").read_bytes())
    command = [COMPARE, config(tmp_path, epochs=2), "--out", "run", "--optuna", "study.log"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "choose another file" in done.stderr
    assert file.read_bytes() == (whole / "study.log").read_bytes()


def fit(folder: Path, generations: int, *arguments: str) -> list[str]:
    (folder / "fit.ron").write_text(FIT_CONFIG.replace("GENERATIONS", str(generations)))
    return [FIT, "fit.ron", "--out", "run", "--optuna", "study.log", *arguments]


def test_a_fit_is_a_study_that_optuna_reads_while_it_grows(tmp_path: Path) -> None:
    command = fit(tmp_path, 12)
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    seen_on_the_way = set()
    while running.poll() is None:
        if (tmp_path / "study.log").exists():
            seen_on_the_way |= {len(study.trials) for study in studies(tmp_path / "study.log").values()}
    assert running.returncode == 0 and any(0 < count < 72 for count in seen_on_the_way)
    found = studies(tmp_path / "study.log")
    assert list(found) == ["small_fit"]
    study = found["small_fit"]
    assert study.direction.name == "MINIMIZE"
    assert study.metric_names == ["mean log ratio to where the fit began"]
    records = [json.loads(line) for line in (tmp_path / "run/records.jsonl").read_text().splitlines()]
    losses = [loss for record in records if "losses" in record for loss in record["losses"]]
    assert [trial.value for trial in study.trials] == losses and len(losses) == 72
    for trial in study.trials:
        assert trial.state == TrialState.COMPLETE
        assert -2.7 <= trial.params["start.base"] <= -0.9 and 0.3 <= trial.params["shape"] <= 3
    # What the fit converges to is where its trials end.
    (found_base,) = re.findall(r"start: \(\s*base: ([-.\d]+)", (tmp_path / "run/context_servo.ron").read_text())
    last = [trial.params["start.base"] for trial in study.trials[-6:]]
    assert min(last) - 0.05 <= float(found_base) <= max(last) + 0.05


def test_a_fit_that_is_killed_leaves_the_same_study(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    command = fit(tmp_path / "whole", 12)
    subprocess.run(command, cwd=tmp_path / "whole", check=True, stdout=subprocess.DEVNULL)
    wanted = seen(tmp_path / "whole/study.log")
    command, kills = fit(tmp_path, 12), 0
    for pause in (0.05, 0.1, 0.2, 0.4):
        running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        kills += running.poll() is None
        running.kill()
        running.wait()
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert kills > 0 and seen(tmp_path / "study.log") == wanted


def test_the_fit_of_a_comparison_is_a_study_of_its_own(tmp_path: Path) -> None:
    text = CONFIG.replace("METHOD", "").replace("EPOCHS", "2")
    other = text[text.index("    tasks: [(") + len("    tasks: [") : text.index("    )],") + 5]
    other = other.replace('Some("digits")', 'Some("vowel")').replace('Embedded("digits")', 'Embedded("vowel")')
    text = text.replace("    )],\n    process", f"    ), {other}],\n    process")
    start, end = text.index('        Search(name: "random"'), text.index("    ],\n    grid")
    text = text[:start] + '        FittedServo(name: "fitted", generations: 2),\n' + text[end:]
    (tmp_path / "fitted.ron").write_text(text)
    compare(tmp_path, "fitted.ron", "--out", "run", "--optuna", "study.log")
    found = studies(tmp_path / "study.log")
    assert set(found) == {"digits/fitted/fit", "vowel/fitted/fit"}
    for study in found.values():
        assert study.metric_names == ["mean log ratio to the reference"]
        assert len(study.trials) >= 20 and {t.state for t in study.trials} == {TrialState.COMPLETE}
        assert math.isfinite(study.best_value) and 2e-3 <= study.best_params["start"] <= 0.2


def test_the_dashboard_shows_it(whole: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dashboard = Path(sys.executable).with_name("optuna-dashboard")
    server = subprocess.Popen(
        [dashboard, str(whole / "study.log"), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def get(path: str) -> dict[str, object]:
        for _ in range(100):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                    # As a browser reads it, which knows no `NaN`.
                    return json.loads(answer.read(), parse_constant=lambda word: pytest.fail(word))
            except OSError:
                assert server.poll() is None
                time.sleep(0.1)
        raise AssertionError("no dashboard within ten seconds")

    try:
        listed = get("/api/studies")["study_summaries"]
        assert len(listed) == 8
        for study in listed:
            shown = get(f"/api/studies/{study['study_id']}?after=0")
            assert shown["name"] == study["study_name"] and shown["trials"]
            assert all(trial["intermediate_values"] for trial in shown["trials"])
    finally:
        server.terminate()
        server.wait()


def test_a_study_of_optuna_is_a_warm_start(tmp_path: Path) -> None:
    study = optuna.create_study(
        study_name="theirs",
        storage=storage(tmp_path / "theirs.log"),
        sampler=optuna.samplers.RandomSampler(seed=1),
    )

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("lr", 1e-4, 1, log=True)
        trial.suggest_categorical("batch_size", [16, 32])
        trial.suggest_float("dropout", 0, 0.5)
        if trial.number == 7:
            raise optuna.TrialPruned
        return abs(math.log10(rate / 0.05))

    study.optimize(objective, n_trials=30)
    method = 'warm_start: (journal: "theirs.log", names: {"lr": "learning_rate"})'
    tpe = config(tmp_path, method=method)
    text = (tmp_path / tpe).read_text().replace('"hot", searcher: Random', '"hot", searcher: Tpe(())')
    (tmp_path / tpe).write_text(text)
    done = compare(tmp_path, tpe, "--out", "run", "--optuna", "study.log")
    outside = sum(t.params["lr"] < 1e-3 for t in study.trials)
    assert outside > 0
    for word in [r"29 trials: its `dropout`", r"setting `learning_rate`: .* is not allowed", "1 trial: it has no value"]:
        assert re.search(word, done.stderr), done.stderr
    # The first trial is already where theirs were good.
    for seed in range(2):
        first = studies(tmp_path / "study.log")[f"digits/hot/{seed}"].trials[0]
        assert abs(math.log10(first.params["learning_rate"] / 0.05)) < 0.5


def test_a_space_is_one_of_config_space(tmp_path: Path) -> None:
    text = compare(tmp_path, config(tmp_path), "--print-space").stdout
    space = ConfigurationSpace.from_json(io.StringIO(text))
    assert space["learning_rate"] == Float("learning_rate", (1e-3, 1), log=True)
    assert space["batch_size"].sequence == (16, 32)
    drawn = dict(space.sample_configuration())
    assert 1e-3 <= drawn["learning_rate"] <= 1 and drawn["batch_size"] in (16, 32)


def test_a_space_of_config_space_comes_back_with_what_is_left_out_named(tmp_path: Path) -> None:
    space = ConfigurationSpace("theirs")
    optimizer = Categorical("optimizer", ["sgd", "adam", "lion"])
    momentum, beta = Float("momentum", (0, 0.99)), Float("beta", (0.8, 0.999))
    nesterov = Categorical("nesterov", ["yes", "no"])
    width = Integer("width", (8, 512), log=True)
    late = Integer("late", (1, 3))
    space.add(
        optimizer, momentum, beta, nesterov, width, late,
        Float("lr", (1e-5, 0.1), log=True),
        Float("normal", (0, 1), distribution=Normal(0.5, 0.1)),
        Integer("beta_prior", (1, 9), distribution=Beta(3, 2)),
        OrdinalHyperparameter("batch_size", [16, 32, 64]),
        Constant("depth", 3),
        Categorical("weighted", ["a", "b"], weights=[1, 2]),
    )  # fmt: skip
    space.add(
        EqualsCondition(momentum, optimizer, "sgd"),
        EqualsCondition(nesterov, optimizer, "sgd"),
        InCondition(beta, optimizer, ["adam", "lion"]),
        AndConjunction(
            GreaterThanCondition(late, width, 100), EqualsCondition(late, optimizer, "lion")
        ),
    )
    space.add(ForbiddenEqualsClause(space["lr"], 0.1))
    space.to_json(tmp_path / "theirs.json")
    done = compare(tmp_path, config(tmp_path), "--space", "theirs.json", "--print-space")
    named = re.findall(r"left out: (.*)", done.stderr)
    for word in ["`weighted`", "`normal`", "`beta_prior`", "condition", "forbidden"]:
        assert sum(word in line for line in named) == 1, named
    assert len(named) == 5, named
    back = ConfigurationSpace.from_json(io.StringIO(done.stdout))
    assert set(back) == set(space)
    for name in ["optimizer", "momentum", "beta", "nesterov", "batch_size", "depth"]:
        assert type(back[name]) is type(space[name])
    assert (back["lr"].lower, back["lr"].upper, back["lr"].log) == (1e-5, 0.1, True)
    assert (back["width"].lower, back["width"].upper, back["width"].log) == (8, 512, True)
    for configuration in back.sample_configuration(200):
        chosen = dict(configuration)
        assert ("momentum" in chosen) == ("nesterov" in chosen) == (chosen["optimizer"] == "sgd")
        assert ("beta" in chosen) == (chosen["optimizer"] != "sgd")
