"""From a request to rendered pages: what is refused, what is put where, what survives a failure or a kill."""

import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import chdir, redirect_stdout
from html import unescape
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from companion import __main__ as command
from companion.datasets.cifar10 import DataError
from companion.pages import build, notebooks, request, run_list, scorecard
from companion.pages.book import Book
from companion.pages.notebooks import BookError
from companion.runs.store import load_results
from companion.runs.workers import cores
from tests import toy_book

ROOT = toy_book.ROOT
NOT_CODE = shutil.ignore_patterns("__pycache__")


def tree(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def kept(root: Path) -> dict[str, dict]:
    """What a run that fails must leave as it was: the sources, the book's pages, those of every other run."""
    found = {part: tree(root / part) for part in ("book", "companion", "_build/html", "_build/runs")}
    found["_build/runs"].pop(run_list.LIST.name, None)  # which only lists them
    return found


def pages(root: Path) -> dict[str, str]:
    """What of a book is staged: its pages, without the tables of its sweeps."""
    return {name: file for name, file in tree(root / "book").items() if not name.startswith("results/")}


def run(book: Book, chapter: str = "polygon", name: str = "", **values) -> Path:
    """Ask and run, as the command line does."""
    words = [(key, str(value)) for key, value in values.items()]
    return build.run(book, request.ask(book, chapter, words, name=name))


def test_normal_form_is_reached_once_and_drops_what_changes():
    first = {"tags": ["injected-parameters"], "papermill": {"duration": 1.2}}
    cell = new_code_cell("# Parameters\na = 1", metadata=first)
    other = new_code_cell("a", metadata={"execution": {"iopub": "10:00"}, "tags": []}, id="kept")
    about = {"papermill": {"start_time": "10:00"}, "kernelspec": {"name": "mine", "display_name": "Mine"}}
    notebook = new_notebook(cells=[cell, other], metadata=about)
    notebooks.normalise(notebook)
    assert cell.id == "injected-parameters" and cell.metadata.tags == ["injected-parameters", "hide-input"]
    assert other.id == "kept" and other.metadata == {} and "papermill" not in notebook.metadata
    once = nbformat.writes(notebook)
    notebooks.normalise(notebook)
    assert nbformat.writes(notebook) == once


def test_problems_of_an_executed_notebook():
    error = [new_output("error", ename="ValueError", evalue="no", traceback=[])]
    ran, expected = new_code_cell("a", execution_count=1), {"tags": ["raises-exception"]}
    assert notebooks.problems(new_notebook(cells=[ran, new_code_cell(" ")])) == []
    announced = new_code_cell("b", execution_count=2, outputs=error, metadata=expected)
    assert notebooks.problems(new_notebook(cells=[announced])) == []
    assert "not executed" in notebooks.problems(new_notebook(cells=[new_code_cell("a")]))[0]
    stored = new_code_cell("b", execution_count=2, outputs=error)
    assert "ValueError: no" in notebooks.problems(new_notebook(cells=[stored]))[0]


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "x.ipynb").write_text("{")
    with pytest.raises(BookError, match="x.ipynb is not a notebook"):
        notebooks.read(tmp_path / "x.ipynb")
    with pytest.raises(BookError, match="there is no notebook"):
        notebooks.read(tmp_path / "y.ipynb")


def test_a_kernel_that_dies_is_one_line(tmp_path, caplog):
    cell = new_code_cell("import os; os._exit(1)")
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "greedy.ipynb")
    with pytest.raises(BookError, match="greedy was not finished: Kernel died; often .* memory") as failed:
        notebooks.execute(tmp_path / "greedy.ipynb", {})
    assert "\n" not in str(failed.value) and caplog.records == []


