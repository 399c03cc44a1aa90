"""Verdicts on tables made by hand: what should hold does, and its opposite does not."""

from companion.chapters.data_free import claims
from tests.chapters.data_free import hand_made


def verdicts(found) -> dict[str, str]:
    assert all(claim.refuses for claim in found), [claim.id for claim in found if not claim.refuses]
    return {claim.id.removeprefix("data-free/").removesuffix("-digits"): claim.verdict for claim in found}


def test_everything_holds_where_it_should():
    found = claims.all_claims(hand_made.tables(), "laptop")
    assert set(verdicts(found).values()) == {"holds"}
    assert {claim.scale for claim in found} == {"laptop"}
    assert len({claim.id for claim in found}) == len(found)


def test_no_shift_and_even_labels_fail():
    tables = dict(shift=hand_made.shift(noise=0.02), labels=hand_made.labels(stored=0.3))
    assert verdicts(claims.shift_claims(tables)) == {"shift": "fails", "labels": "fails"}


def test_students_of_noise_far_from_their_teachers():
    found = verdicts(claims.accuracy_claims(hand_made.accuracy(noise_batch=0.6)))
    assert found == {
        "batch": "holds",
        "close-noise": "fails",
        "close-matched": "holds",
        "close-images": "holds",
        "consistent": "holds",
        "statistics": "holds",
    }
    none = claims.accuracy_claims(hand_made.accuracy(noise_batch=0.45))
    assert none[0].verdict == "fails"


def test_seeds_that_differ_are_not_consistent():
    table = hand_made.accuracy(noise_batch=0.6)
    mine = (table.source == "noise") & (table.statistics == "batch")
    table.loc[mine, "accuracy"] += table.seed * 0.3
    found = {claim.id: claim.verdict for claim in claims.accuracy_claims(table)}
    assert found["data-free/consistent-digits"] == "fails"


def test_channels_without_a_student_channel():
    units = hand_made.units(noise=0.6)
    assert verdicts(claims.specialization_claims(units)) == {"rho-top": "fails", "specialized": "fails"}
    lower = claims.lower_layers_claim(units, "laptop", "digits")
    assert (lower.verdict, lower.refuses) == ("fails", True)


def test_claims_of_sweeps_are_of_the_longest_runs():
    short = {**hand_made.tables(), "units": hand_made.units(noise=0.99)}
    short = {name: table.assign(over_realization=1.0, samples=100) for name, table in short.items()}
    long = {name: table.assign(samples=400) for name, table in short.items()}
    long["accuracy"] = hand_made.accuracy(noise_batch=0.6, samples=400)
    both = claims.sweep_claims({"data_free": short, "data_free_long": long, "data_free_cifar10": short})
    close = {claim.id: claim.verdict for claim in both if "close-noise" in claim.id}
    assert close == {"data-free/close-noise-digits": "fails", "data-free/close-noise-cifar-10": "holds"}
    assert len({claim.id for claim in both}) == len(both) == 22 and {c.scale for c in both} == {"laptop"}
    assert [claim.verdict for claim in both if "rho-lower" in claim.id] == ["holds"] * 2
    assert claims.sweep_claims({}) == []


def test_more_noise_is_held_against_fewer_inputs():
    few = {**hand_made.tables(), "accuracy": hand_made.accuracy(noise_batch=0.8)}
    few = {name: table.assign(over_realization=1.0, samples=100) for name, table in few.items()}
    more = {"accuracy": hand_made.accuracy(samples=1_024_000)}
    both = claims.sweep_claims({"data_free": few, "data_free_million": more})
    (claim,) = [claim for claim in both if "more-noise" in claim.id]
    assert claim.verdict == "holds" and claim.refuses and "1,024,000 inputs" in claim.sentence
    assert claim.wrong is not None and claim.wrong.name == "students of 100 inputs"
    turned = claims.more_noise_claim(few["accuracy"], few["accuracy"], "digits")
    assert turned.verdict == "fails"
