"""Settings: refused by name on one line, and carried from one record into another."""

from typing import Literal

import pytest
from pydantic import Field

from companion.runs.spec import Count, Floats, Positive, Spec, SpecError


class Chapter(Spec):
    """What a reader sets."""

    width: Count = 10
    rate: Positive = 0.5
    ratios: Floats = (1.0, 2.0)
    threshold: float = 0.95


class Job(Spec):
    """What is run."""

    width: Count
    rate: Positive = 0.1
    ratios: tuple[float, ...] = (5.0,)
    kind: Literal["a", "b"] = "a"
    seeds: tuple[int, ...] = (1,)


class Thin(Spec):
    """Lacks the width."""

    rate: Positive = 0.5


class Note(Spec):
    """One of its fields has another type."""

    width: str = ""


def test_fields_of_the_same_name_are_carried():
    job = Chapter(width=3, ratios=[2.0, 4.0]).into(Job)
    # what only one of both has keeps out, or its default
    assert job == Job(width=3, rate=0.5, ratios=(2.0, 4.0))


def test_changes_win_over_what_is_carried():
    job = Chapter(width=3).into(Job, width=7, kind="b", seeds=(1, 2))
    assert job == Job(width=7, rate=0.5, ratios=(1.0, 2.0), kind="b", seeds=(1, 2))


def test_a_record_is_carried_into_its_own_type():
    assert Chapter(width=3).into(Chapter, rate=0.25) == Chapter(width=3, rate=0.25)


def test_nested_records_are_carried_as_they_are():
    class Inner(Spec):
        depth: int = 1

    class Outer(Spec):
        inner: Inner = Inner()
        width: Count = 1

    class Other(Spec):
        inner: Inner

    inner = Inner(depth=4)
    assert Outer(inner=inner).into(Other).inner == inner


def test_what_is_excluded_from_ids_is_carried_too():
    class Place(Spec):
        folder: str = Field("", exclude=True)

    assert Place(folder="here").into(Place).folder == "here"


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(width=0), "^width: .*greater than or equal to 1, got 0$"),
        (dict(width="7"), "^width: .*valid integer, got '7'"),
        (dict(kind="c"), "^kind: .*'a' or 'b', got 'c'$"),
        (dict(rates=0.1), "^rates: unknown parameter; known are width, rate, ratios, kind, seeds$"),
        (dict(rate=-1.0, seeds=(1.5,)), r"^rate: .*got -1.0; seeds\.0: .*got 1.5$"),
    ],
)
def test_changes_that_do_not_fit_are_refused_by_name(change, message):
    with pytest.raises(SpecError, match=message):
        Chapter().into(Job, **change)


def test_carried_values_of_another_type_are_refused_by_name():
    with pytest.raises(SpecError, match="^width: .*valid string, got 10$"):
        Chapter().into(Note)


def test_a_record_without_what_the_other_needs_is_refused_by_name():
    with pytest.raises(SpecError, match="^width: .*required$"):
        Thin().into(Job)


def test_the_record_it_comes_from_stays_as_it_is():
    chapter = Chapter()
    chapter.into(Job, width=7)
    assert chapter == Chapter()


def test_a_list_of_bad_items_is_refused_for_its_items():
    with pytest.raises(SpecError, match=r"^ratios\.0: should be a valid number, got 'a'$"):
        Chapter(ratios=["a"])
    with pytest.raises(SpecError, match=r"^ratios: Tuple should have at least 1 item .*, got \[\]$"):
        Chapter(ratios=[])
