"""The scorecard: filtered by verdict and chapter, whole on a desktop, cards on a phone."""

import pytest

from tests.browsing import resize, visit

ROWS = """return [...document.querySelectorAll('.scorecard tr[data-verdicts]')].map(row => ({
  chapter: row.parentElement.dataset.chapter, verdicts: row.dataset.verdicts.split(' '), top: row.offsetTop,
  shown: row.offsetParent !== null, heading: row.parentElement.rows[0].offsetParent !== null,
  inside: [row, ...row.cells].every(part => part.getBoundingClientRect().right <= innerWidth),
  scales: [...row.querySelectorAll('td[data-scale]')].filter(td => td.offsetParent).length,
  stacked: row.querySelector('[data-scale]').offsetTop > row.cells[0].offsetTop}))"""
CHOOSE = """
const select = document.querySelectorAll('.claims-filter select')[arguments[0]];
select.value = arguments[1];
select.dispatchEvent(new Event('change', {bubbles: true}));
return document.querySelector('.claims-filter output').textContent"""
VERDICT, CHAPTER = 0, 1


@pytest.fixture(scope="module")
def card(html, browser):
    visit(browser, (html / "book" / "scorecard.html").as_uri(), "light", 1280)
    return browser


def test_filters_leave_what_they_name_and_say_how_much(card):
    rows = card.execute_script(ROWS)
    chapters = list(dict.fromkeys(row["chapter"] for row in rows))
    assert len(chapters) > 10 and all(row["shown"] for row in rows)
    for verdict, chapter in (("fails", ""), ("holds", chapters[2]), ("", chapters[-1])):
        card.execute_script(CHOOSE, CHAPTER, chapter)
        said = card.execute_script(CHOOSE, VERDICT, verdict)
        left = [row for row in card.execute_script(ROWS) if row["shown"]]
        wanted = [
            row
            for row in rows
            if chapter in ("", row["chapter"]) and (not verdict or verdict in row["verdicts"])
        ]
        assert 0 < len(left) < len(rows) and said == f"{len(left)} of {len(rows)} claims"
        assert [row["verdicts"] for row in left] == [row["verdicts"] for row in wanted]
        headings = {row["chapter"] for row in card.execute_script(ROWS) if row["heading"]}
        assert headings == {row["chapter"] for row in wanted}
    card.execute_script(CHOOSE, CHAPTER, "")
    card.execute_script(CHOOSE, VERDICT, "")
    assert all(row["shown"] for row in card.execute_script(ROWS))


def test_a_row_on_a_desktop_is_whole_and_a_card_on_a_phone(card):
    for width, is_card in ((1280, False), (390, True)):
        resize(card, width)
        rows = card.execute_script(ROWS)
        assert [row for row in rows if not row["inside"]] == []
        assert {row["stacked"] for row in rows} == {is_card}
        assert min(row["scales"] for row in rows) == 1
    resize(card, 1280)


def test_a_claim_leads_to_its_statement_its_figures_and_its_chapter(html):
    text = (html / "book" / "scorecard.html").read_text()
    rows = text.split('<tr id="claim-')[1:]
    assert len(rows) > 100
    without = [row.split('"')[0] for row in rows if ".html#claim-" not in row or row.count("<a href=") < 3]
    assert without == []


def test_without_a_script_the_scorecard_is_the_whole_table(html):
    body = (html / "book" / "scorecard.html").read_text().split("<tbody", 1)[1]
    assert "claims-filter" not in body and " hidden" not in body.split("</table>")[0]
