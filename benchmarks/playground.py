"""Whether every preset of the playground does what its sentence says: the page's own mathematics, over seeds.

    python benchmarks/playground.py [--seeds 20] [--out FOLDER]

Runs in the browser that the tests use. Writes playground.csv: per preset and seed whether its statement held,
what was seen, and the loss on the square. Bars were fixed after a look at seeds 1 to 3; which students are
prunable was changed after all 20 (pairs on one line stay: they may add up to a linear function). Those of the
last three presets, and the settings of leaky slopes, were fixed after a look at seeds from 101 on.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "book" / "_static"
RUN = """
const [preset, changes, seed, steps, shrink] = arguments;
const {DEFAULTS, PRESETS} = playgroundSettings, m = teacherStudent();
const run = m.experiment({...DEFAULTS, ...PRESETS[preset], ...changes, seed, points: []});
run.advance(steps);
const {teachers, students, loss, train} = run.frame(-1), start = run.frame(0);
const shrunk = shrink ? run[shrink]() : null;
return {teachers, students, loss, train, start, shrunk}"""


def strong_first(run: Callable) -> tuple[bool, dict[str, float]]:
    """The strongest teacher node is found before any other."""
    end = run(20_000)
    times = np.array([t.get("found") or np.inf for t in end["teachers"]])
    return bool(times[0] < times[1:].min()), dict(found=int(np.isfinite(times).sum()), loss=end["loss"])


def unobserved(run: Callable) -> tuple[bool, dict[str, float]]:
    """All of the kink of teacher 1 is still lacking (more than nine tenths), and the others are found."""
    end, later = run(20_000), run(50_000)
    lacks, lack = (np.array([t["lacking"] for t in one["teachers"]]) for one in (end, later))
    seen = dict(found=int((lacks < 0.5).sum()), loss=end["loss"], found_later=int((lack < 0.5).sum()))
    return bool(lacks[0] > 0.9 and lacks[1:].max() < 0.5), seen


def catalyst(run: Callable) -> tuple[bool, dict[str, float]]:
    """Ten students per teacher node find more teacher nodes than one does, in as many steps."""
    wide, narrow = run(20_000), run(20_000, {"over": 1})
    many, few = (sum(t["lacking"] < 0.5 for t in end["teachers"]) for end in (wide, narrow))
    return many > few, dict(found=many, found_before=few, loss=wide["loss"], loss_before=narrow["loss"])


def few_samples(run: Callable) -> tuple[bool, dict[str, float]]:
    """The loss on the samples is a tenth of that on the square or less, and a teacher node is not found."""
    end = run(20_000)
    found = sum(t["lacking"] < 0.5 for t in end["teachers"])
    low = end["train"] < end["loss"] / 10
    return bool(low and found < len(end["teachers"])), dict(found=found, loss=end["loss"], train=end["train"])


def anti_parallel(run: Callable) -> tuple[bool, dict[str, float]]:
    """Every teacher node is found, and the student nearest to its line is active on the other side of it."""
    end = run(10_000)
    unit = lambda nodes: np.array([np.array(n["row"]) / np.hypot(*n["row"][:2]) for n in nodes])
    teacher, student = unit(end["teachers"])[:, None], unit(end["students"])[None]
    along, against = (np.linalg.norm(teacher - sign * student, axis=2).min(1) for sign in (1, -1))
    found = sum(t["lacking"] < 0.5 for t in end["teachers"])
    held = found == len(end["teachers"]) and (against < along).all()
    return bool(held), dict(found=found, loss=end["loss"])


def leaky(run: Callable) -> tuple[bool, dict[str, float]]:
    """Teacher 1 is found, and without a slope, from the same start, it is not."""
    end, without = run(30_000), run(30_000, {"slope": 0})
    lacks, others = ([t["lacking"] for t in one["teachers"]] for one in (end, without))
    found = [sum(lack < 0.5 for lack in of) for of in (lacks, others)]
    seen = dict(found=found[0], loss=end["loss"], found_before=found[1], loss_before=without["loss"])
    return lacks[0] < 0.5 <= others[0], seen


def pruning(run: Callable) -> tuple[bool, dict[str, float]]:
    """Without the prunable students the loss on the square is below 1e-4."""
    end = run(30_000, shrink="prune")
    now = end["shrunk"]
    seen = dict(removed=now["removed"], loss=now["after"], loss_before=now["before"])
    return now["after"] < 1e-4, seen | dict(found=sum(t["lacking"] < 0.5 for t in end["teachers"]))


def merging(run: Callable) -> tuple[bool, dict[str, float]]:
    """Copies are fused, and the loss on the square is below 1e-4 still."""
    end = run(30_000, shrink="fuse")
    now = end["shrunk"]
    seen = dict(removed=now["removed"], loss=now["after"], loss_before=now["before"])
    held = now["removed"] > 0 and now["after"] < 1e-4
    return held, seen | dict(found=sum(t["lacking"] < 0.5 for t in end["teachers"]))


def too_few_nodes(run: Callable) -> tuple[bool, dict[str, float]]:
    """A teacher node is not found, and the loss is ten times that of four students each, or more."""
    narrow, wide = run(20_000), run(20_000, {"over": 4})
    found = sum(t["lacking"] < 0.5 for t in narrow["teachers"])
    held = found < len(narrow["teachers"]) and narrow["loss"] > 10 * wide["loss"]
    return held, dict(found=found, loss=narrow["loss"], loss_before=wide["loss"])


def data_on_a_line(run: Callable) -> tuple[bool, dict[str, float]]:
    """No weight across the line has changed, and the loss on it is a tenth of that on the square or less."""
    end = run(20_000)
    frozen = all(a["row"][1] == b["row"][1] for a, b in zip(end["start"]["students"], end["students"]))
    found = sum(t["lacking"] < 0.5 for t in end["teachers"])
    return frozen and end["train"] < end["loss"] / 10, dict(found=found, loss=end["loss"], train=end["train"])


STATEMENTS: dict[str, Callable] = {
    "strong-first": strong_first,
    "unobserved": unobserved,
    "catalyst": catalyst,
    "few-samples": few_samples,
    "anti-parallel": anti_parallel,
    "leaky": leaky,
    "pruning": pruning,
    "merging": merging,
    "too-few-nodes": too_few_nodes,
    "data-on-a-line": data_on_a_line,
}


def measured(browser: Any, preset: str, seed: int) -> dict:
    """One row of the table; the page in the browser has both scripts of the playground."""

    def run(steps: int, changes: dict | None = None, shrink: str = "") -> dict:
        return browser.execute_script(RUN, preset, changes or {}, seed, steps, shrink)

    held, seen = STATEMENTS[preset](run)
    return {"preset": preset, "seed": seed, "holds": held, **seen}


def blank_page(folder: Path) -> str:
    """Address of an empty page with both scripts."""
    scripts = (
        f'<script src="{(STATIC / name).as_uri()}"></script>'
        for name in ("teacher_student.js", "playground.js")
    )
    (folder / "page.html").write_text('<meta charset="utf-8">' + "".join(scripts))
    return (folder / "page.html").as_uri()


if __name__ == "__main__":
    import shutil
    import tempfile

    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service
    from tqdm.auto import tqdm

    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seeds", type=int, default=20)
    words.add_argument("--out", type=Path, default=HERE / "results")
    asked = words.parse_args()
    options = ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    with (
        Chrome(options, Service(shutil.which("chromedriver"))) as browser,
        tempfile.TemporaryDirectory() as folder,
    ):
        browser.set_script_timeout(3600)
        browser.get(blank_page(Path(folder)))
        cases = [(preset, seed) for seed in range(1, asked.seeds + 1) for preset in STATEMENTS]
        table = pd.DataFrame([measured(browser, *case) for case in tqdm(cases)])
    table.sort_values(["preset", "seed"]).to_csv(
        asked.out / "playground.csv", index=False, float_format="%.3g"
    )
    print(table.groupby("preset", sort=False).holds.agg(["sum", "size"]))
