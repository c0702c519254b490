"""The tables that compare.py prints, in Markdown, failures first."""

import numpy as np
import pandas as pd

ORDER = ["tune", "hgb", "lightgbm", "flaml", "mlp", "linear"]


def rows_of(header: list[str], rows: list[list]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def shown(figure: float, digits: int = 4) -> str:
    return "" if pd.isna(figure) else f"{figure:.{digits}g}"


def signed(figure: float) -> str:
    return "" if pd.isna(figure) else f"{figure:+.4f}"


def failures(records: pd.DataFrame) -> str:
    failed = records[records["failed"].notna()]
    if failed.empty:
        return "No failures."
    rows = [[row.table, row.seed, row.peer, " ".join(row.failed.split())] for row in failed.itertuples()]
    return rows_of(["table", "seed", "what", "message"], rows)


def means(records: pd.DataFrame, peers: list[str]) -> pd.DataFrame:
    """The mean figure of each peer over the seeds, a row for each table."""
    return records.pivot_table(index=["kind", "table"], columns="peer", values="figure").reindex(columns=peers)


def by_table(figures: pd.DataFrame) -> str:
    rows = []
    for (kind, table), row in figures.iterrows():
        best = row.max() if kind == "classification" else row.min()
        cells = [f"**{shown(figure)}**" if figure == best else shown(figure) for figure in row]
        rows.append([table, "accuracy" if kind == "classification" else "RMSE", *cells])
    return rows_of(["table", "figure", *figures.columns], rows)


def gains(records: pd.DataFrame, peer: str, other: str) -> tuple[pd.Series, pd.Series]:
    """Differences of accuracy and log ratios of RMSE of `peer` against `other`: for each table that both were run on,
    the mean over the seeds that both were run on."""
    figures = records.pivot_table(index=["kind", "table", "seed"], columns="peer", values="figure")
    if not {peer, other} <= set(figures.columns):
        return pd.Series(dtype=float), pd.Series(dtype=float)
    figures = figures[[peer, other]].dropna().reset_index("kind")
    classes = figures["kind"] == "classification"
    differences = (figures[peer] - figures[other])[classes]
    ratios = np.log(figures[peer] / figures[other])[~classes]
    return differences.groupby("table").mean(), ratios.groupby("table").mean()


def summary(records: pd.DataFrame, figures: pd.DataFrame) -> str:
    """Ranks and wins among those that were run on all tables (one that failed is last), and the means."""
    higher = (figures.index.get_level_values("kind") == "classification").astype(int) * 2 - 1
    scores = figures.mul(higher, axis=0)
    ranks = scores.rank(axis=1, ascending=False, na_option="bottom")
    wins = scores.eq(scores.max(axis=1), axis=0).sum()
    seconds = records.groupby("peer")[["wall", "cpu"]].median()
    rows = []
    for peer in figures.columns:
        against = []
        for other in ("hgb", "mlp"):
            against += ["", ""] if peer == other else [signed(gain.mean()) for gain in gains(records, peer, other)]
        times = [shown(seconds.loc[peer, clock], 3) for clock in ("wall", "cpu")]
        rows.append([peer, figures[peer].count(), f"{ranks[peer].mean():.2f}", wins[peer], *against, *times])
    header = ["", "tables", "mean rank", "wins"]
    header += [f"{figure} against {other}" for other in ("hgb", "mlp") for figure in ("accuracy", "log RMSE")]
    return rows_of([*header, "median seconds", "CPU seconds"], rows)


def against_realmlp(records: pd.DataFrame) -> str:
    """RealMLP-TD on its tables and seed, beside `tune` and the boosting."""
    first = records[records["seed"] == 0]
    figures = means(first, ["tune", "hgb", "realmlp"]).dropna(subset="realmlp")
    if figures.empty:
        return "RealMLP-TD was not run."
    cpu = first.pivot_table(index=["kind", "table"], columns="peer", values="cpu")
    rows = []
    for index, row in figures.iterrows():
        times = [shown(cpu.loc[index].get(peer, np.nan), 3) for peer in ("tune", "realmlp")]
        rows.append([index[1], *(shown(figure) for figure in row), *times])
    table = rows_of(["table", *figures.columns, "tune CPU s", "realmlp CPU s"], rows)
    if figures["tune"].isna().all():
        return table
    differences, ratios = gains(first, "tune", "realmlp")
    faster = (cpu["realmlp"] / cpu["tune"]).dropna()
    return (
        f"{table}\n\n`tune` against RealMLP-TD: accuracy {signed(differences.mean())} on {len(differences)} tables, "
        f"log RMSE {signed(ratios.mean())} on {len(ratios)}, "
        f"{np.exp(np.log(faster).mean()):.1f} times as fast (geometric mean of CPU seconds)."
    )


def markdown(records: list[dict]) -> str:
    frame = pd.DataFrame(records, columns="table seed peer kind label figure wall cpu failed".split())
    peers = [peer for peer in ORDER if peer in set(frame["peer"])]
    figures = means(frame, peers)
    return "\n\n".join(
        [
            "## Failures",
            failures(frame),
            "## All tables",
            summary(frame, figures),
            "Accuracy: mean difference, more is better. Log RMSE: mean log ratio, less is better.",
            "## RealMLP-TD, seed 0",
            against_realmlp(frame),
            "## Each table, mean over the seeds",
            by_table(figures),
        ]
    )
