"""Students in spectral coordinates: start, penalty, cuts, and members that do not see each other."""

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.spectral import students
from companion.chapters.spectral.studies import Students
from companion.runs.spec import SpecError

SMALL = Students(
    width=4,
    teacher_widths=(2, 3),
    seeds=(1, 2),
    samples=40,
    test_samples=50,
    batch_size=20,
    epochs=4,
    input_dim=3,
    outputs=4,
    dtype="float64",
)


def other(**changes) -> Students:
    return Students(**SMALL.model_dump() | changes)


def test_all_methods_start_from_the_same_function():
    found = []
    for method in ("spectral", "direct", "group lasso", "plain"):
        cell = other(method=method)
        (w, v), student, x, _ = students.start(cell)
        found.append((w, v, x, students.first_layer(student), student["above"]))
    for one in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], one))


def test_teachers_have_unit_rows_and_members_share_the_data_of_their_seed():
    (w, v), student, x, x_test = students.start(SMALL)
    assert w.shape == (4, 4, 3) and x.shape == (2, 40, 3) and x_test.shape == (2, 50, 3)
    norms = w.norm(dim=2)
    expected = [[1.0, 1, 0, 0], [1, 1, 1, 0]] * 2
    torch.testing.assert_close(norms, torch.tensor(expected, dtype=torch.float64))
    assert torch.equal((v != 0).any(1), norms > 0)
    assert torch.equal(student["phi"][0], student["phi"][1]) and not torch.equal(x[0], x[1])


@pytest.mark.parametrize("problem", ["three layers", "two layers"])
def test_outputs_are_those_of_a_plain_loop(problem):
    cell = other(problem=problem)
    (w, v), _, x, _ = students.start(cell)
    found = students.outputs(cell, w, v, x)
    for member, (rows, above) in enumerate(zip(w, v)):
        z = torch.relu(x[member // 2] @ rows.T) @ above.T
        expected = torch.relu(z).sum(1, keepdim=True) if problem == "three layers" else z
        torch.testing.assert_close(found[member], expected.T)


def test_penalties_by_hand():
    student = {"phi": torch.tensor([[[3.0, 4.0], [0.0, 0.0]]]), "eigenvalues": torch.tensor([[2.0, 1.0]])}
    by = lambda method: students.penalty(
        other(method=method, eigenvalue_penalty=4.0, vector_penalty=1.0), student
    ).item()
    assert by("spectral") == 4 * 5 + 25 and by("direct") == 25 and by("plain") == 0
    assert by("group lasso") == 2 * 2 * 5


@pytest.mark.parametrize("problem", ["three layers", "two layers"])
def test_a_cut_masks_all_but_the_largest(problem):
    cell = other(problem=problem)
    (w, v), student, _, x = students.start(cell)
    y = students.outputs(cell, w, v, x)
    errors = students.cut(cell, student, x, y)
    size, order = students.sizes(cell, student)
    assert (size.diff(dim=1) <= 0).all()
    for kept in range(cell.width + 1):
        masked = torch.ones_like(size).scatter_(1, order[:, kept:], 0.0)
        rows = students.first_layer(student) * masked[..., None]
        found = students.outputs(cell, rows, student["above"], x)
        expected = (found - y).square().sum(1).mean(1) / y.var(2).sum(1)
        torch.testing.assert_close(errors[:, kept], expected)


def test_a_copy_of_the_teacher_has_no_error_until_it_is_cut():
    (w, v), _, _, x = students.start(SMALL)
    errors = students.cut(SMALL, {"phi": -w, "above": v}, x, students.outputs(SMALL, w, v, x))
    assert errors[0, 2:].max() < 1e-25 and errors[1, 3:].max() < 1e-25
    assert errors[0, 1] > 1e-3 and errors[1, 2] > 1e-3


@pytest.mark.parametrize("method", ["spectral", "direct", "group lasso", "plain"])
def test_a_member_is_the_same_alone_and_among_others(method):
    cell = other(method=method)
    both, alone = cell.run(), other(method=method, seeds=(2,), teacher_widths=(3,)).run()
    for name in ("units", "kept"):
        mine = both[name].query("seed == 2 and teacher_width == 3").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone[name], rtol=1e-9)


def test_training_lowers_the_error_and_looks_are_named():
    cell = other(epochs=100, learning_rate=0.02)
    tables = cell.run()
    assert sorted(tables["units"].step.unique()) == cell.times == [0, 6, 12, 25, 50, 100, 200]
    before = students.cut(cell, *_start(cell))[:, -1].numpy()
    after = tables["kept"].query("kept == 4").error.to_numpy()
    assert (after < before).all() and (tables["kept"].status == "ok").all()
    first = tables["units"].query("unit == 0")
    assert (first["size"] == 1).all() and tables["units"].balance.between(-1, 1).all()


def _start(cell):
    (w, v), student, _, x = students.start(cell)
    return student, x, students.outputs(cell, w, v, x)


def test_a_student_that_diverges_is_a_row_with_its_status():
    tables = other(method="plain", problem="two layers", plain_rate=2.0, epochs=50).run()
    for table in tables.values():
        assert "diverged" in set(table.status)
        assert (
            (~np.isfinite(table.error if "error" in table else table["size"]))
            .groupby(table.status)
            .any()["diverged"]
        )


def test_a_strong_penalty_kills_every_node_in_spectral_coordinates_and_none_in_direct_ones():
    error = {}
    for method in ("spectral", "direct"):
        cell = other(
            method=method, eigenvalue_penalty=30.0, vector_penalty=30.0, epochs=150, learning_rate=0.05
        )
        kept = cell.run()["kept"]
        error[method] = kept[kept.kept == 4].error.to_numpy() / kept[kept.kept == 0].error.to_numpy()
    assert (error["spectral"] > 1 - 1e-6).all() and (error["direct"] < 0.999).all()


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(width=2), "width: must be at least that of every teacher, 3, got 2"),
        (dict(batch_size=41), "batch_size: must not exceed the 40 samples, got 41"),
        (dict(method="lasso"), "method: .*'spectral'.*got 'lasso'"),
        (dict(vector_penalty=0.0), "vector_penalty: .*greater than 0, got 0.0"),
    ],
)
def test_bad_settings_are_refused_by_name(values, message):
    with pytest.raises(SpecError, match=message):
        other(**values)
