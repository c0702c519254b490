#!/usr/bin/env bash
# hyperopt 0.3.0: `HyperoptSearchCV` with `warm_start=True` goes on searching, and returns the best of the new trials alone.
#
# The parameter is documented to reuse the solution of the last `fit` and to add iterations, with `max_evals` as the total, and `trials_` does hold
# all of the trials. But what scikit-learn reports and refits, `best_params_`, `best_score_`, `best_estimator_` and `cv_results_`, comes from a
# list that begins empty in each `fit`. So a search that goes on by one trial returns that trial, whatever it is worth, and a model that was
# good is replaced by it. More search makes the result worse, without a warning. What to do instead: fit an estimator with the parameters of
# the best of all trials, `trials_.best_trial["result"]["params"]`.
#
# Seen, for ridge regression with a weight of the penalty from e^-10 to e^10: after 20 trials the best score is 0.998. After two more, which
# have 0.837 and less, `best_score_` is 0.837, and the model that predicts was fitted with that weight. `trials_.best_trial` has 0.998.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet hyperopt==0.3.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 cloudpickle==3.1.3 tqdm==4.70.1
cat > warm.py <<'PYTHON'
from hyperopt import hp, rand
from hyperopt.sklearn import HyperoptSearchCV
from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge

inputs, targets = make_regression(100, 10, noise=10, random_state=0)
space = {"alpha": hp.loguniform("alpha", -10, 10)}
search = HyperoptSearchCV(Ridge(), space, max_evals=20, algo=rand.suggest, warm_start=True, random_state=0, cv=3)


def fit(max_evals):
    search.set_params(max_evals=max_evals)
    search.fit(inputs, targets)
    kept = -search.trials_.best_trial["result"]["loss"]
    print(f"{len(search.trials_)} trials, the best of them {kept:.3f}; {len(search.cv_results_['params'])} reported, best_score_ {search.best_score_:.3f}")
    assert search.best_estimator_.alpha == search.best_params_["alpha"]


fit(20)
fit(22)
PYTHON
venv/bin/python warm.py 2> notes.txt | grep reported | tee seen.txt || { cat notes.txt; exit 1; }
diff seen.txt - <<'WANTED'
20 trials, the best of them 0.998; 20 reported, best_score_ 0.998
22 trials, the best of them 0.998; 2 reported, best_score_ 0.837
WANTED
