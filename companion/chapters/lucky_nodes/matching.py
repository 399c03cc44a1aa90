"""The perfectly matched case, trial by trial; one node that turns towards one teacher node."""

import math

import numpy as np
import pandas as pd
import torch

from companion.chapters.lucky_nodes.studies import Matched, Overlapping, RichGetRicher
from companion.experiments.tidy import tidy
from ts_core.data import gaussian
from ts_core.gradients import weight_gradients
from ts_core.networks import Network, two_layer
from ts_core.streams import stream
from ts_core.theory import matched as theory
from ts_core.theory.population import angle_rate
from ts_core.training.flow import trajectory

SLACK = 1e-9  # of a rate: what rounding may do to an inequality


def matched(cell: Matched) -> dict[str, pd.DataFrame]:
    """Trials of the perfectly matched case.

    paths       coupling, trial, time: angle (the largest), bound (of the theorem; NaN where gamma <= 0).
    trials      coupling, trial: gamma, checked (states), violated (states that turn slower than the bound
                says), loose (states that turn slower than the bound without its sum), late (states above the
                exponential bound), late_thrice (above one of three times the rate), start, end (largest
                angles).
    """
    paths, trials = [], []
    for number, level in enumerate(cell.couplings, start=1):
        w_t, w, beta = drawn(cell, level, stream(0, "matched", number))
        gamma = theory.margin(beta, cell.theta_0, cell.threshold)
        velocity = lambda w, beta=beta: (theory.velocity(w, w_t, beta, cell.threshold),)
        every = round(cell.interval / cell.step)
        (states,) = trajectory(velocity, (w,), cell.step, round(cell.horizon / cell.step), every)
        states = torch.nn.functional.normalize(states, dim=-1)
        time = cell.interval * np.arange(len(states))
        angle = torch.stack([theory.largest_angle(w, w_t)[0] for w in states]).numpy()
        turned = [theory.turning(w, w_t, beta, cell.threshold) for w in states]
        rate, bound, loose = (torch.stack(part).numpy() for part in zip(*turned))
        alive = angle > 1e-6  # below that a rate is rounding
        size = np.sin(angle / 2)
        promised = gamma.clamp(min=0).numpy()  # where gamma is not positive nothing is promised
        decay = math.cos(cell.theta_0 / 2) * promised * time[:, None]
        ceiling = lambda factor: size[0] * np.exp(-factor * decay)
        slow = lambda below: (alive & (rate < below - SLACK)).sum(0)
        above = lambda factor: (alive & (size > ceiling(factor) * (1 + SLACK)) & (gamma.numpy() > 0)).sum(0)
        trials.append(
            pd.DataFrame(
                {
                    "coupling": level,
                    "trial": range(cell.trials),
                    "gamma": gamma.numpy(),
                    "checked": alive.sum(0),
                    "violated": slow(bound),
                    "loose": slow(loose),
                    "late": above(1),
                    "late_thrice": above(3),
                    "start": angle[0],
                    "end": angle[-1],
                }
            )
        )
        limit = np.where(gamma.numpy() > 0, 2 * np.arcsin(np.minimum(ceiling(1), 1)), np.nan)
        index = pd.MultiIndex.from_product([time, range(cell.trials)], names=["time", "trial"])
        paths.append(
            index.to_frame(index=False).assign(coupling=level, angle=angle.ravel(), bound=limit.ravel())
        )
    return {"paths": pd.concat(paths, ignore_index=True), "trials": pd.concat(trials, ignore_index=True)}


def drawn(
    cell: Matched | Overlapping, coupling: float, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Teachers, students at angles from half of theta_0 up to it, overlaps of fan-outs."""
    m = cell.nodes
    v = np.eye(m) + coupling * rng.standard_normal((cell.trials, m, m))
    side = rng.standard_normal((cell.trials, m, m))
    side[:, range(m), range(m)] = 0
    side /= np.linalg.norm(side, axis=2, keepdims=True)
    angle = cell.theta_0 * rng.uniform(0.5, 1, (cell.trials, m, 1))
    w = np.cos(angle) * np.eye(m) + np.sin(angle) * side
    return torch.eye(m, dtype=torch.float64), torch.from_numpy(w), torch.from_numpy(v @ v.transpose(0, 2, 1))


def rates(cell: RichGetRicher) -> pd.DataFrame:
    """How fast a unit-norm student turns towards a unit-norm teacher node, both without bias, fan-outs 1.

    returns     angle, seed: rate on the samples (-dtheta/dt), expected (formula).
    """
    angles = np.linspace(math.pi / (cell.angles + 1), math.pi, cell.angles, endpoint=False)
    x = gaussian([stream(seed, "data") for seed in range(cell.seeds)], cell.samples, cell.input_dim, 1.0)
    one = torch.ones(1, 1, dtype=torch.float64)

    def node(angle: float) -> Network:
        rows = torch.zeros(1, cell.input_dim + 1, dtype=torch.float64)
        rows[0, 0], rows[0, 1] = math.cos(angle), math.sin(angle)
        return two_layer(rows, one)

    turned = []
    for angle in angles:
        pull = -weight_gradients(node(0.0), node(angle).spread(cell.seeds), x)[0][:, 0]
        turned.append(pull[:, 0] * math.sin(angle) - pull[:, 1] * math.cos(angle))
    found = tidy({"angle": angles, "seed": range(cell.seeds)}, rate=torch.stack(turned))
    return found.assign(expected=-angle_rate(torch.tensor(found.angle.to_numpy())).numpy())
