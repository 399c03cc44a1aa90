"""What the chapter on distillation from noise claims about its tables, with bars and what they refuse."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from companion.chapters.data_free.tables import (
    advantage,
    apart,
    divergences,
    evenness,
    gap,
    levels,
    one,
    reached,
    teachers,
)
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import mean_interval, within
from companion.runs.spec import Tables

BARS = {
    "shift": 0.1,  # nats per channel, in the layer where it is least
    "labels": 0.2,  # evenness of mean soft labels, batch minus stored statistics
    "advantage": 0.1,  # accuracy
    "close": 0.03,  # accuracy below the teacher's
    "consistent": 0.03,  # accuracy from seed to seed, and from one kind of statistics to another
    "rho": 0.05,  # below that of a student of images
    "more": 0.0,  # above that of a student of images
    "specialized": 0.9,  # mean best correlation, in the layer where it is least
}
LOOKED = "the bar was set after a first look at shorter runs"
CHANCE = 0.1
FEW, SOME = 0.1, 0.2  # shares of images at which wrong alternatives guess
NEARER = "the wrong alternative was a student that guesses at all images"


def shift_claims(tables: Tables, scale: str = "quick", where: str = "digits") -> list[Claim]:
    """What noise does to teachers that keep their stored statistics."""
    noise, real = (divergences(tables["shift"], name) for name in ("noise", "images"))
    fair, real_fair = (evenness(tables["labels"], name) for name in ("noise", "images"))
    least = noise.mean().idxmin()
    by_layer = ", ".join(f"{layer}: {value:.3f}" for layer, value in noise.mean().items())
    shared: dict[str, Any] = dict(place="obs-noise-shift", scale=scale)
    return [
        Claim(
            **positive(noise[least]),
            **shared,
            id=f"data-free/shift-{where.lower()}",
            at_least=BARS["shift"],
            wrong=Wrong("test images in place of noise", **positive(real.max(axis=1))),
            note=f"by layer: {by_layer}",
            sentence="Noise moves the moments of every layer of a teacher away from the stored ones (mean "
            f"divergence of its channels in the layer where it is least; {where}).",
        ),
        Claim(
            **mean_interval(fair.batch - fair.stored),
            **shared,
            id=f"data-free/labels-{where.lower()}",
            at_least=BARS["labels"],
            wrong=Wrong("test images in place of noise", **mean_interval(real_fair.batch - real_fair.stored)),
            note=f"evenness {fair.stored.mean():.2f} stored, {fair.batch.mean():.2f} batch",
            sentence="With batch statistics the teacher's soft labels of noise spread more evenly over the "
            f"classes (entropy of the mean label over log 10, difference; {where}).",
        ),
    ]


def accuracy_claims(accuracy: pd.DataFrame, scale: str = "quick", where: str = "digits") -> list[Claim]:
    """What students of noise reach, beside their teachers and students of images."""
    batch = reached(accuracy, "noise", "batch")
    images = reached(accuracy, "images", "stored")
    same = images.recalibrated - images.max(axis=1)
    unlike = guessed(batch.recalibrated, SOME)
    shared: dict[str, Any] = dict(place="obs-noise-close", scale=scale)
    close = [
        Claim(
            **mean_interval(gap(accuracy, source, statistics)),
            **shared,
            id=f"data-free/close-{name}-{where.lower()}",
            at_most=BARS["close"],
            wrong=Wrong(
                "teachers that guess at one image in ten",
                **mean_interval(guessed(teachers(accuracy).stored, FEW)),
            ),
            changed=NEARER,
            sentence=f"Students of {words} come close to their teachers (accuracy below the teacher's, "
            f"recalibrated; {where}).",
        )
        for name, words, source, statistics in (
            ("noise", "noise that is labelled with batch statistics", "noise", "batch"),
            ("matched", "noise with the images' mean and covariance", "matched noise", "stored"),
            ("images", "the teacher's own training images", "images", "stored"),
        )
    ]
    return [
        Claim(
            **mean_interval(advantage(accuracy, "batch", "stored")),
            **shared,
            id=f"data-free/batch-{where.lower()}",
            at_least=BARS["advantage"],
            wrong=Wrong("one student of images, by its statistics", **mean_interval(same)),
            sentence="Noise students whose teacher normalizes with batch statistics are better than those of "
            f"stored ones at their best (accuracy, recalibrated minus best of three; {where}).",
        ),
        *close,
        Claim(
            **positive(apart(batch.recalibrated)),
            **shared,
            id=f"data-free/consistent-{where.lower()}",
            at_most=BARS["consistent"],
            wrong=Wrong("as unlike as if one guessed at one image in five", **positive(unlike)),
            changed=NEARER,
            sentence="Such students are consistent from seed to seed (|accuracy − mean of the other seeds|; "
            f"{where}).",
        ),
        Claim(
            **positive((batch.batch - batch.stored).abs()),
            **shared,
            id=f"data-free/statistics-{where.lower()}",
            at_most=BARS["consistent"],
            wrong=Wrong("as unlike as if one guessed at one image in five", **positive(unlike)),
            changed=NEARER,
            sentence="Nor does it matter whether they normalize with the test batch or with moments of noise "
            f"(|difference of accuracies|; {where}).",
        ),
    ]


def more_noise_claim(accuracy: pd.DataFrame, fewer: pd.DataFrame, where: str) -> Claim:
    """Whether more noise closes the gap; the same teachers' students of fewer inputs are not close."""
    inputs = lambda table: f"{table.samples.iloc[0]:,}"
    of = lambda table: mean_interval(gap(table, "noise", "batch"))
    return Claim(
        **of(accuracy),
        place="obs-noise-close",
        scale="laptop",
        id=f"data-free/close-more-noise-{where.lower()}",
        at_most=BARS["close"],
        wrong=Wrong(f"students of {inputs(fewer)} inputs", **of(fewer)),
        sentence=f"Students of {inputs(accuracy)} inputs of noise labelled with batch statistics come close "
        f"to their teachers (accuracy below the teacher's, recalibrated; {where}).",
    )


