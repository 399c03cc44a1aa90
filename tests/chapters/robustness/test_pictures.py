"""Students of images: attacks, states of equal agreement, members alone as among others, claims by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.robustness import claims, plots, tables
from companion.chapters.robustness import pictures as ways
from companion.chapters.robustness.studies import Pictures
from companion.chapters.robustness.sweeps import ON_IMAGES
from companion.datasets.cifar10 import DataError
from companion.pages import figures
from companion.runs.spec import SpecError

SMALL = dict(
    images=60,
    test_images=40,
    widths=(2, 2, 4),
    radii=(0.1,),
    batch_size=8,
    teacher_steps=8,
    steps=6,
    looks=3,
    attacked=10,
    attack_steps=3,
    dtype="float64",
)
CELL = Pictures(**SMALL)


@pytest.fixture(scope="module")
def data():
    return ways.images(CELL)


@pytest.fixture(scope="module")
def teacher(data):
    return ways.taught(CELL, data)


@pytest.fixture(scope="module")
def found():
    return CELL.run()


def test_images_and_answers_have_deviation_one(data, teacher):
    assert data.train.shape == (60, 1, 8, 8) and data.train.std(correction=0).item() == pytest.approx(1, 1e-3)
    answers = teacher(data.train.expand(2, *data.train.shape))
    assert answers.sub(answers.mean(1, keepdim=True)).square().mean((1, 2)).tolist() == pytest.approx([1, 1])


def test_an_attack_on_a_linear_aim_is_the_gradient_at_full_length():
    w = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 1, 4, 4)))
    x = torch.zeros(2, 3, 1, 4, 4, dtype=torch.float64)
    directions = ways.uniform_directions([np.random.default_rng(1), np.random.default_rng(2)], x)
    delta = ways.attack(lambda x: (w * x).sum((2, 3, 4)), x, 0.7, 4, directions)
    torch.testing.assert_close(delta, (0.7 * w / w.norm()).expand_as(x), atol=5e-3, rtol=0)
    assert delta.flatten(2).norm(dim=2).max() <= 0.7 + 1e-12


def test_an_attack_gains_more_than_a_random_move_of_its_length(found):
    students = found["students"]
    assert (students.free > students.random).all() and (students.free > students.clean).all()


def test_the_teacher_is_a_perfect_student_of_itself(data, teacher):
    columns, layers = ways.look(CELL, data, teacher, teacher.network)
    assert columns["clean"].max() < 1e-20 and columns["free"].max() < 1e-20
    assert layers.rho.min() > 0.999


def test_moves_of_no_length_are_standard_training(data, teacher):
    (_, standard), *_ = ways.trained(CELL, data, teacher, "standard", 0.0)
    for method in ("random", "adversarial"):
        (_, other), *_ = ways.trained(CELL, data, teacher, method, 0.0)
        for name, values in standard.items():
            torch.testing.assert_close(other[name], values)


def test_states_are_compared_at_equal_agreement(found):
    students = found["students"]
    assert set(students.status) == {"ok"} and len(students) == 3 * 2 * 2
    assert set(students[students.when == "end"].step) == {6}
    ends, equal = (students[students.when == when] for when in ("end", "equal"))
    least = ends.groupby("seed").agreement.min()
    far = lambda rows: (rows.agreement - rows.seed.map(least)).abs()
    assert (far(equal).to_numpy() <= far(ends).to_numpy()).all()
    assert far(equal).groupby(equal.seed).min().max() == 0


def test_a_member_alone_is_the_member_among_others(found):
    alone = Pictures(**SMALL, seeds=(2,)).run()
    for name, table in found.items():
        of_one = table[table.seed == 2].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_one, alone[name], rtol=1e-6)


def test_other_images_are_refused_by_name():
    with pytest.raises(DataError, match="are not those of the run \\(elsewhere\\)"):
        ways.images(CELL.model_copy(update={"fingerprint": "elsewhere"}))
    with pytest.raises(DataError, match="test_images: digits has 500, asked for 501"):
        ways.images(CELL.model_copy(update={"test_images": 501}))


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(batch_size=2000), "batch_size: must not exceed the 1000 images, got 2000"),
        (dict(attacked=501), "attacked: must not exceed the 500 test_images, got 501"),
        (dict(looks=300), "looks: must not exceed the 200 steps, got 300"),
        (dict(radii=(0.1, 0.1)), "radii: values must differ, got"),
        (dict(over_realization=1.3), "over_realization must be at least 1 and give a whole number"),
        (dict(dataset="mnist"), "dataset: .*'digits'.*got 'mnist'"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(values, message):
    with pytest.raises(SpecError, match=message):
        Pictures(**values)


def test_a_sweep_has_every_seed_once():
    (cells,) = ON_IMAGES.settings("quick").stages()
    assert [seed for cell in cells for seed in cell.seeds] == [1, 2, 3, 4]
    assert all(cell.fingerprint for cell in cells)


def made(gain: float, lift: float) -> dict[str, pd.DataFrame]:
    """Tables by hand: random moves do nothing, attacks in training divide by gain, and lift rho."""
    students, layers = [], []
    for seed in (1, 2, 3, 4):
        for rank, (method, moved) in enumerate(CELL_WAYS):
            helped = rank / 4 if method == "adversarial" else 0
            keys = dict(method=method, moved=moved, seed=seed, when="equal")
            # the seed's own share keeps ranks of ways that do not differ in an order of its own
            shift = 1 + 0.01 * ((rank * seed) % 5)
            students.append(keys | dict(agreement=0.8, clean=0.1, free=0.1 + shift / gain**helped))
            layers += [
                keys | dict(layer=layer, inputs=inputs, rho=0.5 + lift * helped - 1e-3 * shift)
                for layer in (1, 2, 3)
                for inputs in plots.INPUTS
            ]
    return {"students": pd.DataFrame(students), "layers": pd.DataFrame(layers)}


CELL_WAYS = Pictures(radii=(0.05, 0.15)).ways


@pytest.mark.parametrize("gain, lift, verdicts", [(8.0, 0.2, {"holds"}), (1.0, -0.2, {"fails", "undecided"})])
def test_claims_of_tables_by_hand(gain, lift, verdicts):
    assert {claim.verdict for claim in claims.pictures(**made(gain, lift))} <= verdicts


def test_every_way_has_its_dots_and_its_lines():
    by_hand = made(8.0, 0.2)
    students = tables.on_images(**by_hand, inputs="images")
    _, axes = figures.figure(1, 3)
    plots.on_images(students, by_hand["layers"], axes[0])
    assert len(axes[0, 0].lines) == 2 * len(CELL_WAYS)
    assert [len(ax.lines) for ax in axes[0, 1:]] == [len(CELL_WAYS)] * 2
    assert [ax.get_title() for ax in axes[0]] == ["attacks", "on images", "on white noise"]
