"""The icon script keeps the icons that pages name, under whatever name."""

from importlib import util

import pytest

from tests.toy_book import ROOT

spec = util.spec_from_file_location("icons", ROOT / "book" / "_ext" / "icons.py")
icons = util.module_from_spec(spec)
spec.loader.exec_module(icons)

SCRIPT = (
    'var p={monero:[496,512,[],"f3d0","M352 384"],"arrow-up":[384,512,[8593],"f062","M214"],'
    '"face-smile":[512,512,[128578,"smile"],"f118",["M4","M5"]]};draw(p)'
)


def test_what_is_wanted_stays_by_its_other_names_too():
    smallest = icons.subset(SCRIPT, {"smile", "solid"})
    assert smallest == 'var p={"face-smile":[512,512,[128578,"smile"],"f118",["M4","M5"]]};draw(p)'
    assert icons.subset(SCRIPT, {"monero", "arrow-up", "face-smile"}) == SCRIPT
    assert icons.subset(SCRIPT, set()) == "var p={};draw(p)"


def test_a_script_of_another_form_is_refused():
    with pytest.raises(ValueError, match="holds no icons"):
        icons.subset("var p={}", {"bars"})


def test_pages_and_scripts_say_what_is_wanted(tmp_path):
    (tmp_path / "_static" / "scripts").mkdir(parents=True)
    (tmp_path / "page.html").write_text('<i class="fa-solid fa-arrow-up"></i><i class="fas fa-file-pdf"></i>')
    (tmp_path / "_static" / "menu.js").write_text("new Icon('fa-xmark')")
    (tmp_path / icons.SCRIPT).write_text("'fa-monero'")
    assert icons.wanted(tmp_path) == {"solid", "arrow-up", "file-pdf", "xmark"}
