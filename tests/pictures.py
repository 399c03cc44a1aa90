"""What tests of pictures share."""

import matplotlib.pyplot as plt
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def words(axes) -> str:
    """Everything that is written inside some panels."""
    return " ".join(text.get_text() for ax in np.ravel(axes) for text in ax.texts)
