"""Closed forms as curves, ratios of two methods on the same student, and the sign map."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.chapters.pruning import closed_forms

FORMS = {
    "uniform nodes": closed_forms.uniform_nodes,
    "DPP nodes": closed_forms.dpp_nodes,
    "random edges": lambda kept, z, m: closed_forms.random_edges(kept, z),
    "DPP edges": lambda kept, z, m: closed_forms.dpp_edges(kept, z),
    "magnitude edges": lambda kept, z, m: closed_forms.magnitude_edges(kept, z),
}
STUDENT = ["start", "over_realization", "noise", "seed"]


def curves(z: float, m: int, points: int = 60) -> pd.DataFrame:
    """The closed forms of every method for shares up to 1: columns kept, method, error."""
    kept = np.linspace(0.02, 0.98, points)
    return pd.concat(
        [pd.DataFrame(dict(kept=kept, method=name, error=form(kept, z, m))) for name, form in FORMS.items()],
        ignore_index=True,
    )


def sign_map(m: int, most: float = 100.0, points: int = 60) -> pd.DataFrame:
    """log2 of the error of DPP nodes over that of random edges by z and kept share, closed forms.

    Above 0 the edges win.
    """
    z, kept = np.meshgrid(np.geomspace(1, most, points), np.linspace(0.02, 0.98, points), indexing="ij")
    ratio = np.log2(closed_forms.dpp_nodes(kept, z, m) / closed_forms.random_edges(kept, z))
    return pd.DataFrame(dict(z=z.ravel(), kept=kept.ravel(), edges_win=ratio.ravel()))


def noise_curves(z: float, points: int = 60) -> pd.DataFrame:
    """Relative error of noisy copies, kept and merged, by the squared norm of a copy's deviation."""
    noise = np.geomspace(1e-3, 10, points)
    return pd.DataFrame(
        dict(
            deviation=noise,
            kept=closed_forms.noisy_copies(noise, z),
            merged=closed_forms.merged_copies(noise, z),
        )
    )


def wide(errors: pd.DataFrame, reweighted: bool) -> pd.DataFrame:
    """Relative errors, a row per student and k, a column per method."""
    chosen = errors[errors.reweighted == reweighted]
    return chosen.pivot(index=[*STUDENT, "k"], columns="method", values="error")


def ratio(errors: pd.DataFrame, method: str, other: str, reweighted: bool = False) -> pd.DataFrame:
    """Error of a method over that of another one on the same student: a row per seed, a column per k."""
    table = wide(errors, reweighted)
    return (table[method] / table[other]).unstack("k")


def over_own(errors: pd.DataFrame, method: str, reweighted: bool) -> pd.DataFrame:
    """Error of a method over that of the student before pruning: a row per seed, a column per k."""
    chosen = errors[(errors.method == method) & (errors.reweighted == reweighted)]
    return chosen.assign(ratio=chosen.error / chosen.own).pivot(index=STUDENT, columns="k", values="ratio")


def off_closed_form(
    errors: pd.DataFrame, method: str, m: int, z: float | None = None, form: str | None = None
) -> pd.DataFrame:
    """|measured - closed form| of a method, relative errors: a row per seed, a column per k.

    z, form     of the formula, and the method that it is of; by default the students' own.
    """
    chosen = errors[(errors.method == method) & ~errors.reweighted]
    expected = FORMS[form or method](chosen.kept, chosen.over_realization if z is None else z, m)
    return chosen.assign(off=(chosen.error - expected).abs()).pivot(index=STUDENT, columns="k", values="off")


def edges_win(errors: pd.DataFrame) -> pd.DataFrame:
    """log2 of the error of DPP nodes over that of random edges, by z and kept share.

    A mean over students from even fan-outs and without label noise.
    """
    found = wide(errors[(errors.start == "even") & (errors.noise == 0)], reweighted=False)
    log = np.log2(found["DPP nodes"] / found["random edges"]).rename("edges_win").reset_index()
    width = errors[["over_realization", "k", "kept"]].drop_duplicates()
    return (
        log.merge(width, on=["over_realization", "k"])
        .groupby(["over_realization", "kept"])
        .edges_win.mean()
        .reset_index()
    )


def published_off(published: pd.DataFrame, z: float, m: int, fan_out: float, **other: str) -> pd.Series:
    """|published - closed form| of relative errors, the largest of each method.

    published   method, kept and loss; the loss of predicting zero is m v*^2 / 6.
    other       the methods whose closed form to take instead, by method (underscores are spaces).
    """
    other = {method.replace("_", " "): form for method, form in other.items()}
    off = {
        method: np.abs(
            6 * rows.loss / (m * fan_out**2) - FORMS[other.get(method, method)](rows.kept, z, m)
        ).max()
        for method, rows in published.groupby("method")
    }
    return pd.Series(off)


def sign_agreement(errors: pd.DataFrame, m: int, least: float) -> pd.DataFrame:
    """Whether trained students agree with the sign of the map, where the formula is not too near to 0.

    least       size of the formula's log2 from which on it tells.
    returns     a row per seed: the share of all over-realizations and k that agrees, and the share where
                random edges err less; students from even fan-outs without label noise.
    """
    clean = errors[(errors.start == "even") & (errors.noise == 0)]
    found = wide(clean, reweighted=False).reset_index()
    kept = found.k / (found.over_realization * m)
    formula = closed_forms.dpp_nodes(kept, found.over_realization, m) / closed_forms.random_edges(
        kept, found.over_realization
    )
    wins = found["DPP nodes"] > found["random edges"]
    told = np.abs(np.log2(formula)) >= least
    shares = pd.DataFrame(dict(seed=found.seed, agrees=wins == (formula > 1), edges_win=wins))[told]
    return shares.astype(dict(agrees=float, edges_win=float)).groupby("seed").mean()


def means(errors: pd.DataFrame, reweighted: bool) -> pd.DataFrame:
    """Geometric means of relative errors over students: a row per start and method, a column per k."""
    chosen = errors[errors.reweighted == reweighted]
    logs = chosen.assign(error=np.log(chosen.error))
    found = np.exp(logs.pivot_table(index=["start", "method"], columns="k", values="error"))
    return found.rename(columns=lambda k: f"k = {k}").rename_axis(columns=None).reset_index()


def by_noise(z: float, *parts: pd.DataFrame) -> pd.DataFrame:
    """Students of one over-realization from even fan-outs, of every label noise in some tables of errors."""
    errors = pd.concat(parts, ignore_index=True)
    return errors[(errors.start == "even") & (errors.over_realization == z)]


def gain(accuracies: pd.DataFrame, method: str, others: Sequence[str], reweighted: bool) -> pd.DataFrame:
    """Accuracy of a method minus that of the best of others: a row per network, a column per kept share.

    Each is a mean over draws; the best is chosen per network and share.
    """
    chosen = accuracies[accuracies.reweighted == reweighted]
    table = chosen.pivot(index=["seed", "kept"], columns="method", values="accuracy")
    return (table[method] - table[list(others)].max(axis=1)).unstack("kept")


def lost(accuracies: pd.DataFrame, method: str, reweighted: bool) -> pd.DataFrame:
    """Accuracy of the whole network minus that of a method: a row per network, a column per kept share."""
    chosen = accuracies[(accuracies.method == method) & (accuracies.reweighted == reweighted)]
    return chosen.assign(lost=chosen.own - chosen.accuracy).pivot(index="seed", columns="kept", values="lost")
