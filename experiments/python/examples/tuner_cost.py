"""What `Tuner` costs: a step of a small CNN with it and without it, in turns, batches of 64 on the CPU.

    python examples/tuner_cost.py [ROUNDS [EPOCHS]]

Validations are left out on both sides. The median of the ratios of neighbours is printed, of the clock and of processor time; on a machine with
other work they scatter by far more than what is measured. So the processor time in the tuner's own code is counted by itself too, relative to
the rest of the same run.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import trimtab

EXAMPLES, BATCH = 2048, 64
_PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
_PARSER.add_argument("rounds", type=int, nargs="?", default=15)
_PARSER.add_argument("epochs", type=int, nargs="?", default=10)
_OPTIONS = _PARSER.parse_args()
ROUNDS, EPOCHS = _OPTIONS.rounds, _OPTIONS.epochs


def network() -> nn.Sequential:
    """28x28 images, 20,000 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 49, 10),
    )


def took(steered: bool) -> tuple[float, float]:
    """Seconds of an update by the clock and by the processor. Every batch is the same, so that both do the same beside steering."""
    torch.manual_seed(1)
    model, loss_of = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())
    inputs, targets = torch.randn(BATCH, 1, 28, 28), torch.randint(10, (BATCH,))
    updates = EXAMPLES * EPOCHS // BATCH
    clock, processor = time.perf_counter(), time.process_time()
    if steered:
        tuner = trimtab.Tuner(optimizer, examples=EXAMPLES, epochs=EPOCHS, batch_size=BATCH)
        updates = validations = 0
        while not tuner.is_over:
            loss = loss_of(model(inputs), targets)
            loss.backward()
            tuner.step(loss)
            updates += 1
            if tuner.wants_validation:
                validations += 1
                # Better each time, which costs the most: weights and optimiser are kept.
                tuner.validated(3.0 / validations)
    else:
        for _ in range(updates):
            loss = loss_of(model(inputs), targets)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            float(loss.detach())  # As any loop does that shows its losses.
    return (time.perf_counter() - clock) / updates, (time.process_time() - processor) / updates


def own_share() -> float:
    """Processor time in the tuner's own code relative to the rest of a training, the clock of the counting included."""
    spent = {"tuner": 0, "optimizer": 0}

    def timed(of: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            begun = time.thread_time_ns()
            answer = function(*args, **kwargs)
            spent[of] += time.thread_time_ns() - begun
            return answer

        return call

    torch.manual_seed(1)
    model, loss_of = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())
    inputs, targets = torch.randn(BATCH, 1, 28, 28), torch.randint(10, (BATCH,))
    tuner = trimtab.Tuner(optimizer, examples=EXAMPLES, epochs=EPOCHS, batch_size=BATCH)
    # What is the tuner's within a step of the optimiser is called by it; what is the optimiser's within `tuner.step` is no part of it.
    for hooks in (optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks):
        for name, hook in hooks.items():
            hooks[name] = timed("tuner", hook)
    optimizer.step, optimizer.zero_grad = timed("optimizer", optimizer.step), timed("optimizer", optimizer.zero_grad)  # type: ignore[method-assign]
    step, validated = timed("tuner", tuner.step), timed("tuner", tuner.validated)
    begun, validations = time.thread_time_ns(), 0
    while not tuner.is_over:
        loss = loss_of(model(inputs), targets)
        loss.backward()
        step(float(loss.detach()))  # To read it costs the plain loop as much.
        if tuner.wants_validation:
            validations += 1
            validated(3.0 / validations)
    own = spent["tuner"] - spent["optimizer"]
    return own / (time.thread_time_ns() - begun - own)


def main() -> None:
    """In turns, the first of each left out."""
    torch.set_num_threads(1)
    took(True), took(False)
    shares = sorted(own_share() for _ in range(ROUNDS))
    print(f"own code: {statistics.median(shares):.4f} of the rest ({shares[0]:.4f} to {shares[-1]:.4f} over {ROUNDS} rounds)", flush=True)
    pairs = []
    for turn in range(ROUNDS):
        order = (True, False) if turn % 2 else (False, True)
        seen = {steered: took(steered) for steered in order}
        pairs.append((seen[True], seen[False]))
    for index, name in enumerate(("clock", "processor")):
        ratios = sorted(steered[index] / plain[index] for steered, plain in pairs)
        plain = statistics.median(plain[index] for _, plain in pairs)
        print(f"{name}: {1e3 * plain:.2f} ms an update; with the tuner {statistics.median(ratios):.3f} times", end="")
        print(f" ({ratios[0]:.3f} to {ratios[-1]:.3f} over {ROUNDS} rounds)")


if __name__ == "__main__":
    main()
