#!/usr/bin/env bash
# bayesian-optimization 3.4.0: after `load_state` a search with domain reduction cannot leave the window that it had when it was saved.
#
# `SequentialDomainReductionTransformer` draws a window around the best point, lets it shrink and pan, and keeps it within the bounds that the user
# gave. `save_state` is documented to save the complete state, and the tour of the library recommends it for going on from an earlier state. The
# window is in the file. But what loads it sets the window first and then initialises the transformer, which takes what it finds for the user's
# bounds. From then on the window pans within the old window only. Nothing is said, as every suggestion is a valid one. A search that is saved and
# loaded more than once is locked in smaller each time. That is how a search goes on where jobs are short.
# What to do instead: give `original_bounds` of the transformer their values back after each load.
#
# Seen, for bounds from 0 to 10 and a score that rises with x, from 5, where the first eight points are taken at the lower end of the window and the
# next twelve at the upper end: a search that is not interrupted ends at 10.0. One that is saved and loaded after the first eight
# ends at 6.7, the end of its window then. With `original_bounds` given back it ends at 10.0 as well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet bayesian-optimization==3.4.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
cat > window.py <<'PYTHON'
import numpy as np
from bayes_opt import BayesianOptimization, SequentialDomainReductionTransformer

BOUNDS = {"x": (0, 10)}


class Search:
    def __init__(self):
        self.transformer = SequentialDomainReductionTransformer()
        self.optimizer = BayesianOptimization(None, BOUNDS, bounds_transformer=self.transformer, random_state=0, verbose=0)

    def window(self):
        return self.optimizer.space.bounds[0]

    def visit(self, x):
        """What `maximize` does with a point: it is recorded, and the window follows."""
        self.optimizer.register({"x": x}, target=x)
        self.optimizer.set_bounds(self.transformer.transform(self.optimizer.space))

    def go(self, steps, share):
        """Visits points at a share of the way from the lower to the upper end of the window."""
        for _ in range(steps):
            low, high = self.window()
            self.visit(low + share * (high - low))


def begin():
    search = Search()
    search.visit(5.0)
    search.go(8, 0.01)
    return search


def finish(name, search):
    low, high = search.window()
    search.go(12, 0.99)
    print(f"{name}: window {low:.1f} to {high:.1f}, best at the end {search.optimizer.max['params']['x']:.1f}")


whole = begin()
whole.optimizer.save_state("state.json")
finish("not interrupted", whole)
loaded = Search()
loaded.optimizer.load_state("state.json")
finish("saved and loaded", loaded)
mended = Search()
mended.optimizer.load_state("state.json")
mended.transformer.original_bounds = np.array([BOUNDS["x"]], dtype=float)
finish("loaded, with original_bounds given back", mended)
PYTHON
venv/bin/python window.py | tee seen.txt
diff seen.txt - <<'WANTED'
not interrupted: window 3.3 to 6.7, best at the end 10.0
saved and loaded: window 3.3 to 6.7, best at the end 6.7
loaded, with original_bounds given back: window 3.3 to 6.7, best at the end 10.0
WANTED
