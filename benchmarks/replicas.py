"""How a faithful reproduction of the published two-layer curves would be judged at the book's bars.

    python benchmarks/replicas.py [--out FOLDER]

Seeds of our own stored sweeps are drawn with replacement twice, as many as either side has: one draw stands
for our runs, the means of the other, with reading errors, for the published curves. Both are of the same
networks, so every claim is true. Writes replicas.csv: per claim its bar and the share of each verdict.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from companion.chapters.fan_out_ordering import tables as fan_out
from companion.chapters.finite_data import tables as finite_data
from companion.pages.claims import Claim
from companion.pages.statistics import multiples, replica_bar, worst
from companion.runs.store import load_results

HERE = Path(__file__).resolve().parent
BOOK = HERE.parent / "book"
SEEDS = fan_out.PUBLISHED_SEEDS


def cases() -> dict[str, tuple]:
    """Per claim: our values per point and seed, how they are read off and measured, and the bar."""
    stored = lambda name: load_results(name, BOOK / "results" / name)[0]
    published = lambda name: pd.read_csv(BOOK / "reference" / f"{name}.csv")
    full = finite_data.over_epochs(stored("sample_complexity")["runs"])
    curves, keys = published("sample_complexity"), ["data", "over_realization", "samples"]
    found = {
        f"finite-data/published-{name}": (
            by_seed(full, keys, value),
            (value, curves, finite_data.reading_error(curves, value)),
            lambda ours, theirs, value=value: finite_data.agreement(ours, theirs, value),
            replica_bar(finite_data.agreement(full, curves, value, multiples)),
        )
        for name, value in (("correlation", "mean_best_correlation"), ("loss", "eval_loss"))
    }
    tables = {name: table[table.teacher_width == 20] for name, table in stored("fan_out").items()}
    rates, losses = published("two_layer_success_rate"), published("two_layer_eval_loss")
    losses = losses.dropna(subset=["log10_eval_loss"])
    hits = tables["teachers"].assign(success_rate=(tables["teachers"].best_correlation > 0.95) * 1.0)
    return found | {
        "fan-out/published-success": (
            by_seed(hits, [*fan_out.CURVES, "teacher"], "success_rate"),
            ("success_rate", rates, np.zeros(len(rates))),
            lambda ours, theirs: fan_out.success_agreement(
                ours.assign(best_correlation=ours.success_rate), theirs
            ),
            replica_bar(fan_out.success_agreement(tables["teachers"], rates, multiples)),
        ),
        "fan-out/published-loss": (
            by_seed(fan_out.loss_curves(tables["runs"]), fan_out.CURVES, "log10_eval_loss"),
            ("log10_eval_loss", losses, fan_out.reading_error(losses)),
            lambda ours, theirs: fan_out.loss_agreement(
                ours.assign(status="ok", eval_loss=10**ours.log10_eval_loss), theirs
            ),
            replica_bar(fan_out.loss_agreement(tables["runs"], losses, measure=multiples)),
        ),
    }


def by_seed(table: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    return table.pivot_table(index=list(keys), columns="seed", values=value)


def verdict(rng: np.random.Generator, runs: pd.DataFrame, read: tuple, measure: Callable, bar: float) -> str:
    """Of one pair of draws."""
    value, published, reading = read
    runs = runs.loc[pd.MultiIndex.from_frame(published[runs.index.names])]
    ours, theirs = (rng.choice(runs.to_numpy(), SEEDS, axis=1) for _ in range(2))
    error = rng.uniform(-reading, reading)
    table = pd.DataFrame(ours, runs.index).rename_axis(columns="seed").stack().rename(value).reset_index()
    found = worst(measure(table, published.assign(**{value: theirs.mean(1) + error})))
    return Claim(id="replica", place="", sentence="", at_most=bar, **found).verdict


def judged(trials: int = 200) -> pd.DataFrame:
    """One row per claim: bar, trials, and the share of each verdict."""
    rows = []
    for name, (runs, read, measure, bar) in cases().items():
        rng = np.random.default_rng(0)
        verdicts = pd.Series([verdict(rng, runs, read, measure, bar) for _ in range(trials)])
        shares = {word: (verdicts == word).mean() for word in ("holds", "undecided", "fails")}
        rows.append({"claim": name, "bar": bar, "trials": trials} | shares)
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Verdicts that faithful reproductions get.")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    found = judged()
    parser.parse_args().out.mkdir(parents=True, exist_ok=True)
    found.to_csv(parser.parse_args().out / "replicas.csv", index=False)
    print(found.to_string(index=False))
