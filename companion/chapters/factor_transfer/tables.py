"""What the tables of teachers and students say: accuracies against the best baseline, and correlations."""

import pandas as pd

from companion.pages.statistics import mean_interval

BASELINES = ["labels", "soft labels", "hints", "attention"]
GROUP = ["divisor", "labels"]


def sizes(teachers: pd.DataFrame, students: pd.DataFrame) -> pd.DataFrame:
    """Parameters of teacher and students, and the share of the teacher's."""
    own = int(teachers.parameters.iloc[0])
    found = students.drop_duplicates("divisor").sort_values("divisor")
    rows = {"teacher": own} | {
        f"student, channels / {row.divisor}": row.parameters for row in found.itertuples()
    }
    return pd.DataFrame({"parameters": rows}).assign(share=lambda of: of.parameters / own)


def by_method(students: pd.DataFrame) -> pd.DataFrame:
    """Test accuracies ``((divisor, labels, seed), method)``; NaN for students that diverged."""
    return students.pivot_table(index=[*GROUP, "seed"], columns="method", values="accuracy", dropna=False)


def best_baseline(students: pd.DataFrame) -> pd.Series:
    """The baseline of the highest mean accuracy over seeds, per divisor and number of labels."""
    means = by_method(students)[BASELINES].groupby(level=GROUP).mean()
    return means.idxmax(axis=1).rename("best")


def lead(students: pd.DataFrame, method: str, over: str | None = None) -> pd.Series:
    """Accuracy of a method minus that of another, paired: a value per divisor, number of labels and seed.

    over    by default the best baseline of each divisor and number of labels, which is the harder to beat as
            it is chosen by the same students.
    """
    accuracy = by_method(students)
    if over:
        return accuracy[method] - accuracy[over]
    best = best_baseline(students)
    rival = [accuracy.at[row, best[row[:2]]] for row in accuracy.index]
    return accuracy[method] - rival


def leads(students: pd.DataFrame, method: str = "factors") -> pd.DataFrame:
    """The lead over the best baseline, over seeds, a row per divisor and number of labels.

    columns     best (its name), value, low, high; verdict: ahead, behind, or tie.
    """
    own = lead(students, method)
    rows = [mean_interval(of) for _, of in own.groupby(level=GROUP)]
    found = pd.DataFrame(rows, index=best_baseline(students).index)
    ahead, behind = found.low > 0, found.high < 0
    verdict = ahead.map({True: "ahead", False: "tie"}).where(~behind, "behind")
    return found.assign(best=best_baseline(students), verdict=verdict).reset_index()


def methods(students: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy of each method with its interval over seeds, the best first; mean over all sizes."""
    each = by_method(students).groupby(level="seed").mean()
    rows = {name: mean_interval(values) for name, values in each.items()}
    return pd.DataFrame(rows).T.sort_values("value", ascending=False).rename_axis("method")


def own_minus_another(layers: pd.DataFrame, method: str, layer: int | None = None) -> pd.Series:
    """How much better channels of students match their own teacher than one they have not seen, per seed.

    layer   by default the top one. Mean over student channels of the best teacher channel's correlation,
            and over sizes and numbers of labels; empty if there is only one teacher.
    """
    layer = layer or layers.layer.max()
    rows = layers[(layers.method == method) & layers.trained & (layers.layer == layer)]
    match = rows.pivot_table(index=[*GROUP, "seed"], columns="teacher", values="by_student", dropna=False)
    if "another" not in match:
        return pd.Series(dtype=float)
    return (match.own - match.another).groupby("seed").mean()


def added(layers: pd.DataFrame) -> pd.DataFrame:
    """What training adds to the match of the top channels with either teacher: a row per method.

    columns     own, another: mean correlation of the best teacher channel, trained minus untrained, over
                student channels, sizes, numbers of labels and seeds.
    """
    top = layers[layers.layer == layers.layer.max()]
    before = top[~top.trained].groupby("teacher").by_student.mean()
    after = top[top.trained].groupby(["method", "teacher"], sort=False).by_student.mean().unstack()
    return after - before