@pytest.mark.skipif(not Path("/proc/self/net").exists(), reason="needs /proc")
def test_a_kernel_is_reached_from_no_other_machine_and_by_no_other_user(tmp_path):
    """Its connections are files, in a folder that is gone afterwards.

    What listens is the local pipe of ipykernel, for what child processes print; it asks for a key.
    """
    with notebooks.Kernels() as kernels:
        kernel = kernels.start(tmp_path)
        assert kernel.transport == "ipc"
        client = kernel.client()
        client.start_channels()
        wait_for(lambda: len(list(kernels._folder.glob("*-ipc-*"))) == 5, "the sockets of the kernel")
        process = kernel.provisioner.process.pid
        open_ = {os.readlink(path) for path in Path(f"/proc/{process}/fd").iterdir()}
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        listening = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in open_]
        assert len(listening) <= 1 and all(address.startswith("0100007F:") for address in listening)
        assert kernels._folder.stat().st_mode & 0o077 == 0
        client.stop_channels()
    wait_for(lambda: not alive(process), "the end of the kernel")
    assert not kernels._folder.exists()


def test_texts_that_a_slow_machine_prints_in_pieces_are_one_output(tmp_path):
    slow = "import time\nprint(1, flush=True)\ntime.sleep(0.5)\nprint(2)"
    nbformat.write(new_notebook(cells=[new_code_cell(slow)]), tmp_path / "slow.ipynb")
    notebooks.execute(tmp_path / "slow.ipynb", {})
    (output,) = notebooks.read(tmp_path / "slow.ipynb").cells[0].outputs
    assert output.text == "1\n2\n"