def specialization_claims(units: pd.DataFrame, scale: str = "quick", where: str = "digits") -> list[Claim]:
    """Whether a student of noise specializes as one of images does: best correlations on test images."""
    noise, images = levels(units, "noise", "batch"), levels(units, "images", "stored")
    start = levels(units, "noise", "batch", trained=False)
    least, top = noise.mean().idxmin(), noise.columns.max()
    shared: dict[str, Any] = dict(place="rem-noise-rho", scale=scale)
    return [
        Claim(
            **mean_interval(images[top] - noise[top]),
            **shared,
            id=f"data-free/rho-top-{where.lower()}",
            at_most=BARS["rho"],
            wrong=Wrong("the student before training", **mean_interval(images[top] - start[top])),
            sentence="In the top layer students of noise correlate with teacher channels as students of "
            f"images do (mean best correlation, images minus noise; {where}).",
        ),
        Claim(
            **mean_interval(noise[least], "correlation"),
            **shared,
            id=f"data-free/specialized-{where.lower()}",
            at_least=BARS["specialized"],
            wrong=Wrong("the student before training", **mean_interval(start[least], "correlation")),
            changed=LOOKED,
            sentence="Students of noise specialize: every teacher channel has its student channel (mean best "
            f"correlation on test images, in the layer where it is least; {where}).",
        ),
    ]


def lower_layers_claim(units: pd.DataFrame, scale: str, where: str) -> Claim:
    """Below the top layer, where noise observes more than images do."""
    below = lambda source, statistics, trained=True: (
        levels(units, source, statistics, trained=trained).iloc[:, :-1].mean(axis=1)
    )
    noise, images = below("noise", "batch"), below("images", "stored")
    start = below("noise", "batch", trained=False)
    return Claim(
        **mean_interval(noise - images),
        place="rem-noise-rho",
        scale=scale,
        id=f"data-free/rho-lower-{where.lower()}",
        at_least=BARS["more"],
        wrong=Wrong("the student before training", **mean_interval(start - images)),
        changed="it asked whether noise gives at most .05 less, in the lowest layer; shorter runs gave more",
        sentence="Below the top layer students of noise specialize more than students of images (mean best "
        f"correlation on test images, noise minus images; {where}).",
    )


def all_claims(tables: Tables, scale: str = "quick", where: str = "digits") -> list[Claim]:
    """All of them on students of one length and width."""
    return [
        *shift_claims(tables, scale, where),
        *accuracy_claims(tables["accuracy"], scale, where),
        *specialization_claims(tables["units"], scale, where),
    ]


def sweep_claims(stored: Mapping[str, Tables]) -> list[Claim]:
    """The same of stored sweeps: students on digits that saw the most inputs, and on CIFAR-10."""
    longest = stored.get("data_free_long", stored.get("data_free"))
    parts = (("digits", longest), ("CIFAR-10", stored.get("data_free_cifar10")))
    claims = []
    for where, tables in parts:
        if tables is not None:
            chosen = {name: one(table) for name, table in tables.items()}
            claims += all_claims(chosen, "laptop", where)
            claims.append(lower_layers_claim(chosen["units"], "laptop", where))
    for where, more, fewer in (
        ("digits", "data_free_million", "data_free"),
        ("CIFAR-10", "data_free_cifar10_long", "data_free_cifar10"),
    ):
        if more in stored and fewer in stored:
            accuracy, less = (one(stored[name]["accuracy"]) for name in (more, fewer))
            claims.append(more_noise_claim(accuracy, less, where))
    return claims


def guessed(accuracy: pd.Series, share: float) -> pd.Series:
    """The accuracy that is lost by guessing at a share of the images."""
    return share * (accuracy - CHANCE)


def positive(values: pd.Series) -> dict:
    """A mean over seeds of what cannot be below 0."""
    return within(mean_interval(values), low=0.0)
