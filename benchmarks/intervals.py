"""How often the book's intervals hold the truth: on what they assume, on skewed data, on our own numbers.

    python benchmarks/intervals.py [--out FOLDER]

Each interval is asked for many samples of n values whose true mean, on the interval's own scale, is known.
Columns of our own tables are resampled with replacement: their mean over all seeds is the truth. Writes
intervals.csv, one row per kind of data and n, one column per interval; a percentile bootstrap, which the
book does not use, stands last for comparison.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom, bootstrap

from companion.chapters.fan_out_ordering import tables as fan_out
from companion.chapters.finite_data import tables as finite_data
from companion.pages.statistics import LEVEL, mean_interval, share_interval
from companion.runs.store import load_results

HERE = Path(__file__).resolve().parent
STORED = HERE.parent / "book" / "results"
SIZES = (3, 4, 5, 8, 15, 32)
SHARES = (0.05, 0.5, 0.9, 0.98)
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def assumed() -> dict[str, Draw]:
    """What each interval assumes, and two skewed kinds of data."""
    return {
        "normal": lambda rng, size: rng.normal(5.0, 1.0, size),
        "log-normal, sd .5": lambda rng, size: np.exp(rng.normal(0.0, 0.5, size)),
        "log-normal, sd 1.5": lambda rng, size: np.exp(rng.normal(0.0, 1.5, size)),
        "correlation, z-normal": lambda rng, size: np.tanh(rng.normal(1.5, 0.5, size)),
        "exponential": lambda rng, size: rng.exponential(1.0, size),
    }


def columns() -> dict[str, np.ndarray]:
    """Numbers per seed that claims stand on, of the stored tables."""
    stored = lambda name: load_results(name, STORED / name)[0]
    tables = fan_out.with_norms(stored("fan_out"))
    wide = {name: table[table.teacher_width == 20] for name, table in tables.items()}
    ranks = fan_out.ordering(fan_out.first_specialized(wide["teachers"], 0.95))
    ranks = ranks[ranks.polarity > 0].groupby(["polarity", "seed"]).spearman.mean()
    last = wide["runs"].query("epoch == epoch.max() and polarity == 0")
    loss = last.pivot_table(index="seed", columns="over_realization", values="eval_loss")
    samples = finite_data.over_epochs(stored("sample_complexity")["runs"])
    gain = finite_data.advantage(samples, 60).groupby("seed").last_correlation.mean()
    return {
        "our order of teachers, p = 0.5": ranks[0.5].to_numpy(),
        "our order of teachers, p = 2.5": ranks[2.5].to_numpy(),
        "our loss of 1x, p = 0": loss[1.0].to_numpy(),
        "our loss of 5x, p = 0": loss[5.0].to_numpy(),
        "our gain by aware data": gain.to_numpy(),
    }


def coverage(draw: Draw, size: int, truth: dict[str, float], trials: int, seed: int = 0) -> dict[str, float]:
    """Share of samples whose interval holds the truth, per scale of :func:`mean_interval`."""
    samples = draw(np.random.default_rng([seed, size]), (trials, size))
    held = {}
    for scale, value in truth.items():
        found = [mean_interval(sample, scale) for sample in samples]
        held[scale] = np.mean([ends["low"] <= value <= ends["high"] for ends in found])
    return held


def bootstrapped(draw: Draw, size: int, truth: float, method: str, trials: int = 300) -> float:
    """The same for a bootstrap of the mean; an interval that does not exist holds nothing."""
    samples = draw(np.random.default_rng([1, size]), (trials, size))
    with np.errstate(all="ignore"):
        found = bootstrap(
            (samples,), np.mean, axis=-1, n_resamples=400, method=method, rng=0
        ).confidence_interval
    return np.mean((found.low <= truth) & (truth <= found.high))


def shares_covered(share: float, size: int) -> float:
    """Coverage of :func:`share_interval`, exactly: summed over all outcomes."""
    found = [share_interval(k, size) for k in range(size + 1)]
    held = [ends["low"] <= share <= ends["high"] for ends in found]
    return float(binom.pmf(np.arange(size + 1), size, share) @ held)


def rows(trials: int) -> Iterator[dict]:
    kinds = {name: (draw, draw(np.random.default_rng(2), (1, 10**6))[0]) for name, draw in assumed().items()}
    for name, values in columns().items():
        kinds[name] = (lambda rng, size, values=values: rng.choice(values, size), values)
    for name, (draw, everything) in kinds.items():
        truth = {"linear": everything.mean()}
        if everything.min() > 0:
            truth["log"] = np.exp(np.log(everything).mean())
        if everything.min() > -1 and everything.max() < 1:
            truth["correlation"] = np.tanh(np.arctanh(everything).mean())
        for size in SIZES:
            found = coverage(draw, size, truth, trials)
            for method in ("BCa", "percentile"):
                found[method] = bootstrapped(draw, size, truth["linear"], method)
            yield {"data": name, "n": size} | found
    for share in SHARES:
        for size in SIZES:
            yield {"data": f"share of {share:g}", "n": size, "exact": shares_covered(share, size)}


def table(trials: int = 2000) -> pd.DataFrame:
    """One row per kind of data and n; NaN where an interval does not apply."""
    order = ["data", "n", "linear", "log", "correlation", "exact", "BCa", "percentile"]
    return pd.DataFrame(rows(trials))[order].round(3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=f"Coverage of intervals that should be {LEVEL:.0%}.")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    found = table()
    parser.parse_args().out.mkdir(parents=True, exist_ok=True)
    found.to_csv(parser.parse_args().out / "intervals.csv", index=False)
    print(found.to_string(index=False))
