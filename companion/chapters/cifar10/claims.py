"""What the chapter on CIFAR-10 claims about its tables; the bars were fixed before the laptop-scale run."""

import numpy as np
import pandas as pd

from companion.chapters.cifar10.tables import by_layer, outcomes
from companion.pages.claims import Claim
from companion.pages.statistics import bca_interval, mean_interval
from companion.runs.spec import Tables

BARS = {
    "gain": 0.01,  # in teacher-mean correlation of a layer, widest minus narrowest student
    "lowest": 0.0,  # layer 1 minus the highest other layer
    "gap": 0.02,  # test accuracy, teacher minus widest student
    "accuracy_gain": 0.0,  # test accuracy, widest minus narrowest student
    "together": 0.7,  # share of pairs of runs in which correlation and accuracy agree
    "selection": 0.01,  # test accuracy that selecting on the test images adds
}
PLACE = "CIFAR-10 figure"


def claims_about(tables: Tables, published: pd.DataFrame, scale: str) -> list[Claim]:
    """All claims of the chapter about one run of teacher and students, beside the published numbers.

    Those are of an un-pruned teacher.
    """
    found, reference = outcomes(tables), published[published.epoch == published.epoch.max()]
    accuracy = found.test_accuracy.unstack()
    narrow, wide = accuracy.columns[0], accuracy.columns[-1]
    accuracies = (
        reference.drop_duplicates("over_realization").set_index("over_realization").mean_test_accuracy
    )
    known = {ratio for ratio in (narrow, wide) if ratio in accuracies}
    both = len(known) == 2
    real = (tables["images"].dataset == "cifar10").all()
    note = f"{scale} scale: {'CIFAR-10' if real else 'patches of photographs'}"
    shared: dict = dict(scale=scale, place=PLACE, note=note)
    together = _together(found)
    return [
        *_specialization(by_layer(tables["units"]), reference, narrow, wide, shared),
        Claim(
            **mean_interval(found.gap.unstack()[wide]),
            id="cifar10/gap",
            **shared,
            at_most=BARS["gap"],
            published=published.teacher_accuracy.iloc[0] - accuracies[wide] if wide in known else None,
            sentence=f"The {wide:g}x student's accuracy approaches the teacher's "
            "(teacher minus student, test images).",
        ),
        Claim(
            **mean_interval(accuracy[wide] - accuracy[narrow]),
            id="cifar10/accuracy-gain",
            **shared,
            at_least=BARS["accuracy_gain"],
            published=accuracies[wide] - accuracies[narrow] if both else None,
            sentence=f"More over-realization, more accuracy ({wide:g}x minus {narrow:g}x, "
            "test images, paired over seeds).",
        ),
        Claim(
            **shared | together,
            id="cifar10/together",
            at_least=BARS["together"],
            sentence="Of two students, the one with the higher mean correlation is also "
            "the more accurate one (share of pairs).",
        ),
        Claim(
            **mean_interval(found.selection.groupby("seed").mean()),
            id="cifar10/selection",
            **shared | dict(place="released code"),
            at_most=BARS["selection"],
            sentence="Selecting the epoch on the test images, as released, instead of on validation "
            "images adds little to the reported test accuracy.",
        ),
    ]


def _specialization(
    layers: pd.DataFrame, reference: pd.DataFrame, narrow: float, wide: float, shared: dict
) -> list[Claim]:
    last = layers[layers.epoch == layers.epoch.max()]
    rho = last.pivot_table(
        index=["seed", "over_realization"], columns="layer", values="mean_best_correlation", dropna=False
    )
    theirs = reference.pivot_table(index="over_realization", columns="layer", values="mean_best_correlation")
    gain = rho.xs(wide, level=1) - rho.xs(narrow, level=1)
    margin = rho[1] - rho.drop(columns=1).max(axis=1, skipna=False)
    return [
        *(
            Claim(
                **mean_interval(gain[layer]),
                id=f"cifar10/gain-layer-{layer}",
                **shared,
                at_least=BARS["gain"],
                published=theirs.loc[wide, layer] - theirs.loc[narrow, layer]
                if {wide, narrow} <= set(theirs.index)
                else None,
                sentence=f"More over-realization, more specialization in layer {layer} "
                f"({wide:g}x minus {narrow:g}x, teacher-mean correlation, paired over seeds).",
            )
            for layer in gain.columns
        ),
        Claim(
            **mean_interval(margin.groupby("seed").mean()),
            id="cifar10/lowest",
            **shared,
            at_least=BARS["lowest"],
            published=(theirs[1] - theirs.drop(columns=1).max(axis=1)).mean(),
            sentence="The lowest layer specializes most "
            "(its correlation minus the highest of the other layers, mean over over-realizations).",
        ),
    ]


def _together(found: pd.DataFrame) -> dict:
    """Share of pairs of students with correlations and accuracies ordered alike; seeds resampled together."""
    x, y = (found[name].unstack().to_numpy() for name in ("mean_best_correlation", "test_accuracy"))
    if np.isnan(x + y).any() or x.size < 2:
        return dict(value=np.nan, low=np.nan, high=np.nan)

    def share(index: np.ndarray, axis: int) -> np.ndarray:
        drawn = [values[index.astype(int)].reshape(*index.shape[:-1], -1) for values in (x, y)]
        dx, dy = (np.sign(v[..., :, None] - v[..., None, :]) for v in drawn)
        return (dx * dy > 0).sum((-1, -2)) / np.maximum((dx != 0).sum((-1, -2)), 1)

    return bca_interval(np.arange(len(x)), share)
