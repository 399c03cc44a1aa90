"""What the chapter on factor transfer claims about its tables, with bars and what they must refuse."""

from typing import Any

import pandas as pd

from companion.chapters.factor_transfer.tables import (
    BASELINES,
    added,
    by_method,
    lead,
    leads,
    own_minus_another,
)
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval

BARS = {
    "identity": 1e-12,  # relative, float64
    "best": 0.0,  # accuracy, factors minus the best baseline
    "labels": 0.02,  # accuracy, factors minus labels alone
    "printed": 0.02,  # accuracy, released loss minus the printed one
    "squared": 0.5,  # of the variance of feature maps, what a reconstruction leaves
    "linear": 1.0,  # absolute error of a paraphraser over that of a projection
    "own": 0.05,  # correlation of the top layer with the own teacher minus that with another
}


def identity_claim(errors: pd.DataFrame) -> Claim:
    """What a factor cannot tell."""
    return Claim(
        **exact(errors.unmixed.max()),
        id="factor/mixing",
        place="prop-mixing",
        at_most=BARS["identity"],
        wrong=Wrong("the same translator", **exact(errors.same.min())),
        note=f"{len(errors)} random translators and mixings, float64",
        sentence="Feature maps with mixed channels have the same factor, by a translator that unmixes them "
        "(largest relative difference).",
    )


def named(values: pd.Series) -> str:
    """Numbers by method, for a note."""
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())


def per_seed(values: pd.Series) -> pd.Series:
    """Mean over sizes and numbers of labels of each seed; NaN where one of them is."""
    return values.groupby("seed").agg(lambda of: of.mean(skipna=False))


def best_claim(
    students: pd.DataFrame,
    scale: str,
    name: str = "best-baseline",
    where: str = "mean over sizes and numbers of labels",
) -> Claim:
    """Factors against the best of the others, in accuracy and paired over seeds."""
    found, means = leads(students), by_method(students).mean()
    each = "; ".join(
        f"channels / {row.divisor}, {row.labels} labels: {row.value:+.3f} over {row.best} ({row.verdict})"
        for row in found.itertuples()
    )
    return Claim(
        **over(students, "factors"),
        place="obs-transfer",
        scale=scale,
        id=f"factor/{name}",
        changed="the wrong alternative was the labels alone, which few seeds do not refuse",
        at_least=BARS["best"],
        wrong=Wrong("the worst of the others", **over(students, means[BASELINES].idxmin())),
        note=each + "; means: " + named(means),
        sentence="Factor transfer beats the best of labels, soft labels, hints and attention transfer (test "
        f"accuracy, factors minus the best baseline, paired over seeds, {where}).",
    )


def over(students: pd.DataFrame, method: str, other: str | None = None) -> dict:
    """Mean lead of a method with its interval over seeds; ``other`` is by default the best baseline."""
    return mean_interval(per_seed(lead(students, method, other)))


def transfer_claims(students: pd.DataFrame, scale: str) -> list[Claim]:
    """Accuracies, paired over seeds."""
    fewest = students.labels.min()
    few = students[students.labels == fewest]
    return [
        best_claim(students, scale),
        Claim(
            **over(few, "factors", "labels"),
            place="obs-transfer",
            scale=scale,
            id="factor/labels",
            at_least=BARS["labels"],
            wrong=Wrong("the printed loss", **over(few, "factors, as printed", "labels")),
            sentence=f"With few labels, {fewest}, factor transfer beats the labels alone (test accuracy, "
            "paired over seeds, mean over sizes).",
        ),
        Claim(
            **over(students, "factors", "factors, as printed"),
            id="factor/printed",
            place="rem-printed",
            scale=scale,
            at_least=BARS["printed"],
            changed="the wrong alternative was the difference with its sign turned",
            wrong=Wrong(
                "the printed loss over the labels alone", **over(students, "factors, as printed", "labels")
            ),
            sentence="The mean over entries of the released loss, not the printed norm, is what works with "
            "the released weight (test accuracy, released minus printed, paired over seeds).",
        ),
    ]


def paraphraser_claims(paraphrasers: pd.DataFrame, scale: str) -> list[Claim]:
    """Reconstructions of feature maps of test images."""
    errors = paraphrasers.pivot_table(index="seed", columns="reading", values=["absolute", "squared"])
    squared, absolute = errors["squared"], errors["absolute"]
    shared: dict[str, Any] = dict(place="def-factor", scale=scale)
    return [
        Claim(
            **mean_interval(squared.paraphraser, "log"),
            **shared,
            id="factor/reconstruction",
            at_most=BARS["squared"],
            wrong=Wrong("untrained", **mean_interval(squared.untrained, "log")),
            note=f"a projection leaves {mean_interval(squared.linear, 'log')['value']:.3f}",
            sentence="A paraphraser reconstructs feature maps of test images (squared error over the "
            "variance of the channels, geometric mean over teachers).",
        ),
        Claim(
            **mean_interval(absolute.paraphraser / absolute.linear, "log"),
            **shared,
            id="factor/linear",
            at_most=BARS["linear"],
            wrong=Wrong("untrained", **mean_interval(absolute.untrained / absolute.linear, "log")),
            sentence="It does so better than a projection onto as many principal components (absolute error, "
            "which it minimizes, over that of the projection, geometric mean over teachers).",
        ),
    ]


def specialization_claim(layers: pd.DataFrame, scale: str) -> Claim:
    """Whether channels become those of the teacher whose factors were taught."""
    found = lambda method: mean_interval(own_minus_another(layers, method))
    methods, gains = layers.method.unique(), added(layers).reindex(columns=["own", "another"])
    by_layer = lambda layer: [own_minus_another(layers, method, layer).mean() for method in methods]
    told = {
        "top layer": by_layer(None),
        "middle layer": by_layer(2),
        "training adds, own teacher": gains.own,
        "another": gains.another,
    }
    rows = pd.DataFrame(told, index=methods).itertuples()
    return Claim(
        **found("factors"),
        id="factor/specialization",
        changed="the bar was .02, within what few seeds leave open for students of the labels alone",
        place="obs-channels",
        scale=scale,
        at_least=BARS["own"],
        wrong=Wrong("students of the labels alone", **found("labels")),
        note=" / ".join(told)
        + ": "
        + "; ".join(f"{name} " + " / ".join(f"{value:.3f}" for value in values) for name, *values in rows),
        sentence="Factor transfer specializes: the top channels of a student match those of its own teacher "
        "better than those of one that it has not seen (correlation of the best channel, mean over "
        "the student's, sizes and numbers of labels).",
    )
