#!/usr/bin/env bash
# Prodigy 1.1.2 (prodigyopt): a parameter group whose learning rate is set to zero in the course of a training goes on moving, for ever.
#
# Rates that differ between groups are refused, "only supported for values of 0", so that zero is the one way that is left to hold a group still,
# with a scheduler or by hand. With it the gradients of the group are ignored, and its momentum no longer fades. But the step and the decoupled weight
# decay are done to all groups, at the rate of the others. So a group that is frozen after it was trained is moved by its last momentum at every
# later step, in a straight line and without regard to the loss; one that was frozen from the start shrinks to zero where there is
# weight decay. The rate that a log shows is 0. `DAdaptAdam` of D-Adaptation 3.2 goes on in the same way. What to do instead: take the gradients
# of the group away, with `requires_grad_(False)` and `zero_grad()`, as a parameter without one is passed over.
#
# Seen, for two weights of the same loss, (w - 3) squared, of which the second has the rate 0 after 100 steps, when both are at 3.0: after 200 more
# the first is at 3.0 and the second at 6.5. torch's AdamW leaves it where it was. With the rate 0 from the start and a weight decay of 0.1, the
# second weight goes from 1.0 to 0.0, and with AdamW it stays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet prodigyopt==1.1.2 torch==2.9.0 numpy==2.4.6
cat > still.py <<'PYTHON'
import torch
from prodigyopt import Prodigy


def train(optimizer, frozen, **given):
    """Trains two weights, the second with the rate 0 from step `frozen` on; returns the second then and at the end, and the first."""
    first, second = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = optimizer([{"params": [first]}, {"params": [second]}], **given)
    for step in range(frozen + 200):
        if step == frozen:
            optimizer.param_groups[1]["lr"] = 0.0
            held = second.item()
        optimizer.zero_grad()
        ((first - 3) ** 2 + (second - 3) ** 2).sum().backward()
        optimizer.step()
    return f"held at {held:.1f}, ends at {second.item():.1f}, the other at {first.item():.1f}"


print("Prodigy, after 100 steps:", train(Prodigy, 100))
print("AdamW, after 100 steps:", train(torch.optim.AdamW, 100, lr=0.1, weight_decay=0))
print("Prodigy with decay, from the start:", train(Prodigy, 0, weight_decay=0.1))
print("AdamW with decay, from the start:", train(torch.optim.AdamW, 0, lr=0.1, weight_decay=0.1))
PYTHON
venv/bin/python still.py | grep -v "^Using" | tee seen.txt
diff seen.txt - <<'WANTED'
Prodigy, after 100 steps: held at 3.0, ends at 6.5, the other at 3.0
AdamW, after 100 steps: held at 3.0, ends at 3.0, the other at 3.0
Prodigy with decay, from the start: held at 1.0, ends at 0.0, the other at 3.0
AdamW with decay, from the start: held at 1.0, ends at 1.0, the other at 2.9
WANTED
