"""The book on paper: two small pages, joined and printed."""

import shutil

import pytest

from companion.pages import pdf
from companion.pages.notebooks import BookError
from tests.toy_book import ROOT

PAGE = """<html><head><link rel="stylesheet" href="../_static/book.css"></head><body><div>menu</div><article>
<section id="top"><h1>{title}</h1><section id="part"><h2>{title} part</h2><p id="here">{text}</p></section>
</section>
<details class="above-input"><summary>code</summary><p>folded</p></details>
<details class="below-input"><summary>Show output</summary><p>shown</p></details>
<details><summary>Proof idea</summary><p>opened</p></details>
</article></body></html>"""
CONTENTS = [pdf.Part("", ("book/one",)), pdf.Part("Rest", ("book/two",))]


@pytest.fixture
def html(tmp_path):
    """Pages that link to each other, to a file beside them, and out."""
    (tmp_path / "book").mkdir()
    links = '<a href="two.html#here">there</a> <a href="#here">here</a> <a href="two.html">two</a>'
    out = '<a href="figures/data.csv">numbers</a> <a href="https://example.org/">out</a>'
    one = PAGE.format(title="One", text=f'{links} {out} <img src="../_images/a.svg" loading="lazy">')
    (tmp_path / "book" / "one.html").write_text(one)
    (tmp_path / "book" / "two.html").write_text(PAGE.format(title="Two", text="the end"))
    (tmp_path / "_static").mkdir()
    shutil.copy(ROOT / "book" / "_ext" / "static" / "pdf.css", tmp_path / "_static")
    return tmp_path


def test_links_lead_to_places_within_the_whole(html):
    from bs4 import BeautifulSoup

    whole = BeautifulSoup(pdf.joined(html, CONTENTS, "Title", "Author"), "html.parser")
    ids = [anchor["id"] for anchor in whole.select("[id]")]
    inside = [link["href"][1:] for link in whole.select("a[href^='#']")]
    assert len(set(ids)) == len(ids) and set(inside) <= set(ids)
    assert [link["href"][1:] for link in whole.select("p a[href^='#']")] == [
        "two--here",
        "one--here",
        "two--",
    ]
    assert [link["href"] for link in whole.select("a[href]:not([href^='#'])")] == ["https://example.org/"]
    assert whole.select_one("img")["src"] == "_images/a.svg"
    text = whole.get_text()
    assert all(words in text for words in ("opened", "Proof idea", "shown"))
    assert not any(words in text for words in ("folded", "menu", "Show output"))
    assert all("open" in details.attrs for details in whole.select("details"))


def test_two_pages_are_printed_with_bookmarks_and_links(html, tmp_path):
    if not any(map(shutil.which, pdf.BROWSERS)):
        pytest.skip("no browser to print with")
    import pikepdf

    (html / "whole.html").write_text(pdf.joined(html, CONTENTS, "Title", "Author"))
    pdf.printed(html / "whole.html", target := tmp_path / "book.pdf")
    with pikepdf.open(target) as book:
        assert len(book.pages) == 4  # cover, contents, two pages
        assert str(book.docinfo["/Title"]) == "Title"
        with book.open_outline() as outline:
            assert [item.title for item in outline.root] == ["One", "Two"]
            assert [item.title for item in outline.root[1].children] == ["Two part"]
        links = [link for page in book.pages for link in page.get("/Annots", [])]
        out = [str(link.A.URI) for link in links if "/A" in link and "/URI" in link.A]
        assert out == ["https://example.org/"] and len(links) == 8


def test_without_a_rendered_book_or_a_browser_it_says_so(tmp_path, monkeypatch):
    class Empty:
        work = tmp_path

    with pytest.raises(BookError, match="no rendered book; python -m companion build makes it"):
        pdf.write(Empty())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BookError, match="no browser to print with"):
        pdf.printed(tmp_path / "page.html", tmp_path / "book.pdf")