def companion(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """The command line, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "companion", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_the_cell_that_fails_is_named_with_its_error(tmp_path):
    cells = [new_code_cell("value = 'three'"), new_code_cell("(1.5).__round__(value)"), new_code_cell("1")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "wrong.ipynb")
    with pytest.raises(BookError, match="^wrong failed in cell 2: TypeError") as failed:
        notebooks.execute(tmp_path / "wrong.ipynb", {})
    assert "\n" not in str(failed.value)
    assert "failed run" in "".join(notebooks.problems(notebooks.read(tmp_path / "wrong.ipynb")))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Book, subprocess.CompletedProcess, dict[str, str]]:
    """A book of two chapters, polygon and ring, swept, built and stored; what the build said and executed."""
    root = toy_book.drop(tmp_path_factory.mktemp("books") / "toy")
    toy_book.add_chapter(root, "ring")
    with toy_book.chapters_of(root), chdir(root), redirect_stdout(io.StringIO()) as said:
        assert command.main(["sweep", "polygon_darts", "--scale", "paper", "--workers", "1"]) == 0
    told, wrote = said.getvalue().splitlines()
    assert told.startswith("polygon_darts: ") and " in 7 cells: " in told
    assert wrote == f"wrote {root / 'book' / 'results' / 'polygon_darts'}"
    assert load_results("polygon_darts", root / "book" / "results" / "polygon_darts")[1]["cells"] == 7
    book = toy_book.book(root, "ring")
    done = companion(root, "build")
    assert done.returncode == 0, done.stderr
    executed = tree(book.work / "stage" / "book")
    changed = {page.stem for page in build.rewrite(book)}
    assert changed == {"polygon", "ring", "map", "scorecard"}
    return book, done, executed


@pytest.fixture(scope="module")
def toy(built) -> Book:
    """That book; tests leave its html as it is."""
    return built[0]


@pytest.fixture
def copy(toy, tmp_path) -> Book:
    """A copy of it, to be damaged."""
    root = tmp_path / "copy"
    shutil.copytree(toy.root, root, ignore=NOT_CODE)
    return toy_book.book(root, "ring")


def test_build_renders_every_chapter_and_the_scorecard(toy):
    html = toy.work / "html"
    assert (
        "quick scale: 4 hold, 2 fail, 0 undecided · paper scale: 1 hold, 0 fail, 0 undecided"
        in (html / "book" / "intro.html").read_text()
    )
    card = (html / "book" / "scorecard.html").read_text()
    assert "polygon/share-0.99" in card and "ring/share-0.99" in card and "paper scale" in card
    assert not (toy.work / "runs").exists()


def test_a_statement_and_its_claims_lead_to_each_other(toy):
    block, card, shown = (
        (toy.work / "html" / "book" / f"{name}.html").read_text() for name in ("polygon", "scorecard", "map")
    )
    to_claim = 'href="polygon.html#claim-polygon-darts"'
    assert f"Checked: <a {to_claim.replace('darts', 'share-0-9')}" in block and to_claim in block
    assert 'id="claim-polygon-darts"' in block and shown.count("polygon/darts</a>") == 1
    assert '<a href="#thm-polygon">Theorem&nbsp;1.1</a> · polygon/darts' in block
    assert (
        f'<a href="polygon.html#thm-polygon">Theorem&nbsp;1.1</a> · <a {to_claim}>polygon/darts</a>' in card
    )
    assert 'href="polygon.html#thm-polygon">Theorem 1.1</a>: Area of the polygon' in shown
    assert to_claim in shown and shown.index("thm-polygon") < shown.index("thm-ring")


def test_a_map_with_gaps_stops_the_building_and_not_a_run(copy, monkeypatch):
    page = copy.root / "book" / "map.ipynb"
    book_map = notebooks.read(page)
    book_map.cells[-1].outputs[0].metadata["gaps"] = ["ring/x: in the air", "thm-ring: undecided"]
    nbformat.write(book_map, page)
    monkeypatch.setattr(build, "_execute", lambda *_: None)
    before = kept(copy.root)
    for make in (build.rewrite, build.build):
        with pytest.raises(BookError, match=r"^book/map.ipynb: ring/x: in the air \(and 1 more\)$"):
            make(copy)
        assert kept(copy.root) == before
    monkeypatch.setattr(build, "render", lambda *_: pytest.fail("it goes on"))
    with pytest.raises(pytest.fail.Exception, match="it goes on"):
        run(copy)


def test_theorem_exercise_and_data_of_a_figure_are_on_the_page(toy):
    text = (toy.work / "html" / "book" / "polygon.html").read_text()
    assert 'class="proof theorem admonition"' in text and "Theorem 1.1" in text
    assert 'class="exercise admonition"' in text and "A bar for the polygon" in text
    assert 'class="solution dropdown admonition"' in text, "the solution is folded"
    assert 'href="#thm-polygon"' in text and 'href="#ex-polygon"' in text
    assert text.count("fig-polygon.measured.csv") == text.count("fig-polygon.exact.csv") == 1


def test_execution_is_byte_identical_and_says_one_line_for_each_chapter(built):
    """Built by one command, executed again and stored by the next, each time in new kernels."""
    toy, done, staged = built
    stored = pages(toy.root)
    assert {name: staged.get(name) for name in stored} == stored
    assert all(
        name.startswith("figures/") or name.endswith(".request.json") for name in set(staged) - set(stored)
    )
    lines = [line.rpartition(" in ")[0] for line in done.stdout.splitlines()]
    assert sorted(lines[:-1]) == [
        f"executed book/{name}.ipynb" for name in ("map", "polygon", "ring", "scorecard")
    ]
    staged = request.asked(toy, "polygon", toy.work / "stage" / "book")
    assert staged.workers == max(1, cores() // 2), "two chapters share the cores"
    collect = {f"executed book/{name}.ipynb" for name in scorecard.COLLECT}
    assert set(lines[-3:-1]) == collect, "when the chapters are there"
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == f"open {(toy.work / 'html' / 'index.html').as_uri()}"


def test_notebooks_that_did_not_change_are_not_written(toy, monkeypatch):
    monkeypatch.setattr(build, "_execute", lambda *_: None)  # it is byte-identical: the test above
    before = tree(toy.root / "book")
    assert build.rewrite(toy) == [] and tree(toy.root / "book") == before


def test_only_the_notebooks_that_are_named_are_made_again(copy):
    page = copy.root / "book" / "polygon.ipynb"
    other = page.with_name("ring.ipynb")
    stored = page.read_bytes()
    for path in (page, other):
        path.write_text(path.read_text().replace(" of 12 sides", " of 13 sides"))
    damaged = other.read_bytes()
    assert Path("book/polygon.ipynb") in build.rewrite(copy, ["polygon"])
    assert page.read_bytes() == stored and other.read_bytes() == damaged
    with pytest.raises(BookError, match="unknown notebook 'polygons'; did you mean polygon"):
        build.rewrite(copy, ["polygons"])


def test_run_renders_into_its_own_folder_and_changes_nothing_else(toy):
    before = kept(toy.root)
    page = run(toy, name="hundred", sides=100, label="fine")
    folder = toy.work / "runs" / "hundred"
    assert page == folder / "book" / "polygon.html"
    after = kept(toy.root)
    assert all(name.startswith("hundred/") for name in after["_build/runs"])
    assert {**after, "_build/runs": {}} == before
    text = page.read_text()
    assert "Show the parameters of this run" in text and "The fine polygon of 100 sides" in text
    assert (
        "quick scale: 5 hold, 1 fail, 0 undecided · paper scale: 1 hold, 0 fail, 0 undecided"
        in (folder / "book" / "intro.html").read_text()
    )
    stored = {claim.id: claim.value for claim in scorecard.collect(toy.work / "stage" / "book")}
    assert stored["polygon/share-0.9"] == pytest.approx(0.99934, rel=1e-5)  # 100 / (2 pi) * sin(2 pi / 100)
    assert request.asked(toy, "polygon", folder).values == {"sides": 100, "label": "fine"}


def test_a_run_says_what_was_changed_and_what_the_book_has(toy):
    folder = toy.work / "runs" / "hundred" / "book"
    names = ("polygon", "scorecard", "intro", "ring", "map")
    text = {name: (folder / f"{name}.html").read_text() for name in names}
    assert {name for name in names if "A run of your own: hundred" in text[name]} == set(names[:3])
    row = "<tr><td><code>sides</code></td><td>12</td><td><b>100</b></td></tr>"
    assert row in text["polygon"] and "<td>inside</td><td><b>fine</b></td>" in text["intro"]
    unbroken = re.sub(r"</?span[^>]*>", "", text["polygon"])  # around what no line breaks
    beside = re.findall(r"at the defaults:</small> <b.*?</b><br>([^<]*)<", unbroken)
    claims = scorecard.claims_in(notebooks.glance(toy.root / "book" / "polygon.ipynb"))
    assert beside == [claim.measured() for claim in claims if claim.scale == "quick"]
    assert text["scorecard"].count("at the defaults") == len(beside) and "at the defaults" not in text["ring"]
    assert "own: " not in (toy.work / "html" / "book" / "polygon.html").read_text()


def test_runs_are_listed_the_latest_first_and_linked(toy):
    (toy.work / "runs" / "odd").mkdir()
    for number, text in enumerate(
        ['{"chapter": 1', 99_999 * "[", "[]", '{"chapter": "x", "values": 1, "results": ""}']
    ):
        (toy.work / "runs" / "odd" / f"{number}.request.json").write_text(text)
    run(toy, "ring", name="as <it> is")
    listed = [found.request.name for found in run_list.runs(toy)]
    assert listed == ["as <it> is", "hundred"]
    page = (toy.work / run_list.LIST).read_text()
    assert "as &lt;it&gt; is" in page and "as in the book" in page and "label &quot;fine&quot;" in page
    links = re.findall(r'<a href="(\w[^"]*)"', page)
    assert [(toy.work / "runs" / unescape(link)).is_file() for link in links] == [True, True]
    done = companion(toy.root, "list-runs")
    assert done.stdout.splitlines()[2] == 'hundred: polygon, sides 100, label "fine"'
    assert done.stdout.splitlines()[3].startswith("  file:///") and done.stderr == ""
    shutil.rmtree(toy.work / "runs" / "odd")
    shutil.rmtree(toy.work / "runs" / "as <it> is")


def test_a_run_of_another_chapter_shows_this_one_as_stored(toy):
    """Not as the last run left it, which is what a page that is not read again would show."""
    assert "polygon of 100 sides" in (toy.work / "runs" / "hundred" / "book" / "polygon.html").read_text()
    before = kept(toy.root)
    cells = set(toy.cells.iterdir())
    run(toy, "ring", name="square", sides=4, darts=1000)
    assert len(set(toy.cells.iterdir()) - cells) == 6, "five polygons and an area, on all cores"
    assert request.asked(toy, "ring", toy.work / "stage" / "book").workers == cores()
    folder = toy.work / "runs" / "square" / "book"
    assert "The inside polygon of 12 sides" in (folder / "polygon.html").read_text()
    assert "The inside ring of 4 sides" in (folder / "ring.html").read_text()
    card = (folder / "scorecard.html").read_text()
    assert "of 100 sides" not in card and "polygon of 12 sides" in card and "ring of 4 sides" in card
    assert (
        "quick scale: 3 hold, 3 fail, 0 undecided · paper scale: 1 hold, 0 fail, 0 undecided"
        in (folder / "intro.html").read_text()
    )
    others = {
        name: file for name, file in kept(toy.root)["_build/runs"].items() if not name.startswith("square/")
    }
    assert others == before["_build/runs"]


def test_a_page_that_stays_is_as_a_rendering_from_nothing_writes_it(toy):
    """But for marks by which browsers know a new style sheet, and words that no page has any more."""
    stage, marks = toy.work / "stage", re.compile(r'\?v=[0-9a-f]{8}|"\w*": \[\],? ?')
    read = lambda folder: {
        path.relative_to(folder): marks.sub("", path.read_text("utf-8", "replace"))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".json"
    }
    written = lambda: (stage / "_build" / "html" / "book" / "ring.html").stat().st_mtime_ns
    run(toy, name="nine", sides=9)
    before = written()
    run(toy, name="ten", sides=10)
    assert written() == before, "what this run has not changed stays"
    shutil.rmtree(stage / "_build" / "html")
    with build.renderer(stage) as waiting:
        whole = read(build.render(waiting, stage, toy.work))
    assert read(toy.work / "runs" / "ten") == whole
    for name in ("nine", "ten"):
        shutil.rmtree(toy.work / "runs" / name)


def test_pages_of_a_book_whose_code_changed_are_all_written_again(copy):
    sheet, html = copy.root / "book" / "_ext" / "static" / "book.css", copy.work / "stage" / "_build" / "html"
    before = (html / "book" / "ring.html").read_bytes()
    with sheet.open("a") as file:
        file.write("\n.new { color: red; }\n")
    run(copy, name="nine", sides=9)
    assert (html / "book" / "ring.html").read_bytes() != before


def test_a_name_stands_for_one_set_of_values(toy, monkeypatch):
    taken = toy.work / "runs" / "taken"
    request.ask(toy, "polygon", [("sides", "5")], name="taken").save(taken_folder(taken))
    monkeypatch.setattr(build, "_execute", lambda *_: pytest.fail("work has started"))
    for other in (dict(sides=6), dict(), dict(sides=5, label="x"), dict(chapter="ring", sides=5)):
        with pytest.raises(BookError, match=f"{taken} is there, and of other parameters; .* another --name"):
            run(toy, name="taken", **other)
    with pytest.raises(pytest.fail.Exception, match="work has started"):  # the same again is no other
        run(toy, name="taken", sides=5)
    shutil.rmtree(taken)


def taken_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def damage(book: Book, kind: str) -> None:
    """Break one thing in a copy of the toy book."""
    root = book.root
    page, chapter, toc = root / "book" / "intro.md", root / "book" / "polygon.ipynb", root / "_toc.yml"
    if kind == "reference":
        page.write_text(page.read_text() + "\nSee {ref}`nowhere`.\n")
    elif kind == "default":
        chapter.write_text(chapter.read_text().replace("sides: int = 12", "sides: int = 13"))
    elif kind == "toc":
        toc.write_text(toc.read_text() + "      - file: book/missing\n")


@pytest.mark.parametrize(
    ("kind", "message"),
    [("default", "sides is 13 in the parameters cell"), ("toc", "_toc.yml names book/missing")],
)
def test_damaged_sources_leave_the_last_rendering(copy, kind, message):
    damage(copy, kind)
    before = kept(copy.root)
    with pytest.raises(BookError, match=message) as failed:
        run(copy, name="other")
    assert "\n" not in str(failed.value)
    assert kept(copy.root) == before


def test_a_page_that_does_not_render_leaves_all_others(toy, monkeypatch):
    monkeypatch.setattr(build, "_execute", lambda *_: None)  # what is stored does not render either
    path = toy.root / "book" / "intro.md"
    intro = path.read_text()
    damage(toy, "reference")
    before = kept(toy.root)
    with pytest.raises(BookError, match=r"does not render: book/intro.md.*nowhere") as failed:
        run(toy, name="six", sides=6)
    assert "\n" not in str(failed.value) and str(toy.work / "render.log") in str(failed.value)
    assert kept(toy.root) == before
    path.write_text(intro)


BOOK_TOOL = """
import sys
from pathlib import Path
built = Path(sys.argv[2]) / "_build"
input()
read = (built / "doctree").exists()
(built / "html").mkdir(parents=True, exist_ok=True)
(built / "doctree").touch()
sys.exit(0 if read else print("book/intro.md: WARNING: said once") or 1)
"""


def test_a_rendering_that_failed_is_not_gone_on_with(tmp_path, monkeypatch):
    """A page that has been read once does not repeat its warnings: the second rendering would pass."""
    monkeypatch.setattr(build, "JUPYTER_BOOK", BOOK_TOOL)
    stage = tmp_path / "stage"

    def render() -> Path:
        with build.renderer(stage) as waiting:
            return build.render(waiting, stage, tmp_path)

    for _ in range(2):
        with pytest.raises(BookError, match="WARNING: said once"):
            render()
    (stage / "_build" / "complete").touch()  # as one that went well leaves it
    assert render() == stage / "_build" / "pages"
    (stage / "_build" / "complete").unlink()  # as one that was killed leaves it
    with pytest.raises(BookError, match="WARNING: said once"):
        render()


def alive(process: int) -> bool:
    """Whether a process runs still; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} took over {seconds} s"
        time.sleep(0.1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_killed_run_leaves_nothing_at_work_and_the_next_one_works(toy, monkeypatch):
    """Killed in mid-run, and again while it renders; the next one renders what is stored."""
    chapter = toy.root / "companion" / "chapters" / "polygon" / "plots.py"
    code, before = chapter.read_text(), kept(toy.root)
    mark = toy.work / "kernel"
    say = f'open({str(mark)!r}, "w").write(f"{{os.getpid()}} {{os.getppid()}}.")'
    chapter.write_text(f"{code}\nimport os, time\n{say}\ntime.sleep(300)\n")
    words = [sys.executable, "-m", "companion", "run", "polygon", "-p", "sides", "7"]
    started = subprocess.Popen(
        words, cwd=toy.root, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    )
    wait_for(lambda: mark.exists() and mark.read_text().endswith("."), "the start of the kernel")
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    others = [int(number) for number in mark.read_text().rstrip(".").split()]
    wait_for(lambda: not any(map(alive, others)), "the end of kernel and worker", 20)
    chapter.write_text(code)
    assert kept(toy.root) == before

    (toy.work / "stage" / "_build" / "complete").unlink(missing_ok=True)  # as a rendering does first
    for file in (toy.work / "stage" / "_build" / ".doctrees").rglob("*.*"):
        file.write_bytes(file.read_bytes()[:100]) if file.is_file() else None
    monkeypatch.setattr(build, "_execute", lambda *_: None)
    page = run(toy, "ring", name="next")
    assert "The inside ring of 12 sides" in page.read_text()
    assert "The inside polygon of 12 sides" in page.with_name("polygon.html").read_text()


def test_a_rendering_that_outlives_its_run_keeps_the_stage_to_itself(toy):
    with build._stage(toy):
        renderer = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    with pytest.raises(BookError, match="another run is at work"), build._stage(toy):
        pass
    renderer.communicate(b"\n")
    with build._stage(toy):
        pass


def test_the_stage_becomes_the_sources_whatever_was_left_in_it(copy):
    stage = copy.work / "stage"
    (stage / "book" / "polygon.ipynb").write_text("{")
    (stage / "book" / "intro.md").unlink()
    (stage / "book" / "left.md").write_text("# Left")
    (stage / "book" / "figures" / "polygon").mkdir(parents=True, exist_ok=True)
    (stage / "book" / "figures" / "polygon" / "fig-old.csv").write_text("x\n")
    (stage / "_config.yml").write_text("")
    same = (stage / "book" / "references.bib").stat().st_mtime_ns
    with build._stage(copy) as found:
        assert found == stage and tree(stage / "book") == pages(copy.root)
        assert (stage / "_config.yml").read_text() == (copy.root / "_config.yml").read_text()
        assert (stage / "book" / "references.bib").stat().st_mtime_ns == same, (
            "what is the same is not written"
        )


def test_results_and_published_numbers_are_not_staged(copy):
    for name in ("results", "reference"):
        (copy.root / "book" / name).mkdir(exist_ok=True)
        (copy.root / "book" / name / "x.csv").write_text("x\n")
    with build._stage(copy) as stage:
        assert not list(stage.rglob("x.csv"))


def test_a_swap_that_fails_half_way_is_undone(copy, monkeypatch):
    before, target = kept(copy.root), copy.work / "html"
    html = copy.work / "fresh"
    html.mkdir()
    move = Path.rename

    def rename(self, target):
        if self == html:
            raise OSError("disk full")
        return move(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="disk full"):
        build._publish(html, target)
    assert kept(copy.root) == before and not list(copy.work.glob(".html*"))


@pytest.mark.parametrize("place", ["html", "runs/mine"])
def test_a_swap_that_was_killed_half_way_is_undone_by_the_next_run(copy, place):
    target = copy.work / place
    target.mkdir(parents=True, exist_ok=True)
    (target / "page.html").touch()
    last = target.with_name(f".{target.name}.last")
    target.rename(last)
    with build._stage(copy):
        assert (target / "page.html").exists() and not last.exists()
    shutil.copytree(target, last)  # killed a moment later
    with build._stage(copy):
        assert (target / "page.html").exists() and not last.exists()


def test_a_swap_leaves_nothing_of_the_last_pages(copy):
    html = copy.work / "fresh"
    html.mkdir()
    (html / "new.html").touch()
    assert build._publish(html, copy.work / "html") == copy.work / "html"
    assert [path.name for path in (copy.work / "html").iterdir()] == ["new.html"]
    assert not html.exists() and not list(copy.work.glob(".html*"))


def test_one_run_at_a_time(toy):
    with build._stage(toy), pytest.raises(BookError, match="another run is at work"), build._stage(toy):
        pass


def test_other_chapters_must_be_executed(copy):
    shutil.copy(toy_book.TOY / "book" / "polygon.ipynb", copy.root / "book" / "other.ipynb")
    (copy.root / "_toc.yml").write_text((copy.root / "_toc.yml").read_text() + "      - file: book/other\n")
    with pytest.raises(BookError, match="book/other.ipynb: cell 1 was not executed"):
        run(copy)


def test_a_build_is_refused_before_any_work_when_its_data_are_missing(copy, tmp_path, monkeypatch):
    def check(self, data):
        if data and not (data / "images").exists():
            raise DataError(f"no images in {data}")

    monkeypatch.setattr(copy.chapters["ring"], "check", check)
    monkeypatch.setattr(build, "_execute", lambda *_: pytest.fail("work has started"))
    with pytest.raises(DataError, match=f"no images in {tmp_path}"):
        build.build(copy, tmp_path)
    (tmp_path / "images").touch()
    with pytest.raises(pytest.fail.Exception, match="work has started"):
        build.build(copy, tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "polygom"], "unknown chapter 'polygom'; did you mean polygon? known: polygon, ring"),
        (["run", "polygon", "-p", "sidse", "4"], "unknown parameter 'sidse'; did you mean sides?"),
        (["run", "polygon", "-p", "sides", "2"], "sides: "),
        (["run", "polygon", "-p", "label", "7"], "label: "),
        (["run", "polygon", "-p", "results", "x"], "unknown parameter 'results'"),
        (["run", "polygon", "-f", "missing.yaml"], "cannot read /"),
        (["run", "polygon", "--name", "../html"], "the name of a run must be that of a folder"),
        (["run", "polygon", "--results", "_toc.yml"], "results folder "),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(toy, words, message, monkeypatch, capfd):
    monkeypatch.setattr(command, "_book", lambda: toy)
    monkeypatch.chdir(toy.root)
    before = kept(toy.root)
    monkeypatch.setattr(build, "_execute", lambda *_: pytest.fail("work has started"))
    assert command.main(words) == 1
    out = capfd.readouterr()
    assert out.err.startswith(f"error: {message}") and out.err.count("\n") == 1
    assert kept(toy.root) == before


