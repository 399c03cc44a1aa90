"""Symbols of formulas, and what the table of the notation says about them."""

from pathlib import Path

import pytest

from companion.pages import notation
from companion.pages.notation import meanings, symbols
from tests.toy_book import ROOT

TABLE = r"""
| symbol | code | meaning | shape |
| --- | --- | --- | --- |
| $d$ | `input_dim` | inputs | nodes |
| $m_l,\ n_l$ | `m` | hidden nodes | nodes |
| $v_k$ | `fan_out` | fan-out | numbers |
| $V_l$ | `top_down` | Jacobian | |
| $K=m+n$ | `rows` | all nodes | number |
| $\rho_{jk}$ | `correlation` | correlation | in $[-1,1]$ |
| $\rho_{\text{mean}}$ | `mean` | its mean, in {ref}`ch:one` | |
| $d(\theta)$ | `joint` | joint activity | |
| winner | `winner` | no symbol | |

## Terms

| term | meaning |
| --- | --- |
| node, nodes | a unit $d$ of a layer |
| hidden node | one between |

## Letters of other works

| symbol | code | meaning | shape |
| --- | --- | --- | --- |
| $K,\ L$ | `companion.chapters.far.code` | students, loss | |
"""
KNOWN = notation.entries(TABLE)


def said(formula, *homes):
    return [entry.meaning for entry in meanings(formula, KNOWN, homes)]


def test_terms_are_words_of_their_own_and_the_longest_wins():
    node, hidden = notation.terms(TABLE)
    assert node == notation.Term(("node", "nodes"), "a unit $d$ of a layer")
    assert notation.find([node, hidden], "no anode, a hidden node") == (hidden, 12, 23)
    assert notation.find([node], "all nodes") == (node, 4, 9)
    assert notation.find([node], "node-like") is None and notation.find([], "node") is None


def test_rows_with_formulas_are_entries_and_neighbours_are_told_apart():
    assert [entry.symbols[0] for entry in KNOWN][:3] == ["d", "m_l", "v_k"] and len(KNOWN) == 9
    assert KNOWN[4].symbols == ("K",)  # what it stands for follows the sign of equality
    assert [(entry.homes, entry.neighbour) for entry in (KNOWN[0], KNOWN[6], KNOWN[8])] == [
        ((), False),
        (("ch:one",), False),
        (("far",), True),
    ]


@pytest.mark.parametrize(
    "formula, found",
    [
        (r"v_j^{*\top}x", ["v n", "x"]),
        (r"v^*_{k'}", ["v n"]),
        (r"\rho_{jk}=\rho_{12}", [r"\rho nn", r"\rho ##"]),
        (r"V_{l-1}=V_1\,D_l", ["V l", "V #", "D l"]),
        (r"\rho_{\text{mean}}", [r"\rho \text{mean}"]),
        (r"\text{steps}\,\alpha", [r"\alpha"]),
        (r"\mathcal L\ne L", [r"\mathcal L", r"\ne", "L"]),
        (r"\tfrac{d}{dt}w", ["w"]),
        (r"\beta_{kk'}", [r"\beta nn'"]),
    ],
)
def test_symbols_of_a_formula(formula, found):
    assert symbols(formula) == tuple(found)


def test_a_formula_means_what_its_symbols_mean_each_once():
    assert said(r"\norm{v_j^*}\norm{v_k}\le d") == ["fan-out", "inputs"]
    assert said(r"\mathcal L+x") == []


def test_a_layer_is_not_a_node():
    assert said("V_l") == said("V_1") == ["Jacobian"] and said("V_u") == []


def test_symbols_of_several_letters_must_stand_there():
    assert said(r"\beta\,d(\theta)") == ["inputs", "joint activity"] and said(r"d\,\theta") == ["inputs"]


def test_a_row_of_one_chapter_holds_there_only():
    assert said(r"\rho_{\text{mean}}", "ch:one") == ["its mean, in {ref}`ch:one`"]
    assert said(r"\rho_{\text{mean}}") == []


def test_a_chapter_with_letters_of_its_own_has_no_others():
    assert said("K+d", "far") == ["students, loss"] and said("K+d") == ["all nodes", "inputs"]


def test_the_notation_of_the_book_is_read():
    known, terms = notation.read(ROOT / "book")
    assert len(known) > 30 and len(terms) > 10 and notation.read(Path("nowhere")) == ([], [])
    (own,) = meanings("K", known, ["two_layer_theorem", "ch:two-layer"])
    (other,) = meanings("K", known, ["online_learning", "ch:online"])
    assert own != other and other.neighbour
