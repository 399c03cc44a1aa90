"""What the chapter claims about its tables, with bars and what they must refuse."""

import pandas as pd

from companion.chapters.polygon.parameters import Parameters
from companion.chapters.polygon.tables import errors, share
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval

ERROR = 0.02  # of a share that darts measure


def exact_claims(areas: pd.DataFrame, spec: Parameters) -> list[Claim]:
    """Claims without an interval: one for each bar of the reader's."""
    return [
        Claim(
            **exact(areas.share.item()),
            id=f"polygon/share-{bar:g}",
            place="thm-polygon",
            at_least=bar,
            wrong=Wrong("a triangle", **exact(share(3))),
            sentence=f"The {spec.label} polygon of {spec.sides} sides fills the circle up to {bar:g}.",
        )
        for bar in spec.bars
    ]


def dart_claims(shares: pd.DataFrame, scale: str) -> list[Claim]:
    """The claim about thrown darts, with its interval over players: an error is positive, hence its scale."""
    another = errors(shares.assign(sides=shares.sides + 1))
    return [
        Claim(
            **mean_interval(errors(shares), "log"),
            id="polygon/darts",
            place="thm-polygon",
            scale=scale,
            at_most=ERROR,
            wrong=Wrong("the area of one more side", **mean_interval(another, "log")),
            sentence="Darts hit the polygon as often as its area says (mean absolute error of the share).",
        )
    ]
