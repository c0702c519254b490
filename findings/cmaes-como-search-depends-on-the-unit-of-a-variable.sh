#!/usr/bin/env bash
# cmaes 0.13.1: what `COMOCatCMAwM`, its search for two objectives, finds depends on the unit that a variable is measured in.
#
# The docstring asks for bounds alone, and CMA-ES is known for not minding the scale. The kernels that it makes are to start with a standard
# deviation of a sixth of the range, says the note beside the code, which is what `CatCMAwM` alone starts with. But here the sixth is put where
# a variance belongs, and not squared. The spread is its root: right for a range of 6, 77 times too wide for a rate from 0 to 0.001. What falls
# outside is set to the bound, so that nearly all of the first proposals are corners, and it takes long until the spread has come down. A range
# of 10000 is searched with 41 around each start instead of 1667. Integers have a fifth, and the same fault. Every point is valid and the front
# grows, so that nothing shows. What to do instead: give all variables the range 0 to 6, or kernels of one's own, which are `CatCMAwM` with a mean
# and the square as `cov`.
#
# Seen, for the same two costs of three variables, where only the unit differs, mean of 8 seeds: of the first 60 proposals' values 79 % are at a bound
# with the range 0 to 0.001, 8 % with 0 to 6 and none with 0 to 10000. Of a square 500 evaluations dominate 0.51, 0.90 and 0.84. With kernels of
# one's own all three ranges have 8 % and 0.90. The whole front dominates 0.91.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet cmaes==0.13.1 numpy==2.4.6
cat > unit.py <<'PYTHON'
import warnings

import numpy as np
from cmaes import CatCMAwM, COMOCatCMAwM

warnings.simplefilter("ignore")
KERNELS, VARIABLES, EVALUATIONS = 5, 3, 500
WIDE = 0.15


def costs(share):
    """Two costs that are best at a third and at two thirds of each range."""
    return [((share - 1 / 3) ** 2).mean(), ((share - 2 / 3) ** 2).mean()]


def squared(space, width, seed):
    """Kernels whose standard deviation is a sixth of the range."""
    means = np.random.RandomState(seed).uniform(0, width, size=(KERNELS, VARIABLES))
    cov = np.eye(VARIABLES) * (width / 6) ** 2
    return [CatCMAwM(x_space=space, mean=mean, cov=cov.copy()) for mean in means]


def search(width, own, seed):
    """The part of the first values that is at a bound, and the part of a square that all points dominate."""
    space = [[0, width]] * VARIABLES
    kernels = squared(space, width, seed) if own else None
    optimizer = COMOCatCMAwM(x_space=space, kernels=kernels, kernel_size=KERNELS, reference_point=[WIDE, WIDE], seed=seed)
    shares, points = [], []
    while len(points) < EVALUATIONS:
        solutions = []
        for solution in optimizer.ask_iter():
            shares.append(solution.x / width)
            points.append(costs(shares[-1]))
            solutions.append((solution, points[-1]))
        optimizer.tell(solutions)
    first = np.array(shares[:60])
    dominated, height = 0.0, WIDE
    for one, other in sorted(points[:EVALUATIONS]):
        if one < WIDE and other < height:
            dominated += (WIDE - one) * (height - other)
            height = other
    return ((first == 0) | (first == 1)).mean(), dominated / WIDE**2


seen = {}
for own in [False, True]:
    for width in [0.001, 6, 10000]:
        seen[own, width] = bound, dominated = np.mean([search(width, own, seed) for seed in range(8)], axis=0)
        kernels = "own kernels" if own else "as documented"
        print(f"{kernels}, 0 to {width}: {bound:.0%} at a bound, {dominated:.2f} dominated", flush=True)
assert seen[False, 0.001][0] > 0.6 and seen[False, 6][0] < 0.2, "the first spread is another now"
assert seen[False, 6][1] - seen[False, 0.001][1] > 0.2, "the unit matters no more"
assert all(abs(seen[True, width][1] - seen[False, 6][1]) < 0.01 for width in [0.001, 6, 10000]), "own kernels mind the unit"
PYTHON
venv/bin/python unit.py
