"""The page of ts_core: all of it that is public, from its source."""

import inspect
from importlib import import_module, util

from tests.toy_book import ROOT

spec = util.spec_from_file_location("core_reference", ROOT / "book" / "_ext" / "core_reference.py")
core_reference = util.module_from_spec(spec)
spec.loader.exec_module(core_reference)


def test_everything_public_in_the_core_is_on_the_page():
    text = "\n".join(core_reference.reference())
    for name, _ in core_reference.modules():
        module = import_module(name)
        own = [
            one
            for one in vars(module).values()
            if (inspect.isfunction(one) or inspect.isclass(one)) and one.__module__ == name
        ]
        public = [one.__name__ for one in own if not one.__name__.startswith("_") and one.__doc__]
        assert f"## `{name}`" in text
        assert [one for one in public if f"### `{one}(" not in text] == []


def test_a_docstring_becomes_paragraphs_and_lists():
    docstring = """The ``rows`` of a_b, :func:`f`.

    A *plain* sentence, of x * y,
    goes on.

    x           in
                two lines.
    raises      at 0.
    Words after a list.
    * One of several,
      in two lines.
    """
    assert "\n".join(core_reference._words(docstring)).splitlines() == [
        "The `rows` of a\\_b, `f`.",
        "",
        "A *plain* sentence, of x \\* y,",
        "goes on.",
        "",
        "- `x` in two lines.",
        "- *raises* at 0.",
        "",
        "Words after a list.",
        "- One of several, in two lines.",
    ]
