"""Stored notebooks show what their code computes today."""

import pytest

from companion import project
from companion.pages import notebooks
from tests.outputs import differences
from tests.toy_book import ROOT


@pytest.mark.timeout(1800)  # the first waits for the execution of all
@pytest.mark.parametrize("page", project.book({}).pages(), ids=str)
def test_it_shows_what_is_stored(executed, page):
    assert notebooks.problems(executed[page]) == []
    assert differences(notebooks.read(ROOT / page), executed[page]) == []
