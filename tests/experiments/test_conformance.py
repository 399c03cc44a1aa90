"""The engine lands on the numbers that the released code wrote down, and would be seen to miss them."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from companion.experiments.conformance import BAR, compare, read, summary
from tests.toy_book import ROOT

FILE = ROOT / "book" / "reference" / "released_code.npz"


@pytest.fixture(scope="module")
def numbers() -> dict[str, np.ndarray]:
    return read(FILE)


@pytest.fixture(scope="module")
def table(numbers):
    return compare(numbers)


def test_every_number_of_the_released_code_is_met(table):
    assert BAR == 1e-9 and (table.largest_difference <= np.where(table.exact, 0, BAR)).all()
    assert table.agrees.all()
    exact = table[table.exact].groupby("quantity").numbers.sum().to_dict()
    assert exact == {"students above each threshold": 7 * 6 * 5, "observing samples": 7 * 5 * 15}


class Watched(Mapping):
    """Numbers that remember which of them were asked for."""

    def __init__(self, numbers: Mapping[str, np.ndarray]):
        self.numbers, self.asked = numbers, set()

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked.add(name)
        return self.numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)


def test_nothing_that_is_stored_is_left_out(numbers):
    compare(watched := Watched(numbers))
    assert watched.asked == set(numbers)


def wrong(numbers, **changed) -> set[tuple[str, str, int]]:
    """What no longer agrees when some numbers of the start are others."""
    table = compare({**numbers, **{name.replace("__", "."): value for name, value in changed.items()}})
    return set(table[~table.agrees][["network", "quantity", "after"]].itertuples(index=False, name=None))


def test_one_other_sample_in_one_batch_is_seen_from_its_step_on(numbers):
    batches = numbers["two_layer.batch_idx"].copy()
    batches[10, 0] += 1
    found = wrong(numbers, two_layer__batch_idx=batches)
    assert {("two layers", "weights", step) for step in (100, 300)} <= found
    assert {("two layers", "correlations", step) for step in (50, 300)} <= found
    assert not found & {("two layers", "weights", step) for step in (1, 10)}
    assert {network for network, _, _ in found} == {"two layers"}


def test_another_learning_rate_and_another_last_batch_are_seen(numbers):
    weights = {("four layers", "weights", epoch) for epoch in (1, 3)}
    assert weights <= wrong(numbers, multi_layer__lr=np.array(0.2 + 1e-6))
    halves = wrong(numbers, multi_layer__train_batch_sizes=np.array([16, 16, 4, 4]))
    assert weights <= halves and not {found for found in halves if found[2] == 0}


def test_a_wrong_count_and_a_number_that_is_none_are_seen(numbers):
    counts, rho = numbers["two_layer.eval_counts_eval"].copy(), numbers["two_layer.eval_corr_eval"].copy()
    counts[3, 0, 0] += 1
    rho[6, 0, 0] = np.nan
    table = compare({**numbers, "two_layer.eval_counts_eval": counts, "two_layer.eval_corr_eval": rho})
    missed = table[~table.agrees]
    assert missed[["quantity", "after"]].to_numpy().tolist() == [
        ["students above each threshold", 150],
        ["correlations", 300],
    ]
    said = summary(table)["largest difference"]
    assert said["two layers", "students above each threshold"] == "1"
    assert said["two layers", "correlations"] == "inf"


def test_another_shape_is_refused(numbers):
    with pytest.raises(ValueError, match=r"correlations: theirs has shape \(5, 14\), ours \(5, 15\)"):
        compare({**numbers, "two_layer.eval_corr_eval": numbers["two_layer.eval_corr_eval"][..., :-1]})


def test_the_summary_says_no_more_than_every_machine_would(table):
    said = summary(table)
    assert set(said["largest difference"]) == {"0", "< 1e-12"}
    assert said.numbers.sum() == table.numbers.sum()
    assert said.loc[("two layers", "weights"), "after"] == "1, 10, 100, 300 steps"
    assert said.loc[("two layers", "correlations"), "after"] == "0, 50, … 300 steps"
    larger = table.assign(largest_difference=[3e-11, *table.largest_difference[1:]])
    assert summary(larger)["largest difference"].iloc[0] == "< 1e-10"
