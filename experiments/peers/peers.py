"""The models of other libraries that `tune` is compared with, each with its defaults.

A peer is given the rows of one split and returns what it predicts for the test rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from flaml import AutoML
from lightgbm import LGBMClassifier, LGBMRegressor
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tables import Table


@dataclass
class Rows:
    """One split: text as pandas categories with the levels of the training rows, everything else as numbers."""

    train: pd.DataFrame
    train_target: pd.Series
    test: pd.DataFrame
    test_target: pd.Series
    classes: bool
    seed: int
    # What FLAML may use.
    seconds: float

    @classmethod
    def read(cls, table: Table, paths: tuple, seed: int, seconds: float) -> "Rows":
        """The rows of the same files that `tune` is given."""
        train, test = (pd.read_csv(path, low_memory=False) for path in paths)
        classes = table.kind == "classification"
        targets = [frame.pop(table.target).astype(str if classes else float) for frame in (train, test)]
        for name in train:
            column = train[name]
            if name in table.dates:
                train[name], test[name] = days(column), days(test[name])
            elif column.dtype == object:
                levels = sorted(column.dropna().unique())
                train[name] = pd.Categorical(column, levels)
                test[name] = pd.Categorical(test[name], levels)
            else:
                train[name] = column.astype(float)
                test[name] = pd.to_numeric(test[name], errors="coerce").astype(float)
        # Some libraries refuse names with brackets, commas or quotes.
        train.columns = test.columns = [f"x{number}" for number in range(train.shape[1])]
        return cls(train, targets[0], test, targets[1], classes, seed, seconds)

    def figure(self, predicted: np.ndarray) -> float:
        """The accuracy, or the root mean squared error."""
        truth = self.test_target.to_numpy()
        if self.classes:
            return float(np.mean(np.asarray(predicted).ravel() == truth))
        return float(np.sqrt(np.mean((np.asarray(predicted, float).ravel() - truth) ** 2)))


def days(dates: pd.Series) -> pd.Series:
    """Dates as numbers of days."""
    return (pd.to_datetime(dates) - pd.Timestamp(0)).dt.days.astype(float)


def fitted(model, rows: Rows) -> np.ndarray:
    return model.fit(rows.train, rows.train_target).predict(rows.test)


def usual_pipeline(classifier, regressor, rows: Rows) -> Pipeline | TransformedTargetRegressor:
    """Medians in gaps, standardised, one-hot; values are standardised too."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    levels = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("levels", levels, make_column_selector(dtype_include="category")),
        ]
    )
    if rows.classes:
        return make_pipeline(columns, classifier)
    return TransformedTargetRegressor(make_pipeline(columns, regressor), transformer=StandardScaler())


def hgb(rows: Rows) -> np.ndarray:
    model = HistGradientBoostingClassifier if rows.classes else HistGradientBoostingRegressor
    return fitted(model(categorical_features="from_dtype", random_state=rows.seed), rows)


def mlp(rows: Rows) -> np.ndarray:
    models = MLPClassifier(random_state=rows.seed), MLPRegressor(random_state=rows.seed)
    return fitted(usual_pipeline(*models, rows), rows)


def linear(rows: Rows) -> np.ndarray:
    return fitted(usual_pipeline(LogisticRegression(max_iter=1000), Ridge(), rows), rows)


def lightgbm(rows: Rows) -> np.ndarray:
    model = LGBMClassifier if rows.classes else LGBMRegressor
    return fitted(model(random_state=rows.seed, verbose=-1), rows)


def flaml(rows: Rows) -> np.ndarray:
    task, metric = ("classification", "accuracy") if rows.classes else ("regression", "rmse")
    model = AutoML()
    model.fit(
        rows.train,
        rows.train_target,
        task=task,
        metric=metric,
        time_budget=rows.seconds,
        seed=rows.seed,
        verbose=0,
    )
    return model.predict(rows.test)


def realmlp(rows: Rows) -> np.ndarray:
    # It takes no gaps in numbers.
    numbers = rows.train.select_dtypes("number").columns
    medians = rows.train[numbers].median()
    train, test = (frame.fillna(medians) for frame in (rows.train, rows.test))
    model = RealMLP_TD_Classifier if rows.classes else RealMLP_TD_Regressor
    return model(device="cpu", random_state=rows.seed).fit(train, rows.train_target).predict(test)


PEERS: dict[str, Callable[[Rows], np.ndarray]] = {
    "hgb": hgb,
    "lightgbm": lightgbm,
    "flaml": flaml,
    "mlp": mlp,
    "linear": linear,
    "realmlp": realmlp,
}
