"""What the tables of students and attacks say."""

import numpy as np
import pandas as pd

from companion.pages import statistics

KEYS = ["method", "noise", "seed"]
FREE = "free"


def attack_losses(attacks: pd.DataFrame, radius: float) -> pd.DataFrame:
    """Losses of the attacks of one radius: a row per student (method, noise, seed), a column per attack.

    "clean" among them, the loss without attack.
    """
    chosen = attacks[(attacks.radius == radius) | (attacks.attack == "clean")]
    return chosen.pivot_table(index=KEYS, columns="attack", values="loss")


def added(attacks: pd.DataFrame, radius: float) -> pd.DataFrame:
    """What each attack adds to the loss without attack; shape as in :func:`attack_losses`."""
    losses = attack_losses(attacks, radius)
    return losses.sub(losses.clean, axis=0).drop(columns="clean")


def at(table: pd.DataFrame, method: str, noise: float = 0.0) -> pd.DataFrame:
    """The students of one method and noise ratio, one row per seed."""
    return table.xs((method, noise), level=("method", "noise"))


def ranked(runs: pd.DataFrame, attacks: pd.DataFrame, radius: float, attack: str = FREE) -> pd.DataFrame:
    """Specialization beside what an attack adds, one row per student that was trained.

    added       loss under attack minus the loss at the same inputs without it; 0 at the *convergence floor*,
                where that difference is below the loss without attack: what is left there is training.
    """
    losses = attack_losses(attacks, radius).reset_index()
    more = losses[attack] - losses.clean
    losses["added"] = more.where(more > losses.clean, 0.0)
    found = runs.merge(losses[[*KEYS, "added", "clean", attack]], on=KEYS)
    return found[found.method != "start"].rename(columns={attack: "loss"})


def rank_correlation(table: pd.DataFrame, by: str = "rho_full", of: str = "added") -> pd.Series:
    """Spearman's correlation of two columns over the students of a seed, ties averaged: a value per seed."""
    return table.groupby("seed").apply(
        lambda rows: statistics.rank_correlation(rows[by], rows[of]), include_groups=False
    )


def ratio(table: pd.DataFrame, one: str, other: str) -> pd.Series:
    """One column over another, per seed."""
    return table[one] / table[other]


def growth(attacks: pd.DataFrame, method: str, noise: float) -> pd.Series:
    """Exponent of the adversarial loss in the radius, from the smallest to the largest, per seed."""
    rows = attacks[(attacks.attack == FREE) & (attacks.method == method) & (attacks.noise == noise)]
    wide = rows.pivot(index="seed", columns="radius", values="loss")
    least, most = wide.columns.min(), wide.columns.max()
    return np.log(wide[most] / wide[least]) / np.log(most / least)


def over_predicted(attacks: pd.DataFrame, method: str, noise: float = 0.0) -> pd.DataFrame:
    """Adversarial loss over the predicted one: a row per seed, a column per radius."""
    rows = attacks[(attacks.attack == FREE) & (attacks.method == method) & (attacks.noise == noise)]
    return rows.assign(over=rows.loss / rows.predicted).pivot(index="seed", columns="radius", values="over")


def gaps(layers: pd.DataFrame, when: str) -> pd.DataFrame:
    """Correlation in S minus that on full-rank inputs: a row per seed, a column per layer."""
    rows = layers[layers.when == when]
    wide = rows.pivot(index=["seed", "layer"], columns="inputs", values="correlation")
    return (wide["in S"] - wide["full rank"]).unstack()


def shares_of(moved: pd.DataFrame) -> pd.DataFrame:
    """Adversarial loss of each kind of augmentation over that without: a row per seed, a column per kind."""
    wide = moved.pivot(index="seed", columns="kind", values="loss")
    return wide.div(wide["none"], axis=0)


def at_equal(table: pd.DataFrame) -> pd.DataFrame:
    """Students of images in the state of equal agreement, by method, moved and seed (inputs and layer)."""
    keys = [key for key in ("method", "moved", "seed", "inputs", "layer") if key in table]
    return table[table.when == "equal"].set_index(keys).sort_index()


def on_images(students: pd.DataFrame, layers: pd.DataFrame, inputs: str) -> pd.DataFrame:
    """A row per student at equal agreement: rho, the mean over layers on these inputs, and added.

    added       loss under the free attack minus the loss without.
    """
    equal = at_equal(students)
    rho = at_equal(layers).rho.xs(inputs, level="inputs").groupby(level=["method", "moved", "seed"]).mean()
    return equal.assign(added=equal.free - equal.clean, rho=rho).reset_index()


def by_layer(layers: pd.DataFrame, method: str, moved: float, inputs: str) -> pd.DataFrame:
    """Correlations at equal agreement of students of one way: a row per seed, a column per layer."""
    return (
        at_equal(layers)
        .rho.xs((method, moved), level=("method", "moved"))
        .xs(inputs, level="inputs")
        .unstack()
    )
