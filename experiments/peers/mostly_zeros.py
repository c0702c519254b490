"""What the servo is worth on tables that are mostly zeros, as those of words are, out of a run of configs/large_tables.ron.

    pip install pandas
    python experiments/peers/mostly_zeros.py large_tables runs/large_tables

Takes the folder of the tables and that of the run. Prints the mean log ratio of the losses on tables with more than four fifths zeros, the servo to each
rival, with an interval that resamples tables, on how many the servo is lower, and the highest.
"""

import argparse
import json
import math
import random
from pathlib import Path

import pandas as pd

SHARE = 0.8
FOCUS = "context_servo"
RESAMPLES = 10_000


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """The mean over tables, and its 95 % interval by the percentiles of resampled means."""
    drawn = random.Random(0)
    means = sorted(sum(drawn.choices(ratios, k=len(ratios))) / len(ratios) for _ in range(RESAMPLES))
    return sum(ratios) / len(ratios), means[RESAMPLES // 40], means[-RESAMPLES // 40]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args()
    zeros = {path.stem: (pd.read_csv(path).drop(columns="y") == 0).mean().mean() for path in arguments.tables.glob("*.csv")}
    tables = sorted(table for table, share in zeros.items() if share > SHARE)
    print(f"{len(tables)} of {len(zeros)} tables: {', '.join(tables)}")
    losses: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    for line in (arguments.run / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["record"] == "result":
            losses.setdefault((record["method"], record["task"]), {})[record["seed"]] = record["outcome"]
    for kind in ("best_validation_loss", "test_loss"):
        print(f"| {kind.replace('_', ' ')}: the servo to | mean log ratio | lower on | highest |\n|---|---|---|---|")
        for rival in sorted({method for method, _ in losses} - {FOCUS}):

            def ratio(table: str) -> float:
                pairs = [(outcome[kind], losses[rival, table][seed][kind]) for seed, outcome in losses[FOCUS, table].items()]
                return sum(math.log(ours / theirs) for ours, theirs in pairs) / len(pairs)

            ratios = {table: ratio(table) for table in tables}
            mean, low, high = interval(list(ratios.values()))
            highest = max(ratios, key=ratios.__getitem__)
            lower = sum(value < 0.0 for value in ratios.values())
            print(f"| `{rival}` | {mean:+.3f} [{low:+.3f}, {high:+.3f}] | {lower} | `{highest}` {ratios[highest]:+.3f} |")


if __name__ == "__main__":
    main()
