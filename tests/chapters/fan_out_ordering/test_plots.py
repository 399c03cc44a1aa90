"""Pictures of the chapter on fan-out ordering."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.fan_out_ordering import plots
from companion.pages import figures
from tests.pictures import close, words  # noqa: F401 (a fixture)


def ratios_and_polarities(**columns) -> pd.DataFrame:
    """Two polarities, two over-realizations, two seeds."""
    rows = [
        dict(polarity=p, over_realization=r, seed=seed)
        for p in (1.0, 2.0)
        for r in (1.0, 5.0)
        for seed in (1, 2)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_success_rates_name_both_epochs_in_the_legend():
    rates = pd.concat(
        [
            ratios_and_polarities(epoch=epoch, teacher=t, success_rate=epoch / 100)
            for epoch in (5, 100)
            for t in (1, 2)
        ]
    )
    rates = rates.query("seed == 1")
    _, axes = figures.figure(2, 2)
    plots.success_rates(rates, rates.assign(success_rate=0.5), axes)
    assert [line.get_linestyle() for line in axes[0, 0].lines[::2]] == [":", "-", ":", "-"]
    assert [line.get_ydata().tolist() for line in axes[0, 0].lines] == [
        [0.05] * 2,
        [0.5] * 2,
        [1.0] * 2,
        [0.5] * 2,
    ] * 2
    labels = [text.get_text() for text in axes[1, 0].get_legend().get_texts()]
    assert labels == ["1x student", "5x student", "after 5 epochs", "after 100 epochs", "published"]


def test_loss_curves_have_a_mean_a_band_and_published_points():
    losses = pd.concat(
        [ratios_and_polarities(epoch=epoch, log10_eval_loss=-epoch) for epoch in (0, 1)], ignore_index=True
    )
    losses.loc[losses.index[-1], "log10_eval_loss"] = np.nan
    _, axes = figures.figure(1, 2)
    plots.loss_curves(losses, losses.query("seed == 1"), axes)
    assert [(len(ax.lines), len(ax.collections)) for ax in axes.flat] == [(4, 2)] * 2
    assert [words([ax]) != "" for ax in axes.flat] == [False, True]


def test_a_student_keeps_the_colour_of_the_teacher_that_it_ends_at():
    rows = [
        dict(teacher=t, student=s, epoch=e, correlation=e * (0.9 if s == t else 0.1))
        for t in range(5)
        for s in range(3)
        for e in range(2)
    ]
    _, axes = figures.figure(2, 3)
    plots.convergence(pd.DataFrame(rows), axes)
    colours = [[line.get_color() for line in ax.lines] for ax in axes.flat[:5]]
    assert all(panel == colours[0] for panel in colours) and len(set(colours[0])) == 3
    assert len(axes[1, 2].get_legend().get_texts()) == 3


def test_levels_are_drawn_beside_what_the_bound_has_and_what_it_excludes():
    found = pd.DataFrame({"teacher": [0, 1, 2] * 2, "overlap": [4.0, 2, 1] * 2, "level": [2.0, 1, 0.5] * 2})
    _, axes = figures.figure(1, 1)
    ax = plots.gradient_levels(found, axes[0, 0])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["strongest node", "weakest node", "in proportion", "one level for all"]
    proportion, level = ax.lines
    assert proportion.get_ydata().tolist() == [0.5, 2.0] and set(level.get_ydata()) == {1.0}


def test_a_map_of_leads_marks_what_is_undecided():
    rows = [
        dict(teacher_width=m, polarity=p, epoch=e, value=p - 1, decided=p != 1)
        for m in (5, 10)
        for p in (0.0, 1.0, 2.0)
        for e in (1, 2)
    ]
    _, axes = figures.figure(1, 2)
    plots.where_wider_is_better(pd.DataFrame(rows), axes[0])
    for ax, m in zip(axes[0], (5, 10)):
        assert ax.get_title(loc="left") == f"m = {m}" or ax.get_title() == f"m = {m}"
        assert [text.get_text() for text in ax.texts] == ["", "", "·", "·", "", ""]
        assert [label.get_text() for label in axes[0, 0].get_yticklabels()] == ["2.0", "1.0", "0.0"]
