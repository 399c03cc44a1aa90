"""Tables of pandas as pages show them."""

from importlib import util

import numpy as np
import pandas as pd
from bs4 import BeautifulSoup

from tests.toy_book import ROOT

spec = util.spec_from_file_location("plain_tables", ROOT / "book" / "_ext" / "plain_tables.py")
plain_tables = util.module_from_spec(spec)
spec.loader.exec_module(plain_tables)


def shown(table: pd.DataFrame) -> list[list[str]]:
    """Texts of the rows as a page has them, spaces that only align them included."""
    soup = BeautifulSoup(plain_tables.plain(table._repr_html_()), "html.parser")
    assert not soup.select("style") and len(soup.select("table")) == 1
    return [[cell.get_text() for cell in row.select("th, td")] for row in soup.select("tr")]


def test_the_names_of_the_index_share_a_row_with_the_columns():
    rows = [("ours", 1, 0.5), ("ours", 2, 0.25), ("paper", 1, 0.75), ("paper", 2, 1.0)]
    table = pd.DataFrame(rows, columns=["by_whom", "layer", "mean_value"]).set_index(["by_whom", "layer"])
    assert shown(table)[:2] == [["by whom", "layer", "mean value"], ["ours", "1", "0.50"]]


def test_the_name_of_the_columns_stands_before_each_first_number():
    rows = [(kind, samples, 1.5) for kind in "ab" for samples in (10, 20)]
    table = pd.DataFrame(rows, columns=["kind", "samples", "loss"])
    heads = shown(table.pivot(index="kind", columns="samples"))[:2]
    assert heads == [["", "loss"], ["kind", "samples 10", "20"]]
    both = pd.DataFrame([[1, 2, 3, 4]], columns=pd.MultiIndex.from_product(
        [["mean", "std"], [5, 6]], names=["", "samples"]))  # fmt: skip
    assert shown(both.rename_axis(index="layer"))[1] == ["layer", "samples 5", "6", "samples 5", "6"]
    words = pd.DataFrame({"left": [1], "right": [2]}, index=["x"]).rename_axis(columns="side")
    assert shown(words)[0] == ["", "left", "right"]


def test_what_only_counts_the_rows_goes():
    table = pd.DataFrame({"name": ["a", "b"], "value": [1, 2]})
    assert shown(table) == [["name", "value"], ["a", "1"], ["b", "2"]]
    assert shown(table.rename_axis("node"))[0] == ["node", "name", "value"]
    parts = pd.concat({"first": table, "second": table}, names=["curves of", ""])
    assert shown(parts)[:2] == [["curves of", "name", "value"], ["first", "a", "1"]]


def test_numbers_are_below_each_other_and_nothing_is_nan():
    table = pd.DataFrame({"value": ["12", "0.25", "-1.5", "< 2e-03"], "found": [True, False, None, np.nan]})
    wanted = ["12\u2008\u2007\u2007", "0.25", "−1.5\u2007", "<\u00a02e−03"]
    assert [row[0] for row in shown(table)[1:]] == wanted
    assert [row[1] for row in shown(table)[1:]] == ["yes", "no", "–", "–"]


def test_names_that_a_reader_types_stay_as_they_are():
    table = pd.DataFrame({"wall_seconds": [1]}, index=pd.Index(["dataset_size"], name="sweep"))
    assert shown(table) == [["sweep", "wall seconds"], ["dataset_size", "1"]]
    assert shown(table.rename_axis("curve"))[1][0] == "dataset size"


def test_other_html_stays_as_it_is():
    for html in ("<p>NaN</p>", '<table class="dataframe claims"><tr><td>NaN</td></tr></table>'):
        assert plain_tables.plain(html) == html


def test_the_facts_of_a_sweep_are_folded_behind_its_name():
    facts = pd.Series({"sweep": "fan_out", "cells": 7, "commit": "abc"}).to_frame("this sweep")
    soup = BeautifulSoup(plain_tables.plain(facts._repr_html_()), "html.parser")
    assert soup.details.summary.get_text() == "Where the numbers of the sweep fan_out come from"
    assert soup.details.select("table") and not soup.details.has_attr("open")
