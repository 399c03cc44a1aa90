"""What the tables of the dynamics say."""

import numpy as np
import pandas as pd


def half_times(curves: pd.DataFrame) -> pd.DataFrame:
    """When each curve first exceeds strength / 2, linear between records: a row per curve, NaN if never."""
    keys = [name for name in curves.columns if name not in ("time", "learned")]
    wide = curves.pivot(index=keys, columns="time", values="learned")
    time, values = wide.columns.to_numpy(), wide.to_numpy()
    level = wide.index.get_level_values("strength").to_numpy() / 2
    after = (values > level[:, None]).argmax(1)  # 0 when there is none: a start is below half
    row, before = np.arange(len(values)), np.maximum(after - 1, 0)
    low, high = values[row, before], values[row, after]
    part = np.divide(level - low, high - low, out=np.full(len(values), np.nan), where=after > 0)
    return wide.index.to_frame(index=False).assign(
        half_time=time[before] + part * (time[after] - time[before])
    )
