"""What executed cells show, compared: words exactly, numbers within a tolerance, pictures not at all."""

import json
import math
import re

from nbformat import NotebookNode

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]*\d)")
RELATIVE = 1e-3
# Pictures are looked at, not compared; html repeats what text/plain says; stderr holds paths and process
# numbers.
NOT_COMPARED = (
    "application/papermill.record/image/png",
    "application/papermill.record/image/svg+xml",
    "application/papermill.record/text/html",
    "image/png",
    "image/svg+xml",
    "stderr",
    "text/html",
)


def differences(stored: NotebookNode, executed: NotebookNode) -> list[str]:
    """Where a notebook shows other than the same one as it was executed, a line for each cell."""
    ours, theirs = ([cell for cell in n.cells if cell.cell_type == "code"] for n in (stored, executed))
    if [cell.source for cell in ours] != [cell.source for cell in theirs]:
        return ["they are not of the same cells"]
    return [
        f"cell {number}: stored is {shown(one)}, executed {shown(other)}"
        for number, (one, other) in enumerate(zip(ours, theirs))
        if shown(one) != shown(other)
    ]


def shown(cell: NotebookNode) -> dict[str, list["Tolerant"]]:
    """What of a cell's outputs is compared, by its kind."""
    found: dict[str, list[Tolerant]] = {}
    for output in cell.outputs:
        match output.output_type:
            case "stream":
                parts = {output.name: output.text}
            case "error":
                parts = {"error": f"{output.ename}: {output.evalue}"}
            case _:
                parts = output.data
        for kind, part in parts.items():
            if kind not in NOT_COMPARED:
                text = part if isinstance(part, str) else json.dumps(part, sort_keys=True)
                found.setdefault(kind, []).append(Tolerant(text))
    return found


class Tolerant(str):
    """Text that equals another when the words are equal and the numbers are within RELATIVE.

    So counts below 1000 are exact, and the width of a column does not matter.
    """

    __hash__ = str.__hash__

    def __eq__(self, other):
        if not isinstance(other, str) or NUMBER.sub("#", self).split() != NUMBER.sub("#", other).split():
            return False
        pairs = zip(map(float, NUMBER.findall(self)), map(float, NUMBER.findall(other)))
        return all(math.isclose(a, b, rel_tol=RELATIVE) for a, b in pairs)

    def __ne__(self, other):
        return not self == other
