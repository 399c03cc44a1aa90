"""Students on any kind and number of samples: their inputs, and whose students they are."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.cluster.vq import kmeans2

from companion.chapters.finite_data import photographs
from companion.chapters.finite_data.inputs import axis_steps, drawn, training_inputs, triples
from companion.chapters.finite_data.specialization import largest_gradient, looked_at
from companion.chapters.finite_data.studies import Specialization
from companion.chapters.finite_data.sweeps import OTHER_INPUTS, SAMPLES_NEEDED, small_step
from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.spec import SpecError
from ts_core.data import gaussian
from ts_core.gradients import by_autograd
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers

LAWS = ("gaussian", "cube", "student-t", "mixture", "sphere", "corners")
SMALL = dict(input_dim=12, outputs=6, teacher_width=3, samples=36, steps_per_epoch=50, eval_samples=64)


@pytest.mark.parametrize("law", LAWS)
def test_every_law_has_the_standard_deviation_and_streams_of_its_own(law):
    x = drawn(law, (1, 2), "data", 4000, 8, 1.5)
    assert x.shape == (2, 4000, 8) and x.dtype == torch.float64
    if law != "mixture":  # whose five centres are a small sample
        assert x.square().mean().sqrt().item() == pytest.approx(1.5, rel=0.05)
    assert torch.equal(x[1], drawn(law, (2,), "data", 4000, 8, 1.5)[0])
    assert not torch.equal(x, drawn(law, (1, 2), "evaluation", 4000, 8, 1.5))


def clusters(x: torch.Tensor, count: int) -> list[torch.Tensor]:
    """Samples by the cluster that k-means finds them in."""
    _, label = kmeans2(x.numpy(), count, minit="++", rng=np.random.default_rng(0))
    return [x[torch.from_numpy(label == i)] for i in range(count)]


def test_laws_look_as_they_are_called():
    at = lambda law: drawn(law, (3,), "data", 3000, 6, 2.0)[0]
    assert at("cube").abs().max() <= 2 * math.sqrt(3)
    assert at("sphere").norm(dim=1).sub(2 * math.sqrt(6)).abs().max() < 1e-12
    assert (at("corners").abs() - 2).abs().max() < 6 * 0.2
    assert at("student-t").abs().max() > 4 * 2.0 > at("cube").abs().max()
    within = torch.stack([c.var(0).mean() for c in clusters(at("mixture"), 5)])
    assert within.mean().sqrt().item() == pytest.approx(2 / math.sqrt(2), rel=0.1)
    with pytest.raises(ValueError, match="law must be gaussian, .*, got 'cauchy'"):
        drawn("cauchy", (1,), "data", 2, 2, 1.0)


def test_a_mixture_is_evaluated_on_the_clusters_that_it_is_trained_on():
    one, other = (drawn("mixture", (5,), purpose, 5000, 4, 3.0)[0] for purpose in ("data", "evaluation"))
    assert (one.mean(0) - other.mean(0)).abs().max() < 0.3


def test_small_triples_lie_on_the_planes_and_step_off_them_by_the_radius():
    rows = two_layer_teachers([stream(1, "teacher")], 12, 3, 6, [0.0]).weights[0]
    x = triples((1,), rows, 30, 0.25, 1.5)
    assert x.shape == (1, 36, 12)  # 12 triples: a multiple of the 3 teacher nodes
    z = (x[0] @ rows[0, :, :-1].T + rows[0, :, -1]).reshape(3, 3, 4, 3)  # of: step, node, point
    for step, size in enumerate((0.0, 0.25, -0.25)):
        for node in range(3):
            assert z[step, node, :, node].sub(size).abs().max() < 1e-12


def test_axis_steps_are_the_neighbours_along_every_axis():
    x = gaussian([stream(1, "data")], 2, 3)
    steps = axis_steps(x, 0.5).reshape(2, 7, 3) - x[0][:, None]
    assert torch.equal(steps[0, 0], torch.zeros(3, dtype=torch.float64))
    expected = torch.cat([0.5 * torch.eye(3), -0.5 * torch.eye(3)]).double()
    assert (steps[:, 1:] - expected).abs().max() < 1e-15


def test_an_augmentation_is_rounded_up_and_an_unknown_kind_refused():
    rows = two_layer_teachers([stream(1, "teacher")], 12, 3, 6, [0.0]).weights[0]
    sizes = {
        kind: training_inputs(kind, "gaussian", (1,), rows, 40, 0.5, 1.5).shape[1]
        for kind in ("random", "aware", "plane", "agnostic")
    }
    assert sizes == {"random": 40, "aware": 45, "plane": 45, "agnostic": 50}
    with pytest.raises(ValueError, match="data must be random, aware, plane or agnostic, got 'all'"):
        training_inputs("all", "gaussian", (1,), rows, 40, 0.5, 1.5)


@pytest.mark.parametrize("data", ["random", "aware"])
def test_they_are_the_students_of_the_two_layer_experiment(data):
    shared = SMALL | dict(seeds=(1, 2), data=data, snapshots=(0, 1, 2), dtype="float64")
    ours = Specialization(**shared, over_realization=2.0, polarity=1.0).run()["runs"]
    other = TwoLayer(**shared, over_realizations=(2.0,), polarities=(1.0,), epochs=2, tables=("runs",))
    columns = ["seed", "epoch", "train_loss", "eval_loss", "mean_best_correlation"]
    pd.testing.assert_frame_equal(ours[columns], other.run()["runs"][columns], atol=1e-12, rtol=0)
    assert ours.train_loss.iloc[-1] < 0.9 * ours.train_loss.iloc[0]  # they have moved


def test_a_seed_does_not_depend_on_the_others():
    cell = lambda *seeds: Specialization(
        **SMALL, seeds=seeds, data="agnostic", law="mixture", radius=0.3, snapshots=(1,), dtype="float64"
    )
    for alone, among in zip(cell(2).run().values(), cell(1, 2).run().values()):
        among = among[among.seed == 2].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, among, atol=1e-12, rtol=0)


def test_gradients_sines_and_overlaps_are_those_of_rows_of_norm_one():
    teacher = two_layer_teachers([stream(s, "teacher") for s in (1, 2)], 5, 3, 4, [1.0])
    student = small_students([stream(s, "start") for s in (1, 2)], (5, 6, 4), 0.7)
    x = gaussian([stream(s, "data") for s in (1, 2)], 1500, 5)  # more than one chunk
    found = looked_at(teacher, student, x, x)
    size = student.weights[0][..., :-1].norm(dim=2)
    g = by_autograd(teacher, student, x)[0] * size[:, None]  # f is the same, w is shorter, so z is
    assert found["runs"].max_gradient.to_numpy() == pytest.approx(g.abs().amax((1, 2)).numpy(), rel=1e-10)
    w, v = student.weights[0][0, :, :-1], student.weights[1][0, :, :-1]
    w_t, v_t = teacher.weights[0][0, :, :-1], teacher.weights[1][0, :, :-1]
    cosine = (w_t @ w.T) / w_t.norm(dim=1)[:, None] / w.norm(dim=1)
    nodes = found["nodes"][:3]
    assert nodes.sine.to_numpy() == pytest.approx((1 - cosine.square()).sqrt().amin(1).numpy())
    overlap = ((v_t.T * w_t.norm(dim=1)[:, None]) @ (v * w.norm(dim=1))).abs().amax(1)
    assert nodes.overlap.to_numpy() == pytest.approx(overlap.numpy())
    assert largest_gradient(teacher, student, x[:, :10]).shape == (2,)


def test_wrong_settings_are_refused():
    for settings, words in (
        (dict(over_realization=1.1), "whole number of nodes"),
        (dict(data="plane", law="cube"), "law: plane data are made from Gaussian points, got 'cube'"),
        (dict(snapshots=(0,)), "snapshots: must be epochs from 0 on"),
        (dict(data="all"), "data"),
    ):
        with pytest.raises(SpecError, match=words):
            Specialization(**settings)


def test_the_small_steps_are_those_of_the_theorem():
    assert small_step(5, 2.0, 1.0) == pytest.approx(2 / 15**1.5, abs=1e-6)
    planes = [cell for cell in SAMPLES_NEEDED.scales["laptop"].cells() if cell.data == "plane"]
    nodes = {round(cell.teacher_width * (1 + cell.over_realization)): cell.radius for cell in planes}
    assert nodes == {k: pytest.approx(2 / k**1.5, abs=1e-6) for k in (9, 10, 15, 30, 55, 60)}


def test_every_place_of_the_laptop_sweeps_has_every_size():
    needed = pd.DataFrame(cell.model_dump() for cell in SAMPLES_NEEDED.scales["laptop"].cells())
    sizes = needed.groupby(["data", "input_dim", "teacher_width", "over_realization"]).samples.nunique()
    assert sizes.groupby("data").unique().map(list).to_dict() == {"aware": [6], "plane": [5], "random": [5]}
    assert sizes.groupby("data").size().tolist() == [10] * 3
    other = pd.DataFrame(cell.model_dump() for cell in OTHER_INPUTS.scales["laptop"].cells())
    assert set(other.law) == set(LAWS) and len(other) == 8 * 5 + 3 * 2 * 9
    assert not np.array(other.duplicated(["data", "law", "input_dim", "radius", "samples"])).any()


def test_patches_are_whitened_and_those_evaluated_on_are_others():
    one, other = (photographs.drawn((1, 2), purpose, 3000, 20, 1.5) for purpose in ("data", "evaluation"))
    assert one.shape == (2, 3000, 20) and not torch.equal(one[0], one[1])
    assert one.square().mean().sqrt().item() == pytest.approx(1.5, rel=0.1)
    rows = lambda x: {row.tobytes() for row in x.flatten(0, 1).numpy()}
    assert not rows(one) & rows(other)
    with pytest.raises(ValueError, match="at most 10000 samples of 64 components, got 10 of 65"):
        photographs.drawn((1,), "data", 10, 65, 1.0)


def test_patches_of_more_components_than_there_are_are_refused():
    with pytest.raises(
        SpecError, match="law: patches are random data of at most 64 inputs, got random data of 65"
    ):
        Specialization(law="patches", input_dim=65)
    with pytest.raises(SpecError, match="got agnostic data of 20"):
        Specialization(law="patches", data="agnostic", input_dim=20)
    runs = Specialization(**{**SMALL, "law": "patches", "snapshots": (1,)}).run()["runs"]
    assert set(runs.law) == {"patches"} and set(runs.status) == {"ok"}
