"""What the tables of teacher and students say: which images ran, layers, accuracies, filters."""

import pandas as pd

from companion.runs.spec import Tables


def what_ran(images: pd.DataFrame) -> str:
    """Which images are behind a run, in words; ``images`` is the table of that name."""
    row = images.iloc[0]
    if row.dataset == "patches":
        return (
            "NOT CIFAR-10 but patches of ten photographs; the class is the photograph.\n"
            "python -m companion fetch cifar10 downloads the real images."
        )
    kind = (
        "the verified official archive"
        if row.official
        else "not the official archive as far as its checksums tell"
    )
    return f"CIFAR-10 (fingerprint {row.fingerprint}),\n{kind}."


def widths(channels: pd.DataFrame) -> pd.DataFrame:
    """Channels per layer before and after pruning."""
    return channels.groupby("layer").active.agg(before="size", after="sum")


def by_layer(units: pd.DataFrame) -> pd.DataFrame:
    """Teacher-mean best-student correlation, one row per seed, over_realization, epoch and layer."""
    keys = ["seed", "over_realization", "epoch", "layer"]
    means = units.groupby(keys).best_correlation.agg(lambda values: values.mean(skipna=False))
    return means.rename("mean_best_correlation").reset_index()


def levels(layers: pd.DataFrame, epoch: int) -> pd.DataFrame:
    """Correlations ``((seed, over_realization), layer)`` of one epoch, from a table of :func:`by_layer`."""
    return layers[layers.epoch == epoch].pivot_table(
        index=["seed", "over_realization"], columns="layer", values="mean_best_correlation", dropna=False
    )


def training(layers: pd.DataFrame) -> pd.DataFrame:
    """What training did to each layer: its correlation at the last epoch minus that at epoch 0."""
    return levels(layers, layers.epoch.max()) - levels(layers, 0)


def at_both_ends(layers: pd.DataFrame, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Mean over seeds of the correlation of each layer before and after training, by over_realization.

    published   the same columns without seeds: also their numbers, at the same epochs and at their last.
    """
    ends = [0, layers.epoch.max()]
    parts = {"ours": layers[layers.epoch.isin(ends)]}
    if published is not None:
        parts["published"] = published[published.epoch.isin([*ends, published.epoch.max()])]
    return pd.concat(parts, names=["students"]).pivot_table(
        index=["over_realization", "students", "epoch"], columns="layer", values="mean_best_correlation"
    )


def teacher_accuracy(epochs: pd.DataFrame, phase: str = "tuning") -> float:
    """Test accuracy of the teacher at the epoch that validation selected, fine-tuned or before pruning."""
    return float(epochs[(epochs.phase == phase) & epochs.selected].test_accuracy.iloc[0])


def outcomes(tables: Tables) -> pd.DataFrame:
    """One row per student, indexed by seed and over_realization, on test images.

    Each is seen at the epoch that validation selected.

    columns     test_accuracy, test_agreement; gap to the teacher; selection, what the best test epoch would
                add; mean_best_correlation over all layers at the last epoch.
    """
    runs, keys = tables["runs"], ["seed", "over_realization"]
    found = runs[runs.selected].set_index(keys)[["test_accuracy", "test_agreement"]]
    layers = by_layer(tables["units"])
    last = (
        layers[layers.epoch == layers.epoch.max()]
        .groupby(keys)
        .mean_best_correlation.agg(lambda v: v.mean(skipna=False))
    )
    return found.assign(
        gap=teacher_accuracy(tables["epochs"]) - found.test_accuracy,
        selection=runs.groupby(keys).test_accuracy.max() - found.test_accuracy,
        mean_best_correlation=last,
    )


def first_filters(tables: Tables, seed: int = 1) -> pd.DataFrame:
    """First-layer filters: every teacher filter, and its best student before and after.

    The student network is the widest of one seed.

    columns     label, teacher (active channel), colour, row, column, weight; best_correlation of that pair.
    """
    keys, pair = ["teacher", "colour", "row", "column"], ["epoch", "teacher"]
    chosen_ones = [
        table[(table.seed == seed) & (table.over_realization == table.over_realization.max())]
        for table in (tables["filters"], tables["units"].query("layer == 1"))
    ]
    found = chosen_ones[0].merge(chosen_ones[1][[*pair, "best_correlation"]], on=pair, validate="many_to_one")
    first, last = (found[found.epoch == epoch].sort_values(keys) for epoch in (0, found.epoch.max()))
    weights = tables["weights"].query("parameter == 'convs.0.weight'").sort_values("index").value.to_numpy()
    parts = {
        "teacher": first.assign(weight=weights, best_correlation=1.0),
        "student, before": first,
        "student, after": last,
    }
    return pd.concat([part.assign(label=label) for label, part in parts.items()], ignore_index=True)
