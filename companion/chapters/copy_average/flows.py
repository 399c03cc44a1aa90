"""Random students followed along the gradient flow to their end, and what they look like there."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.copy_average.landscape import Landscape
from companion.chapters.copy_average.settling import settle
from companion.chapters.copy_average.studies import Flows
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.streams import stream

GONE = 1e-3  # norm below which a ReLU node is lost: there the flow has no direction


def run(spec: Flows) -> Tables:
    """Tables ``runs``, ``nodes`` and ``weights``, as described at :meth:`Flows.run`."""
    land = Landscape(spec.activation, spec.students, spec.teachers, spec.teachers + 1)
    start = random_start(spec, land)
    length = lambda theta: land.parts(theta)[0].norm(dim=2)
    homogeneous = spec.activation == "relu"
    gone = (lambda theta: length(theta).amin(1) < GONE) if homogeneous else None
    end = settle(land.gradient, land.hessian, start, tolerance=spec.tolerance, lost=gone)
    w, a = land.parts(end.state)
    overlaps = w[..., : spec.teachers] * a.sign()[..., None]  # erf is odd; a ReLU node keeps a > 0
    largest, own = overlaps.abs().topk(2, dim=2)
    averaging = largest[..., 1] > spec.dominance * largest[..., 0]
    lost = gone(end.state) if gone else torch.zeros_like(end.at_rest)
    first_a = land.parts(start)[1]
    runs = tidy(
        {"start": range(1, spec.starts + 1)},
        status=np.select([lost, end.at_rest], ["lost", "ok"], "moving"),
        loss=land.loss(end.state),
        time=end.time,
        averaging=averaging.sum(1),
        doomed=(first_a < -length(start)).any(1),
        kind=kinds(own[..., 0], averaging),
    )
    nodes = tidy(
        {"start": range(1, spec.starts + 1), "node": range(1, spec.students + 1)},
        outgoing=a,
        norm=length(end.state),
        own=own[..., 0] + 1,
        first=largest[..., 0],
        second=largest[..., 1],
    )
    here = dict(activation=spec.activation, n=spec.students, k=spec.teachers)
    at_rest = runs.status == "ok"
    shown = runs[at_rest].drop_duplicates("kind")
    rows = w * a.sign()[..., None]
    weights = [in_order(rows[i], own[i, :, 0], averaging[i]).assign(kind=runs.kind[i]) for i in shown.index]
    nodes = nodes[np.repeat(at_rest.to_numpy(), spec.students)]
    return {
        "runs": runs.assign(**here),
        "nodes": nodes.merge(runs[["start", "kind"]], on="start").assign(**here),
        "weights": pd.concat(weights, ignore_index=True).assign(**here) if weights else pd.DataFrame(),
    }


def random_start(spec: Flows, land: Landscape) -> Tensor:
    """Normal weights of both layers, a stream per start: ``(e, n d + n)``."""
    drawn = [
        stream(seed, "start").standard_normal(land.n * (land.d + 1)) for seed in range(1, spec.starts + 1)
    ]
    return spec.start_scale * torch.from_numpy(np.stack(drawn))


def kinds(own: Tensor, averaging: Tensor) -> list[str]:
    """Of students at rest, by the owner of each node (its largest overlap) and which average, ``(e, n)``."""
    found = []
    for owners, several in zip(own.tolist(), averaging.tolist()):
        copied = [owner for owner, average in zip(owners, several) if not average]
        different = len(set(copied)) == len(copied)
        found.append({0: "copies", 1: "copy-average"}.get(sum(several), "other") if different else "other")
    return found


def in_order(rows: Tensor, own: Tensor, averaging: Tensor) -> pd.DataFrame:
    """One student's rows ``(n, d)``, copies first; the teacher nodes in the order of their copies."""
    nodes = averaging.int().sort(stable=True).indices
    copied = [own[i].item() for i in nodes if not averaging[i]]
    others = [j for j in range(rows.shape[1] - 1) if j not in copied]
    order = [*dict.fromkeys(copied), *others, rows.shape[1] - 1]
    shown = rows[nodes][:, order]
    return tidy({"node": range(1, len(rows) + 1), "input": range(1, rows.shape[1] + 1)}, weight=shown)
