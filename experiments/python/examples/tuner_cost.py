"""What `Tuner` costs: a step of a small CNN with it and without it, in turns, batches of 64 on the CPU.

    python examples/tuner_cost.py [ROUNDS]

Validations are left out on both sides. The median of the ratios of neighbours is printed, of the clock and of processor time.
"""

import statistics
import sys
import time

import torch
from torch import nn

import trimtab

EXAMPLES, EPOCHS, BATCH = 2048, 10, 64


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


def main() -> None:
    """In turns, the first of each left out."""
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    took(True), took(False)
    pairs = []
    for turn in range(rounds):
        order = (True, False) if turn % 2 else (False, True)
        seen = {steered: took(steered) for steered in order}
        pairs.append((seen[True], seen[False]))
    for index, name in enumerate(("clock", "processor")):
        ratios = sorted(steered[index] / plain[index] for steered, plain in pairs)
        plain = statistics.median(plain[index] for _, plain in pairs)
        print(f"{name}: {1e3 * plain:.2f} ms an update; with the tuner {statistics.median(ratios):.3f} times", end="")
        print(f" ({ratios[0]:.3f} to {ratios[-1]:.3f} over {rounds} rounds)")


if __name__ == "__main__":
    main()
