"""What the chapter claims about its tables; the bars were fixed before the runs."""

import pandas as pd

from companion.chapters.polygon.parameters import Parameters
from companion.chapters.polygon.tables import errors
from companion.pages.claims import Claim, count
from companion.pages.statistics import measured

ERROR = 0.02  # of a share that darts measure


def exact_claims(areas: pd.DataFrame, spec: Parameters) -> list[Claim]:
    """Claims without an interval: one for each bar of the reader's."""
    return [
        count(
            areas.share.item(),
            id=f"polygon/share-{bar:g}",
            place="Elements XII, 2",
            at_least=bar,
            sentence=f"The {spec.label} polygon of {spec.sides} sides fills the circle up to {bar:g}.",
        )
        for bar in spec.bars
    ]


def dart_claims(shares: pd.DataFrame, scale: str) -> list[Claim]:
    """The claim about thrown darts, with its interval over players."""
    return [
        Claim(
            **measured(errors(shares)),
            id="polygon/darts",
            place="area formula",
            scale=scale,
            at_most=ERROR,
            sentence="Darts hit the polygon as often as its area says (mean absolute error of the share).",
        )
    ]
