#!/usr/bin/env bash
# Syne Tune 0.16.0: the median stopping rule around a scheduler that maximises stops the best trials and keeps the worst.
#
# `MedianStoppingRule` wraps another scheduler, and its documentation says that the mode of the wrapped scheduler is used. It is not looked at: the
# rule has a `do_minimize` of its own, true where it is not given. A tuning of an accuracy or of a return then ends every trial that is above the
# median at its first chance and trains the others to the end. It looks like a rule at work: half of the trials are stopped, and the best result is
# merely poor. The rule's own `metric_mode` says "min" of a maximisation too. Giving `do_minimize=False` a second time, to the rule, is what
# it takes.
#
# Seen, for six trials whose scores after the first epoch are 1 to 6, of which more is better: stopped are 3, 4, 5 and 6. Those before the third are
# within its grace. With `do_minimize=False` given to the rule too, none of these is stopped, and in the other order the worse four are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
# What the schedulers import; the other dependencies are for searchers that are not used here.
venv/bin/pip install --quiet --no-deps syne-tune==0.16.0 numpy==2.4.6 pandas==3.1.1 python-dateutil==2.9.0.post0 six==1.17.0 dill==0.4.1
cat > rule.py <<'PYTHON'
from datetime import datetime

from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import uniform
from syne_tune.optimizer.scheduler import SchedulerDecision
from syne_tune.optimizer.schedulers import MedianStoppingRule
from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler


def stopped(scores, **given):
    """The scores of the trials that the rule stops, where each reports its score once."""
    space = {"lr": uniform(0, 1)}
    maximise = SingleObjectiveScheduler(space, metric="score", do_minimize=False, random_seed=0)
    rule = MedianStoppingRule(maximise, metric="score", time_attr="epoch", grace_population=3, **given)
    ends = []
    for number, score in enumerate(scores):
        trial = Trial(number, rule.suggest().config, datetime.now())
        rule.on_trial_add(trial)
        if rule.on_trial_result(trial, {"score": score, "epoch": 1}) == SchedulerDecision.STOP:
            ends.append(score)
    return f"wrapped {maximise.metric_mode()}, rule {rule.metric_mode()}, stopped {ends}"


rising = [1, 2, 3, 4, 5, 6]
falling = rising[::-1]
print("as documented, rising:", stopped(rising))
print("as documented, falling:", stopped(falling))
print("given twice, rising:", stopped(rising, do_minimize=False))
print("given twice, falling:", stopped(falling, do_minimize=False))
PYTHON
venv/bin/python rule.py 2> notes.txt | tee seen.txt || { cat notes.txt; exit 1; }
diff seen.txt - <<'WANTED'
as documented, rising: wrapped max, rule min, stopped [3, 4, 5, 6]
as documented, falling: wrapped max, rule min, stopped []
given twice, rising: wrapped max, rule max, stopped []
given twice, falling: wrapped max, rule max, stopped [4, 3, 2, 1]
WANTED
