"""Notebooks as files: their parameters, their execution, one normal form, and a check that they ran."""

import ast
import json
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import NotebookNode

from companion.runs.store import recover, staging

if TYPE_CHECKING:
    import papermill
    from jupyter_client.manager import KernelManager

SOCKETS = Path(tempfile.gettempdir()) / "companion-kernels"
LONGEST_SOCKET = 90  # letters of the path of one, which a system cuts at 104 or 108
# What the imports make stays, and need not be searched for garbage while figures, webs of objects, are made.
PAGE = "import gc, companion.pages.page; gc.freeze(); gc.set_threshold(100_000, 50, 100)"
PROMPTS = {"code_prompt_show": "Show the parameters of this run", "code_prompt_hide": "Hide the parameters"}


class BookError(Exception):
    """What a reader can put right, in one line.

    A wrong value, a chapter that fails, a page that does not render.

    report      what led to it, for whoever wants to know more; any number of lines.
    """

    def __init__(self, line: str, report: str = ""):
        super().__init__(line)
        self.report = report


def read(path: Path) -> NotebookNode:
    """The notebook at path.

    raises      BookError when there is none, or it is not a notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise BookError(f"there is no notebook {path}") from None
    except (ValueError, nbformat.ValidationError) as error:
        raise BookError(f"{path} is not a notebook: {str(error).splitlines()[0]}") from None


def glance(path: Path) -> dict[str, Any]:
    """The notebook at path as its file has it, only sources in one piece: much faster than read.

    raises      BookError when there is none, or it is not a notebook.
    """
    try:
        notebook = json.loads(path.read_bytes())
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
    except FileNotFoundError:
        raise BookError(f"there is no notebook {path}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise BookError(f"{path} is not a notebook: {str(error).splitlines()[0]}") from None
    return notebook


def tags(cell: Mapping) -> list[str]:
    return cell["metadata"].get("tags", [])


def parameter_cells(notebook: Mapping) -> list:
    return [cell for cell in notebook["cells"] if "parameters" in tags(cell)]


def parameters(notebook: Mapping) -> dict[str, Any]:
    """Names and default values in the cell tagged ``parameters``; empty without such a cell.

    raises      BookError for anything in it that is not ``name = literal`` or ``name: type = literal``.
    """
    try:
        statements = ast.parse("\n".join(cell["source"] for cell in parameter_cells(notebook))).body
    except SyntaxError as error:
        raise BookError(f"the parameters cell is not Python: {error.msg}, line {error.lineno}") from None
    found: dict[str, Any] = {}
    for statement in statements:
        try:
            name, value = _assignment(statement)
            if name in found:
                raise ValueError
            found[name] = ast.literal_eval(value)
        except (ValueError, TypeError):  # the second for what cannot be a key, as in {[]: 1}
            line = ast.unparse(statement).splitlines()[0]
            raise BookError(
                f"the parameters cell may only hold lines like name = value, each once; got {line}"
            ) from None
    return found


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr]:
    """Name and value of ``name = value`` or ``name: type = value``.

    raises      ValueError for any other statement.
    """
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    raise ValueError


def write_parameters(path: Path, source: str) -> None:
    """Make ``source`` the parameters cell of the notebook at path.

    raises      BookError when it has none, or several.
    """
    notebook = read(path)
    cells = parameter_cells(notebook)
    if len(cells) != 1:
        raise BookError(f"{path.name}: one cell has the tag parameters, not {len(cells)}")
    cells[0].source = source
    nbformat.write(notebook, path)


def kernel_environment() -> dict[str, str]:
    """Variables every kernel of the book gets.

    They give it our packages, one thread per process, no progress bars in outputs.
    """
    ours = str(Path(__file__).resolve().parents[2])
    paths = [ours, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    no_widgets = "ignore:IProgress not found"  # tqdm asks for ipywidgets, whose output would need a network
    return {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "OMP_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
        "PYTHONWARNINGS": no_widgets,
    }


class Kernels:
    """Kernels that end with a block, at once if it is left by an error: what they execute then fails.

    One is spoken to through files that only this user may open; where the folder of temporary files has a
    long path, through local ports with a key, as Jupyter does.
    """

    def __init__(self) -> None:
        self._started: list[KernelManager] = []
        self._open, self._one_at_a_time = True, threading.Lock()

    def __enter__(self) -> "Kernels":
        recover(SOCKETS)
        self._files = ExitStack()
        self._folder = self._files.enter_context(staging(SOCKETS))
        self._folder.chmod(0o700)
        return self

    def __exit__(self, *error) -> None:
        with self._one_at_a_time:
            self._open = False
            for kernel in self._started:
                if kernel.provisioner and kernel.provisioner.process:
                    kernel.provisioner.process.kill()
        self._files.close()

    def start(self, folder: Path, *lines: str) -> "KernelManager":
        """A kernel that starts in a folder while its notebook is prepared.

        lines       that it executes meanwhile; by default it imports what pages need.

        raises      BookError after the end of the block.
        """
        from nbclient import NotebookClient

        # else each kernel warns that its local ports are not encrypted
        words = ["--log-level=50", *(f"--IPKernelApp.exec_lines={line}" for line in lines or (PAGE,))]
        starter = NotebookClient(nbformat.v4.new_notebook(), kernel_name="python3", extra_arguments=words)
        kernel = starter.create_kernel_manager()
        with self._one_at_a_time:
            if not self._open:
                raise BookError(f"no kernel starts in {folder} any more")
            place = str(self._folder / f"{len(self._started)}.json")
            if len(place) < LONGEST_SOCKET:
                kernel.transport, kernel.connection_file = "ipc", place
            starter.start_new_kernel(cwd=str(folder), env=os.environ | kernel_environment())
            self._started.append(kernel)
        return kernel


def execute(
    path: Path,
    values: dict[str, Any],
    begin: Callable[[], object] = lambda: None,
    kernel: "KernelManager | None" = None,
) -> float:
    """Execute a notebook in its own folder and leave it there, normalised.

    values      overwrite the defaults of the parameters cell; plain numbers, texts and lists.
    begin       is called before every cell that is executed.
    kernel      to execute it with, started in its folder; it ends afterwards. By default a new one.
    returns     seconds it took.
    raises      BookError naming the cell and the error; the notebook at path then holds the traceback.
    """
    if kernel is None:
        with Kernels() as kernels:
            return execute(path, values, begin, kernels.start(path.parent))
    start = time.perf_counter()
    try:
        _execute(path, values, begin, kernel)
    finally:
        _stop(kernel)
    return time.perf_counter() - start


def _execute(
    path: Path, values: dict[str, Any], begin: Callable[[], object], kernel: "KernelManager"
) -> None:
    import papermill  # slow: the kernel starts meanwhile

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it logs it also raises: once is enough
    notebook = read(path)
    # of an earlier run
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in tags(cell)]
    try:
        done = papermill.execute_notebook(
            notebook,
            path,
            values,
            request_save_on_cell_execute=False,  # each save would write all pictures again
            kernel_name="python3",
            language="python",
            progress_bar=False,  # it would count cells as if all took as long
            on_cell_execute=lambda cell, cell_index: begin(),
            km=kernel,
            coalesce_streams=True,  # else a slow machine cuts one print into two outputs
        )
    except papermill.PapermillExecutionError as error:
        reason = f"{error.ename}: {error.evalue}".splitlines()[0]
        line = f"{path.stem} failed in cell {error.exec_count}: {reason}"
        raise BookError(line, _report(error, values)) from None
    except RuntimeError as error:  # nbclient's, when the kernel is gone
        raise BookError(f"{path.stem} was not finished: {error}; often there was not enough memory") from None
    normalise(done)
    nbformat.write(done, path)


def _report(error: "papermill.PapermillExecutionError", values: dict[str, Any]) -> str:
    """Parameters, cell and traceback, without the colours of a terminal."""
    given = [f"{name} = {value!r}" for name, value in values.items()] or ["parameters as in the book"]
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    return "\n".join([*given, f"cell {error.exec_count}:", *error.source.splitlines(), "", trace])


def _stop(kernel: "KernelManager") -> None:
    from nbclient.util import run_sync

    run_sync(kernel.shutdown_kernel)(now=True)


def normalise(notebook: NotebookNode) -> None:
    """Remove what differs between two equal runs: times, paths, random ids, the name of the kernel."""
    notebook.metadata = NotebookNode(kernelspec={"name": "python3", "display_name": "Python 3"})
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if "injected-parameters" in tags(cell):  # papermill copies nothing of the cell it replaces
            cell.id = "injected-parameters"
            cell.metadata.update(tags=["injected-parameters", "hide-input"], mystnb=PROMPTS)
        if not tags(cell):
            cell.metadata.pop("tags", None)


def problems(notebook: Mapping) -> list[str]:
    """Why a notebook must not be rendered: code cells that did not run, errors nobody announced."""
    found = []
    for index, cell in enumerate(notebook["cells"]):
        if "papermill-error-cell-tag" in tags(cell):
            found.append(f"cell {index} is the mark of a failed run")
        if cell["cell_type"] != "code" or not cell["source"].strip():
            continue
        if cell["execution_count"] is None:
            found.append(f"cell {index} was not executed")
        for output in cell["outputs"]:
            if output["output_type"] == "error" and "raises-exception" not in tags(cell):
                found.append(f"cell {index} holds the error {output['ename']}: {output['evalue']}")
    return found


def keep_failed(path: Path, folder: Path) -> Path:
    """Copy of a notebook that failed, with its traceback, where the next run does not remove it."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(path, folder / path.name))
