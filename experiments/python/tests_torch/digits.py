"""Small networks on the digits of scikit-learn, and a loop with a tuner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

import trimtab

_IMAGES, _LABELS = (torch.tensor(part) for part in load_digits(return_X_y=True))
IMAGES, LABELS = (_IMAGES.float() / 16).reshape(-1, 1, 8, 8), _LABELS.long()
TRAIN, VALIDATION = (IMAGES[:1200], LABELS[:1200]), (IMAGES[1200:], LABELS[1200:])
loss_of = nn.CrossEntropyLoss()


def perceptron(seed: int = 1) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def convolutional(seed: int = 1) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    )


def validate(model: nn.Module) -> float:
    training = model.training
    model.eval()
    with torch.no_grad():
        loss = float(loss_of(model(VALIDATION[0]), VALIDATION[1]))
    model.train(training)
    return loss


def train(
    tuner: trimtab.Tuner,
    model: nn.Module,
    data: Any = TRAIN,
    step: Callable[[torch.Tensor], None] | None = None,
    forward: Callable[[torch.Tensor], torch.Tensor] | None = None,
    validated: Callable[[int, float], float] = lambda number, loss: loss,
    updates: int | None = None,
) -> int:
    """The nine lines, until the budget is used up or so many updates are made. How many it were."""
    made = validations = 0
    for inputs, targets in tuner.batches(data):
        loss = loss_of((forward or model)(inputs), targets)
        if step is None:
            loss.backward()
            tuner.step(loss)
        else:
            step(loss)
        made += 1
        if tuner.wants_validation:
            tuner.validated(validated(validations, validate(tuner.averaged(model))))
            validations += 1
        if made == updates:
            break
    return made
