#!/usr/bin/env bash
# Optuna 5.0.0: of an objective that is maximised, `NSGAIIISampler` takes the worst value for the ideal one, and keeps less of the front.
#
# Trials are ranked with the directions of the study. But the last places in a generation go by nearness to reference lines, which start at the
# ideal point, and there the values are read as they are: the least is the ideal in every column. In a study that minimises an error and
# a latency and maximises a return, the lines start at a point that is best in two and worst in the third, and few of them meet the front.
# The paper that is cited has minimisation alone, and the documentation no such limit. What is found is not dominated, so that nothing looks
# wrong; there is only less of it, less than with NSGA-II, which this one is meant to surpass where objectives are many, so that a comparison of
# the two comes out the other way. `reference_points` of one's own are measured from there as well. What to do instead: minimise the negative.
#
# Seen, for DTLZ2 with three objectives, the part of a box that the last 100 of 600 trials dominate, mean of 16 seeds and its standard error:
# 0.591 +- 0.003 where all are minimised, 0.533 +- 0.005 where the negative of the third is maximised. NSGA-II: 0.579 and 0.578 +- 0.004.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet optuna==5.0.0 numpy==2.4.6
cat > spread.py <<'PYTHON'
import math
import warnings

import numpy as np
import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
MIDDLES = (np.arange(24) + 0.5) * 1.2 / 24
BOX = np.stack(np.meshgrid(MIDDLES, MIDDLES, MIDDLES), axis=-1).reshape(-1, 3)


def costs(x):
    """DTLZ2: three costs, best on an eighth of a sphere."""
    far = 1 + sum((one - 0.5) ** 2 for one in x[2:])
    a, b = x[0] * math.pi / 2, x[1] * math.pi / 2
    return far * math.cos(a) * math.cos(b), far * math.cos(a) * math.sin(b), far * math.sin(a)


def volume(sampler, sign, seed):
    """What the last trials dominate, where the third objective is `sign` times the third cost."""
    third = "minimize" if sign > 0 else "maximize"
    directions = ["minimize", "minimize", third]
    study = optuna.create_study(directions=directions, sampler=sampler(seed=seed, population_size=20))

    def objective(trial):
        first, second, last = costs([trial.suggest_float(f"x{i}", 0, 1) for i in range(6)])
        return first, second, sign * last

    study.optimize(objective, n_trials=600)
    points = np.array([trial.values for trial in study.trials[-100:]]) * [1, 1, sign]
    dominated = np.zeros(len(BOX), dtype=bool)
    for point in points:
        dominated |= (point <= BOX).all(axis=1)
    return dominated.mean()


mean = {}
for name in ["NSGAIIISampler", "NSGAIISampler"]:
    for sign in [1, -1]:
        runs = [volume(getattr(optuna.samplers, name), sign, seed) for seed in range(16)]
        mean[name, sign] = np.mean(runs)
        error = np.std(runs) / math.sqrt(len(runs))
        third = "minimised" if sign > 0 else "maximised, negated"
        print(f"{name}, third objective {third}: {mean[name, sign]:.3f} +- {error:.3f}", flush=True)
lost = mean["NSGAIIISampler", 1] - mean["NSGAIIISampler", -1]
control = abs(mean["NSGAIISampler", 1] - mean["NSGAIISampler", -1])
assert lost > 0.03 and control < 0.015, "it behaves otherwise now"
PYTHON
venv/bin/python spread.py
