"""Premises of the small-gradient theorem and what violates it, counted; the dots of its picture."""

import pandas as pd


def counts(table: pd.DataFrame, slack: float = 1.0) -> pd.DataFrame:
    """One row per theorem: true premises, those with a bound below 1, violations of each conclusion.

    slack       how many times the theorem's threshold the gradient may reach; 1 is the theorem.
    """
    true = table[table.gradient < slack * table.threshold]
    telling = true[true.bound < 1]
    groups = {
        "pairs": table,
        "premises": true,
        "violations": true[~true.conclusion],
        "telling_premises": telling,
        "angle_violations": telling[telling.sine_near > telling.bound],
        "bias_violations": telling[telling.bias_gap > telling.bias_bound],
        "conclusion_false": table[~table.conclusion],
    }
    sizes = {name: rows.groupby("kind").size() for name, rows in groups.items()}
    return (
        pd.DataFrame(sizes, index=pd.unique(table.kind))
        .fillna(0)
        .astype(int)
        .rename_axis("kind")
        .reset_index()
    )


def scatter(table: pd.DataFrame) -> pd.DataFrame:
    """The paper's bound and the angle it bounds, at the largest radius: per seed, checkpoint, teacher node.

    ratio       smallest max|g_k| / |alpha_kj| over the student nodes k.
    bound       its paper_epsilon, vacuous from 1 on.
    sine        of the angle between the teacher node and the nearest student node.
    binds       the bound is below 1, and the ratio no smaller than what the smallest radius asks for: below
                that, the samples' steps are larger than the bound needs, and no dot could refute it.
    """
    smallest = (table.threshold / table.overlap).groupby([table.kind, table.slope]).min()
    widest = table[table.delta == table.groupby("kind").delta.transform("max")]
    key = ["kind", "slope", "seed", "checkpoint", "teacher"]
    best = widest.sort_values([*key, "paper_epsilon", "student"]).drop_duplicates(key)
    best = best.assign(ratio=best.gradient / best.overlap)[
        [*key, "loss", "ratio", "paper_epsilon", "sine_student"]
    ]
    best = best.rename(columns={"paper_epsilon": "bound", "sine_student": "sine"}).reset_index(drop=True)
    asked = smallest.loc[pd.MultiIndex.from_frame(best[["kind", "slope"]])].to_numpy()
    return best.assign(binds=(best.bound < 1) & (best.ratio >= asked))
