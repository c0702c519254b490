#!/usr/bin/env bash
# Lightning 2.6.6: `EMAWeightAveraging(update_starting_at_epoch=n)` averages from the first step on, whatever n is.
#
# The library's own test calls it a delayed start, and checks nothing of it. The rule for steps does not look at the epoch: without a starting
# step, and with an update at each step as it is by default, it says yes from step 0. The starting epoch only adds a second update to the end of each
# epoch from then on. The first update copies the weights, which are hardly trained then. With a decay near one they are most of the average for
# a long time, and so of what is validated, saved and left in the model. Who tunes the starting epoch finds that it hardly matters. What to do
# instead: `update_starting_at_step`, in steps of the optimiser. Until that step validation sees an untrained copy, which is issue 21724.
#
# Seen, for a weight that goes from 1 to 0.005 in 5 epochs of 10 steps, averaged with a decay of 0.99: with no start the average ends at 0.604, with
# epoch 3 at 0.593, with step 30, the first of epoch 3, at 0.034.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet lightning==2.6.6 torch==2.9.0 numpy==2.4.6
cat > start.py <<'PYTHON'
import logging
import warnings

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging

warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Weight(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def training_step(self, batch, index):
        return (self.weight**2).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


def train(*callbacks):
    """The weight after 5 epochs of 10 steps."""
    module = Weight()
    trainer = lightning.Trainer(
        max_epochs=5,
        callbacks=list(callbacks),
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader(torch.zeros(10, 1)))
    return module.weight.item()


print(f"not averaged: {train():.3f}")
print(f"averaged: {train(EMAWeightAveraging(decay=0.99)):.3f}")
print(f"averaged from epoch 3: {train(EMAWeightAveraging(decay=0.99, update_starting_at_epoch=3)):.3f}")
print(f"averaged from step 30: {train(EMAWeightAveraging(decay=0.99, update_starting_at_step=30)):.3f}")
PYTHON
venv/bin/python start.py 2> notes.txt | grep averaged | tee seen.txt || { cat notes.txt; exit 1; }
diff seen.txt - <<'WANTED'
not averaged: 0.005
averaged: 0.604
averaged from epoch 3: 0.593
averaged from step 30: 0.034
WANTED
