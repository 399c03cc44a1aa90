"""The mathematics of the playground, in a browser, against ts_core."""

from itertools import islice

import numpy as np
import pytest
import torch

from companion.experiments.numbered import numbered, rows, words
from tests.playground.page import MATHEMATICS
from ts_core.activations import LeakyReLU
from ts_core.metrics import correlation, observability
from ts_core.networks import Network, forward
from ts_core.teachers import random_networks
from ts_core.training.sgd import train

SAMPLES, BATCH, SEED = 500, 16, 7

TRAIN = """
const [teacher, student, x, size, key, rate, stops] = arguments, m = teacherStudent();
const net = from => ({...from, rows: Float64Array.from(from.rows), fan: Float64Array.from(from.fan),
                      bias: Float64Array.from(from.bias)});
const of = {t: net(teacher), s: net(student), x: Float64Array.from(x)}, N = x.length / 2, found = [];
const y = m.outputs(of.t, m.hidden(of.t, of.x)), picks = new Int32Array(size);
for (let step = 0; step <= Math.max(...stops); step++) {
  if (stops.includes(step)) {
    const [t, s] = [m.hidden(of.t, of.x), m.hidden(of.s, of.x)];
    found.push({step, rows: [...of.s.rows], fan: [...of.s.fan], bias: [...of.s.bias],
                rho: [...m.correlation(t, of.t.n, s, of.s.n)],
                seen: [...m.observability(t, of.t.n, s, of.s.n)]});
  }
  m.step(of.s, of.x, y, m.batch(key, step, size, N, picks), rate);
}
return found"""


@pytest.fixture(scope="module")
def mathematics(browser, tmp_path_factory):
    """An empty page with the script of the mathematics."""
    page = tmp_path_factory.mktemp("mathematics") / "page.html"
    page.write_text(f'<meta charset="utf-8"><script src="{MATHEMATICS.as_uri()}"></script>')
    browser.get(page.as_uri())
    return browser


def as_page(network: Network) -> dict:
    """A network of the first member as the page holds it."""
    lower, upper = (w[0] for w in network.weights)
    return {
        "n": len(lower),
        "c": len(upper),
        "slope": network.slope,
        "rows": lower.flatten().tolist(),
        "fan": upper[:, :-1].T.flatten().tolist(),
        "bias": upper[:, -1].tolist(),
    }


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_training_is_that_of_ts_core(mathematics, slope):
    draw = lambda seed, n: random_networks([np.random.default_rng(seed)], (2, n, 4), LeakyReLU(slope))
    teacher, student = draw(1, 5), draw(2, 12)
    x = torch.from_numpy(np.random.default_rng(3).uniform(-2, 2, (1, SAMPLES, 2)))
    stops, snapshots = [1, 10, 1000], {}
    train(
        teacher,
        [student],
        numbered(x, SEED, BATCH),
        learning_rate=0.05,
        snapshots=stops,
        on_snapshot=lambda step, students: snapshots.update({step: students[0]}),
    )
    words = as_page(teacher), as_page(student), x.flatten().tolist(), BATCH, SEED, 0.05, stops
    for found in mathematics.execute_script(TRAIN, *words):
        expected = as_page(snapshots[found["step"]])
        f_t, f_s = (forward(network, x)[1][0] for network in (teacher, snapshots[found["step"]]))
        expected |= {
            "rho": correlation(f_t, f_s).flatten().tolist(),
            "seen": observability(f_t, f_s).flatten().tolist(),
        }
        for name in ("rows", "fan", "bias", "rho", "seen"):
            error = np.abs(np.subtract(found[name], expected[name])).max()
            print(f"slope {slope}, step {found['step']}, {name}: {error:.1e}")
            assert error < 1e-9
    moved = np.abs(np.subtract(as_page(student)["rows"], found["rows"])).max()
    assert moved > 0.1  # it has moved, so agreement means something


def test_batches_are_of_one_rule_here_and_there(mathematics):
    ask = "return [...teacherStudent().batch(arguments[0], arguments[1], 32, 1000, new Int32Array(32))]"
    for key, step in ((0, 0), (7, 999), (2**32 - 1, 2**27)):
        assert mathematics.execute_script(ask, key, step) == next(rows(1000, key, 32, step)).tolist()


def test_the_generator_is_even_and_its_streams_differ():
    drawn = words(12345, np.arange(100_000)) / 2**32
    counts = np.histogram(drawn, 100, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 150  # chi-squared of 99 degrees of freedom: p = .0007
    other = words(12346, np.arange(100_000)) / 2**32
    assert (
        abs(np.corrcoef(drawn, other)[0, 1]) < 0.015 and abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.015
    )


def test_a_run_goes_on_from_any_step():
    x = torch.zeros(1, 50, 2)
    all_of_it = list(islice(rows(50, 3, 8), 5))
    assert np.array_equal(all_of_it[3:], list(islice(rows(50, 3, 8, first=3), 2)))
    for size, first in ((0, 0), (8, -1)):
        with pytest.raises(ValueError, match="size at least 1 and first at least 0"):
            numbered(x, 3, size, first)
