#!/usr/bin/env bash
# Syne Tune 0.16.0: random search takes a seed and draws its configurations without it.
#
# `random_seed` is documented to initialise the generators of the scheduler and of the searcher. The searcher keeps it and draws from NumPy's global
# generator. That is seeded by nobody in a program that hands generators around, and any other library in the process may draw from it.
# Random search is the baseline of a comparison of tuners: with it a comparison over "the same ten seeds" is one over none. It also proposes
# the configurations of the asynchronous successive halving of the package, where it is the default; there it is hard to notice, as the first five trials
# are drawn elsewhere, by the seed, and do repeat. What makes it repeat is `numpy.random.seed` before the first trial, and nothing else in the process
# that draws.
#
# Reports of runs that do not repeat, of versions before the searchers were rewritten, are 505 and 649.
#
# Seen, for eight trials of one seed, with the global generator in two states as another library may leave it: none of the configurations of random
# search is the same, and the first five of successive halving are. For two seeds in one state, all eight of random search are the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
# What the schedulers import; the other dependencies are for searchers that are not used here.
venv/bin/pip install --quiet --no-deps syne-tune==0.16.0 numpy==2.4.6 pandas==3.1.1 python-dateutil==2.9.0.post0 six==1.17.0 dill==0.4.1
cat > seed.py <<'PYTHON'
from datetime import datetime

import numpy
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import uniform
from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving
from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler

SPACE = {"lr": uniform(0, 1)}


def random_search(seed):
    return SingleObjectiveScheduler(SPACE, metric="loss", searcher="random_search", random_seed=seed)


def successive_halving(seed):
    return AsynchronousSuccessiveHalving(SPACE, metric="loss", time_attr="epoch", random_seed=seed)


def rates(make, seed, left_by_others):
    """The learning rates of eight trials, one after the other, each of which reports once."""
    numpy.random.seed(left_by_others)
    scheduler = make(seed)
    rates = []
    for number in range(8):
        trial = Trial(number, scheduler.suggest().config, datetime.now())
        scheduler.on_trial_add(trial)
        scheduler.on_trial_result(trial, {"loss": trial.config["lr"], "epoch": 1})
        rates.append(trial.config["lr"])
    return rates


def same(make, one, other):
    return sum(a == b for a, b in zip(rates(make, *one), rates(make, *other)))


for make in (random_search, successive_halving):
    print(f"{make.__name__}: one seed, two global states: {same(make, (0, 1), (0, 2))} of 8 are the same")
    print(f"{make.__name__}: two seeds, one global state: {same(make, (0, 1), (3, 1))} of 8 are the same")
PYTHON
venv/bin/python seed.py 2> notes.txt | tee seen.txt || { cat notes.txt; exit 1; }
diff seen.txt - <<'WANTED'
random_search: one seed, two global states: 0 of 8 are the same
random_search: two seeds, one global state: 8 of 8 are the same
successive_halving: one seed, two global states: 5 of 8 are the same
successive_halving: two seeds, one global state: 3 of 8 are the same
WANTED
