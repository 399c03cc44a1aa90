"""SGD of quadratic students: by hand, one member alone, widths that share samples, refusals."""

import numpy as np
import pytest

from companion.chapters.quadratic_networks import descent, overlaps
from companion.chapters.quadratic_networks.parameters import Parameters
from companion.chapters.quadratic_networks.studies import Curvature, Descent, Endings, Escapes, Paths
from companion.runs.spec import SpecError
from ts_core.streams import stream

TINY = dict(widths=(3,), teachers=2, input_dim=12, seeds=2, horizon=2.0, interval=1.0)


def test_sgd_is_that_of_the_formula():
    """The same steps by hand, in float64, from the same starts and samples."""
    spec = Descent(**TINY)
    ((Q, M),) = descent.by_sgd(spec, [0, 1, 2])
    dim, rate = spec.input_dim, spec.rate
    for member, seed in enumerate((1, 2)):
        teacher = np.linalg.qr(stream(seed, "teacher", 2, dim).standard_normal((2, dim)).T)[0].T * dim**0.5
        W = stream(seed, "start", 3, dim).standard_normal((3, dim)) + spec.overlap * teacher[[0, 1, 0]]
        samples = stream(seed, "data", dim)
        for step in range(2 * dim):
            if step % 5 == 0:
                block = samples.standard_normal((5, dim))
            x = block[step % 5]
            own, theirs = W @ x / dim**0.5, teacher @ x / dim**0.5
            delta = (own**2).mean() - (theirs**2).mean()
            W = W - rate * 2 / dim**0.5 * delta * np.outer(own, x)
        np.testing.assert_allclose(Q[-1, member], W @ W.T / dim, rtol=1e-9)
        np.testing.assert_allclose(M[-1, member], W @ teacher.T / dim, rtol=1e-9)


def test_a_member_alone_and_a_width_alone_are_the_same():
    both = Descent(**TINY | dict(widths=(2, 3))).run()["runs"]
    alone = Descent(**TINY | dict(widths=(3,), seeds=1)).run()["runs"]
    same = both[(both.width == 3) & (both.seed == 1)]
    np.testing.assert_allclose(same.loss, alone.loss, rtol=1e-5)
    assert len(both) == 2 * 2 * 3 and (both[both.time == 0].apart == 0).all()


def test_columns_are_those_of_the_overlaps():
    runs = Descent(**TINY).run()["runs"]
    assert runs.loc[runs.time == 0, "share"].to_numpy() == pytest.approx(
        runs.loc[runs.time == 0, "share_ode"].to_numpy()
    )
    assert (runs[runs.time == 0].excess.abs() < 1e-12).all() and (runs.excess > -1e-9).all()
    assert runs.plateau.iloc[0] == overlaps.plateau(3, 2, 0.1)[1]


@pytest.mark.parametrize(
    "kind, values, message",
    [
        (Descent, dict(widths=(1,), teachers=2), "widths: must be at least the 2 teacher nodes, got 1"),
        (Descent, dict(input_dim=5), "input_dim: must be at least 6, p [+] p[*], got 5"),
        (Descent, dict(horizon=0.1), "interval: must not exceed the horizon 0.1, got 0.5"),
        (Escapes, dict(input_dims=(4,)), "input_dim: must be at least 5"),
        (Endings, dict(shapes=((1, 2),)), "widths: must be at least the 2 teacher nodes, got 1"),
        (Curvature, dict(shapes=((20, 20),)), "input_dim: must be at least 40"),
        (Parameters, dict(warm_students=1), "widths: must be at least the 2 teacher nodes, got 1"),
        (Parameters, dict(rate=0.15), "rate: too large for p = 1 student nodes at N = 200, .*got 0.15"),
        (Parameters, dict(rate=0.5, widths=(8,)), "rate: too large for p = 8 .*got 0.5"),
        (Parameters, dict(rate=0.0), "rate: .*greater than 0, got 0.0"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(kind, values, message):
    with pytest.raises(SpecError, match=message):
        kind(**values)


def test_paths_with_free_norms_are_those_of_the_engine():
    settings = dict(input_dim=20, rate=0.1, seeds=2, horizon=3.0, interval=1.0)
    table = Paths(**settings).run()["paths"]
    cell = Descent(widths=(2,), teachers=1, overlap=0.0, **settings)
    ((_, M),) = descent.by_sgd(cell, [0.0, 1.0, 2.0, 3.0])
    free = table[table.norms == "free"].sort_values(["time", "seed", "student"])
    np.testing.assert_allclose(free.overlap.to_numpy().reshape(4, 2, 2), M[..., 0], rtol=1e-9, atol=1e-12)


def test_paths_with_norms_kept_keep_them():
    table = Paths(input_dim=20, seeds=2, horizon=2.0).run()["paths"]
    kept = table[table.norms == "kept"]
    np.testing.assert_allclose(kept.norm, 1, rtol=1e-12)
    assert table[(table.norms == "free") & (table.time > 0)].norm.std() > 0.01
    with pytest.raises(SpecError, match="interval: must not exceed the horizon 2.0, got 3"):
        Paths(horizon=2.0, interval=3.0)
