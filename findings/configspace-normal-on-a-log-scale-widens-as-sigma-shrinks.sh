#!/usr/bin/env bash
# ConfigSpace 1.2.2: on a log scale `sigma` of a normal hyperparameter is not its width. For a rate, the smaller it is, the wider the draws.
#
# `mu` and `sigma` are documented as mean and standard deviation, and `log` as the scale that values are drawn on. `mu` is taken to the log scale as it
# should be. For `sigma` the code takes |ln(lower + sigma)|, which is a position and no distance, over the width of the range.
# Below one it falls as `sigma` grows. Who is nearly sure of a learning rate or a weight decay, and gives a small `sigma`, gets draws from all of the
# range, and much the same ones for any `sigma`. Above one it grows with `sigma`, and covers the range from a few units on.
# A search that starts from such a prior, or weighs by its density, so loses what the user knew, and nothing says so. `NormalIntegerHyperparameter`
# uses the same code. ConfigSpace's JSON keeps `mu`, `sigma` and `log` as given, so that a reader that takes them at their word has another space.
# What to do instead: make the exponent a normal hyperparameter without `log`, and raise 10 to it in the objective.
#
# Seen, for a rate from 1e-5 to 1e-1 with `mu` 1e-3, the factor from the lowest to the highest tenth of the draws: 1538 for a `sigma` of 1e-5, 248
# for 1e-1. For a batch size from 1 to 1024 with `mu` 64 it is 118 for a `sigma` of 10. Without `log`, the standard deviation is `sigma`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet ConfigSpace==1.2.2 numpy==2.4.6 scipy==1.17.1
cat > width.py <<'PYTHON'
import numpy as np
from ConfigSpace import NormalFloatHyperparameter


def draws(**given):
    one = NormalFloatHyperparameter("value", **given)
    return one.sample_value(20000, seed=np.random.RandomState(0))


def factor(**given):
    """How many times the lowest tenth's end the start of the highest tenth is."""
    low, high = np.quantile(draws(log=True, **given), [0.1, 0.9])
    return high / low


for sigma in [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]:
    print(f"rate, sigma {sigma:.0e}: factor {factor(mu=1e-3, sigma=sigma, lower=1e-5, upper=1e-1):.0f}")
for sigma in [1, 10]:
    print(f"batch size 64, sigma {sigma}: factor {factor(mu=64, sigma=sigma, lower=1, upper=1024):.0f}")
deviation = draws(mu=64, sigma=10, lower=1, upper=1024).std()
print(f"batch size 64, sigma 10, not on a log scale: standard deviation {deviation:.0f}")
PYTHON
venv/bin/python width.py | tee seen.txt
diff seen.txt - <<'WANTED'
rate, sigma 1e-05: factor 1538
rate, sigma 1e-04: factor 1488
rate, sigma 1e-03: factor 1364
rate, sigma 1e-02: factor 1048
rate, sigma 1e-01: factor 248
batch size 64, sigma 1: factor 6
batch size 64, sigma 10: factor 118
batch size 64, sigma 10, not on a log scale: standard deviation 10
WANTED
