"""What the tables of the two-layer experiment say."""

import pandas as pd


def outcome(runs: pd.DataFrame) -> str:
    """One sentence on how many networks of a table ``runs`` diverged, and which; pictures leave those out."""
    keys = ["teacher_width", "data", "samples", "polarity", "over_realization", "seed"]
    last = runs.sort_values("epoch").groupby(keys, sort=False).status.last()
    broken = last[last != "ok"].reset_index()
    if broken.empty:
        return f"{len(last)} networks trained, none diverged"
    named = [
        f"{r.over_realization:g}x p={r.polarity:g} N={r.samples} {r.data} seed {r.seed}"
        for r in broken.itertuples()
    ]
    more = f" and {len(named) - 8} more" if len(named) > 8 else ""
    return (
        f"{len(broken)} of {len(last)} networks DIVERGED and are missing from the figures below "
        f"(a smaller learning_rate helps): {'; '.join(named[:8])}{more}"
    )