def test_a_chapter_that_fails_shows_why_and_leaves_all_others(toy, monkeypatch, capfd):
    monkeypatch.setattr(command, "_book", lambda: toy)
    before = kept(toy.root)
    assert command.main(["run", "polygon", "-p", "bars", "[0.9, 0.90000001]"]) == 1
    out, saved = capfd.readouterr(), toy.work / "failed" / "polygon.ipynb"
    *report, line = out.err.splitlines()
    assert line.startswith("error: polygon failed in cell 7: ValueError: claimed twice")
    assert line.endswith(f" (with its traceback: {saved})")
    assert report[:2] == ["bars = [0.9, 0.90000001]", "cell 7:"] and "stored = [" in report
    assert any("Traceback" in row for row in report) and "\x1b" not in out.err
    assert "failed run" in "".join(notebooks.problems(notebooks.read(saved)))
    assert kept(toy.root) == before


def test_a_grid_is_a_run_for_each_combination_and_a_page_of_them(toy, monkeypatch, capfd):
    monkeypatch.setattr(command, "_book", lambda: toy)
    words = ["run", "ring", "--grid", "sides=5,2000", "bars=[0.9],[0.9, 0.90000001]"]
    assert command.main(words) == 1, "two of the four fail"
    out = capfd.readouterr()
    assert out.err.count("error: ring failed in cell 7") == 2
    opened = [line.removeprefix("open file://") for line in out.out.splitlines() if line.startswith("open")]
    values = [request.read(next(Path(page).parents[1].glob("*.json"))).values for page in opened[:-1]]
    assert values == [{"sides": 5, "bars": [0.9]}, {"sides": 2000, "bars": [0.9]}]
    page = Path(opened[-1])
    text = page.read_text()
    claims = scorecard.claims_in(notebooks.glance(toy.root / "book" / "ring.ipynb"))
    shared = [claim for claim in claims if claim.id in ("ring/share-0.9", "ring/darts")]
    assert all(text.count(claim.sentence.split(" of ")[0]) >= 1 for claim in shared)
    assert text.index("sides 5") < text.index("sides 2000")
    links = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(links) >= 7 and all((page.parent / unescape(link)).is_file() for link in links)
    for run_of in opened[:-1]:
        shutil.rmtree(Path(run_of).parents[1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sides"], "--grid takes name=value,value, got 'sides'"),
        (["sides=3", "sides=4"], "--grid has sides twice"),
        (["sides=3,4,3"], "--grid has a value of sides twice: 3,4,3"),
        (["sides=[3"], "sides: cannot read"),
        ([f"sides={','.join(map(str, range(3, 104)))}"], "--grid makes 1 to 100 runs, not 101"),
        (["sides=3,2"], "sides: "),
        (["sidse=3,4"], "unknown parameter 'sidse'; did you mean sides?"),
        (["sides=3,4", "--name", "mine"], "--name names one run"),
        (["sides=3,4", "-p", "sides", "5"], "sides: given to -p and to --grid"),
    ],
)
def test_a_grid_that_makes_no_sense_is_one_line_and_no_run(toy, words, message, monkeypatch, capfd):
    monkeypatch.setattr(command, "_book", lambda: toy)
    monkeypatch.setattr(build, "_execute", lambda *_: pytest.fail("work has started"))
    assert command.main(["run", "polygon", "--grid", *words]) == 1
    out = capfd.readouterr()
    assert out.err.startswith(f"error: {message}") and out.err.count("\n") == 1


def test_plain_papermill_works_from_any_folder(toy, tmp_path):
    """With the chapter in the package, as those of the book are: a copy of both, with the polygon in it."""
    for package in ("ts_core", "companion"):
        shutil.copytree(ROOT / package, tmp_path / "checkout" / package, ignore=NOT_CODE)
    toy_book.drop(tmp_path / "checkout")
    (tmp_path / "elsewhere").mkdir()
    tool = Path(sys.executable).parent / "papermill"
    words = [tool, toy.root / "book" / "polygon.ipynb", "out.ipynb", "-p", "sides", "6", "--no-progress-bar"]
    done = subprocess.run(
        words,
        cwd=tmp_path / "elsewhere",
        env=os.environ | {"PYTHONPATH": str(tmp_path / "checkout")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made = notebooks.read(tmp_path / "elsewhere" / "out.ipynb")
    assert notebooks.problems(made) == []
    found = scorecard.claims_in(made)[0].value
    assert found == pytest.approx(0.82699, rel=1e-4)  # 3 sqrt(3) / (2 pi)
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["out.ipynb"]
