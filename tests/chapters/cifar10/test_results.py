"""The stored run of this chapter is complete; the images are no part of the project,
so nothing is trained again here.
"""

from companion import place
from companion.chapters.cifar10.sweeps import LAPTOP
from companion.runs.store import load_results


def test_the_stored_run_is_complete():
    """At the laptop scale."""
    tables, facts = load_results("cifar10", place.PACKAGE.parent / "book" / "results" / "cifar10")
    assert facts["scale"] == "laptop" and facts["spec"] == LAPTOP.model_dump(mode="json")
    students, epochs = LAPTOP.seeds * len(LAPTOP.over_realizations), LAPTOP.student_epochs + 1
    assert facts["cells"] == 1 + students  # the teacher's
    assert len(tables["runs"]) == students * epochs and set(tables["runs"].status) == {"ok"}
    assert tables["runs"].groupby(["seed", "over_realization"]).selected.sum().eq(1).all()
    active = [LAPTOP.width - int(share * LAPTOP.width) for share in LAPTOP.prune]
    assert tables["channels"].groupby("layer").active.sum().tolist() == active
    assert len(tables["units"]) == students * epochs * sum(active)
    assert tables["units"].best_correlation.between(-1, 1).all()
