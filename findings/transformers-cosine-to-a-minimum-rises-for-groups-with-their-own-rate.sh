#!/usr/bin/env bash
# transformers 5.24.0: a cosine schedule down to `min_lr` rises to ten times the learning rate, where the rate stands in the parameter groups.
#
# `min_lr` is said to be "the minimum learning rate to reach after the cosine schedule", and the schedule to fall to it from the rate that is set in
# the optimiser. It is made a factor of the rate that was given to the optimiser as a whole. A group may have a rate of its own, which is what PyTorch
# documents groups for, and if each has one, nothing need be given as a whole: the factor is then one of PyTorch's default, 0.001, which no group
# has. With a minimum of 0.01 it is ten, and the rates rise to ten times what they were. With a smaller one, and where a rate is given as well,
# the groups end as far from `min_lr` as they started from the given rate, each at another. Nothing is said. This holds for `cosine_with_min_lr` and for
# `cosine_warmup_with_min_lr`. What to do instead: `min_lr_rate`, which is a factor in the first place, or `CosineAnnealingLR` of PyTorch.
#
# Seen, for 100 steps down to 0.01: with 0.1 given to SGD it ends at 0.01, with 0.1 in the group at 1.0, by way of 0.55. Down to 0.0001, with 0.1 given
# and a second group at 0.001, the groups end at 0.0001 and 0.000001. PyTorch's own schedule ends at the minimum for all of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet transformers==5.24.0 torch==2.9.0 numpy==2.4.6
cat > minimum.py <<'PYTHON'
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR
from transformers import get_scheduler

STEPS = 100


def warm(name):
    """A schedule of transformers, by its name."""
    return lambda optimizer, minimum: get_scheduler(
        name, optimizer, num_warmup_steps=0, num_training_steps=STEPS, scheduler_specific_kwargs={"min_lr": minimum}
    )


def rates(schedule, minimum, groups, **given):
    """The rates of the groups at the start, in the middle and at the end."""
    parameters = [{"params": [torch.nn.Parameter(torch.ones(1))], **group} for group in groups]
    optimizer = torch.optim.SGD(parameters, **given)
    scheduler = schedule(optimizer, minimum)
    seen = []
    for _ in range(STEPS + 1):
        seen.append([f"{group['lr']:.2g}" for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return " -> ".join(" and ".join(seen[step]) for step in [0, STEPS // 2, STEPS])


torchs = lambda optimizer, minimum: CosineAnnealingLR(optimizer, STEPS, eta_min=minimum)
schedules = {"transformers": warm("cosine_with_min_lr"), "transformers, warm": warm("cosine_warmup_with_min_lr"), "torch": torchs}
for name, schedule in schedules.items():
    print(f"{name}, rate given, to 0.01:", rates(schedule, 0.01, [{}], lr=0.1))
    print(f"{name}, rate in the group, to 0.01:", rates(schedule, 0.01, [{"lr": 0.1}]))
    print(f"{name}, both, to 0.0001:", rates(schedule, 0.0001, [{}, {"lr": 0.001}], lr=0.1))
PYTHON
venv/bin/python minimum.py 2> notes.txt | tee seen.txt || { cat notes.txt; exit 1; }
diff seen.txt - <<'WANTED'
transformers, rate given, to 0.01: 0.1 -> 0.055 -> 0.01
transformers, rate in the group, to 0.01: 0.1 -> 0.55 -> 1
transformers, both, to 0.0001: 0.1 and 0.001 -> 0.05 and 0.0005 -> 0.0001 and 1e-06
transformers, warm, rate given, to 0.01: 0.1 -> 0.054 -> 0.01
transformers, warm, rate in the group, to 0.01: 0.1 -> 0.56 -> 1
transformers, warm, both, to 0.0001: 0.1 and 0.001 -> 0.048 and 0.00048 -> 0.00012 and 1.2e-06
torch, rate given, to 0.01: 0.1 -> 0.055 -> 0.01
torch, rate in the group, to 0.01: 0.1 -> 0.055 -> 0.01
torch, both, to 0.0001: 0.1 and 0.001 -> 0.05 and 0.00055 -> 0.0001 and 0.0001
WANTED
