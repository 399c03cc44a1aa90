"""Parameters of chapters: what they are, and how a reader's values become the values of a run."""

import difflib
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError, model_validator
from pydantic.fields import FieldInfo

from companion.pages.notebooks import BookError, glance, parameter_cells, parameters
from companion.runs.spec import Cell, Spec, SpecError

MOST_LETTERS, MOST_NESTED = 20_000, 3  # of a value that is typed, or of a file of them; levels of lists
MOST_ITEMS = 100  # of a list, each of which may be a cell
MOST_TIMES = 10_000  # the default of a parameter, and at least this: what is larger is a slip of the hand
LONGEST = 300  # letters of a refusal
WIDTH = 76  # of a line of code: a page cuts off what is wider


class Parameters(Spec):
    """Base of a chapter's parameters: the defaults are its quick scale.

    The docstring of a field is its meaning and unit. Any values can be checked at once: lists have at most
    100, numbers are at most ten thousand times the default, or ten thousand where that is below 1. Values of
    a list differ, unless it has one for each layer.
    """

    per_layer: ClassVar[tuple[str, ...]] = ()
    """lists with a value for each layer, of which several may be equal, though those of the default differ"""

    @model_validator(mode="before")
    @classmethod
    def _within_reach(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name, value in values.items():
            if name in cls.model_fields:
                _check_reach(name, value, cls.model_fields[name])
                per_layer = name in cls.per_layer or _repeats(cls.model_fields[name].default)
                if _repeats(value) and not per_layer:
                    raise ValueError(f"{name}: values must differ, got {brief(value)}")
        return values

    @classmethod
    def chapter(cls) -> str:
        """The name of the chapter, which is that of its folder."""
        return cls.__module__.split(".")[-2]

    @classmethod
    def of(cls, namespace: Mapping[str, Any]) -> "Parameters":
        """The parameters among the variables of a notebook."""
        return cls(**{name: namespace[name] for name in cls.model_fields})

    @classmethod
    def cell(cls) -> str:
        """The source of the cell tagged ``parameters``: per field its meaning, name, type and default."""
        lines = []
        for (name, field), default in zip(cls.model_fields.items(), defaults(cls).values(), strict=True):
            lines += textwrap.wrap(field.description, WIDTH, initial_indent="# ", subsequent_indent="# ")
            lines.append(f"{name}: {_annotation(default)} = {_literal(default)}")
        return "\n".join(lines)

    def live_cells(self) -> list[Cell]:
        """The cells that the page runs, the longest first, so that several processes can begin at once.

        What is not named here is computed when the page asks for it.
        """
        return []

    def check(self, data: Path | None) -> None:
        """Raise an error for what only this machine can tell, before any work.

        data        folder of input data, None where nobody named one.
        """


def _check_reach(name: str, value: Any, field: FieldInfo) -> None:
    """raises ValueError for a longer list or larger number than a parameter with this default can mean."""
    if isinstance(value, (list, tuple)) and len(value) > MOST_ITEMS:
        raise ValueError(f"{name}: at most {MOST_ITEMS} values, got {len(value)}")
    most = MOST_TIMES * max(1, *(abs(n) for n in _numbers(field.default)), 1)
    for number in _numbers(value):
        if abs(number) > most and (isinstance(number, int) or math.isfinite(number)):
            raise ValueError(
                f"{name}: must be at most {most:,}, ten thousand times the default, got {brief(number)}"
            )


def _repeats(value: Any) -> bool:
    """Whether a list has a value twice; 1 and 1.0 are one."""
    if not isinstance(value, (list, tuple)):
        return False
    return len({item if isinstance(item, (int, float, str)) else repr(item) for item in value}) < len(value)


def _numbers(value: Any) -> list[float]:
    """The numbers in a value, at any depth."""
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


class Scalars(yaml.SafeLoader):
    """YAML 1.2 scalars, as a person types them: 1e-2 is a number; only true and false are truth values."""

    yaml_implicit_resolvers: ClassVar[dict] = {}


for tag, pattern, first in (
    ("null", r"null|Null|NULL|None|~|", "nN~"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+(_[0-9]+)*", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    Scalars.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), list(first))
# 010 is ten, not octal
Scalars.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


def plain(value: Any) -> Any:
    """Tuples as lists: notebooks and YAML have no tuples."""
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def defaults(spec: type[Spec]) -> dict[str, Any]:
    return {name: plain(value) for name, value in spec().model_dump().items()}


def parse(name: str, text: str) -> Any:
    """The value of a parameter given on the command line.

    raises      BookError when text cannot be read as a number, a truth value, a text, or a list of them.
    """
    try:
        _check_plain(text)
        return yaml.load(text, Scalars)
    except (yaml.YAMLError, ValueError):
        raise BookError(
            f"{name}: cannot read {shortened(text)}; write a number, a word, true, false, or [a, b, ...]"
        ) from None


BEYOND = (yaml.TagToken, yaml.AnchorToken, yaml.AliasToken, yaml.DirectiveToken, yaml.FlowMappingStartToken)
LISTS = (yaml.FlowSequenceStartToken, yaml.BlockSequenceStartToken)


def _check_plain(text: str) -> None:
    """Hold YAML to scalars, lists of them and one mapping: the rest makes objects, or unfolds to gigabytes.

    raises      ValueError or yaml.YAMLError for anything else, before any of it is built.
    """
    if len(text) > MOST_LETTERS:
        raise ValueError(f"{len(text)} letters, of which at most {MOST_LETTERS} are read")
    opened: list[type] = []  # lists and mappings around a token
    for token in yaml.scan(text):
        if isinstance(token, BEYOND):
            raise ValueError(f"line {token.start_mark.line + 1}: no tags, anchors, aliases and mappings")
        if isinstance(token, (*LISTS, yaml.BlockMappingStartToken)):
            opened.append(type(token))
        elif isinstance(token, (yaml.FlowSequenceEndToken, yaml.BlockEndToken)):
            del opened[-1:]  # none for an end without a beginning, which the reading refuses
        mappings = opened.count(yaml.BlockMappingStartToken)
        if mappings > 1 or len(opened) - mappings > MOST_NESTED:
            raise ValueError(f"line {token.start_mark.line + 1}: lists of at most {MOST_NESTED} levels")


def _check_names(text: str) -> None:
    """raises ValueError for a mapping that has a name twice, of which YAML would keep the last."""
    node = yaml.compose(text, yaml.SafeLoader)
    names = [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"given twice: {', '.join(sorted(twice))}")


def shortened(text: str) -> str:
    """A value as a message quotes it."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def one_line(text: str, most: int = LONGEST) -> str:
    """A message on one line; of a longer one the middle is left out."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 83]} ... {line[-78:]}"


def read_values(path: Path) -> dict[str, Any]:
    """Parameters from a YAML file, read as papermill reads it.

    raises      BookError when the file cannot be read or is not a list of ``name: value`` lines, each name
                once and each value as on the command line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        _check_plain(text)
        _check_names(text)
        values = yaml.safe_load(text)
    except OSError as error:
        raise BookError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise BookError(f"{path} is not YAML of plain values: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise BookError(f"{path} must hold lines like name: value, got {values!r:.80}")
    return values


def choose(name: str, known: Sequence[str], what: str) -> str:
    """name, if it is known.

    raises      BookError with the nearest name, and all known ones where they fit a line.
    """
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    listed = ", ".join(known)
    where = f"known: {listed}" if len(listed) < LONGEST / 2 else "python -m companion list names all"
    raise BookError(f"unknown {what} {shortened(name)}; {hint}{where}")


REFUSED = (SpecError, ArithmeticError)  # the second where a chapter computes with values of no sense


def merge(spec: type[Spec], *sources: Mapping[str, Any]) -> dict[str, Any]:
    """Values for a run, later sources first in rank, held to the chapter's settings before anything starts.

    returns     only the values given, in the settings' order and with their number types, as papermill wants.
    raises      BookError naming the parameter, the value and what is allowed.
    """
    given = {
        choose(name, list(spec.model_fields), "parameter"): value
        for source in sources
        for name, value in source.items()
    }
    try:
        accepted = spec(**given).model_dump()
    except REFUSED as error:
        raise BookError(one_line(_refusal(spec, given, error))) from None
    return {name: plain(accepted[name]) for name in spec.model_fields if name in given}


def _refusal(spec: type[Spec], given: Mapping[str, Any], error: Exception) -> str:
    """Why values are refused, by the names and values that were given, whatever record refused them."""
    cause = error.__context__  # pydantic's own error, with the reason for each field
    problems = cause.errors() if isinstance(cause, ValidationError) else []
    if problems and (fields := [problem for problem in problems if problem["loc"]]):
        more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
        return f"{_problem(spec, fields[0])}{more}"
    blamed = _blamed(spec, given)
    if str(error).split(":")[0] in blamed:
        return str(error)
    values = " and ".join(f"{name} {brief(given[name])}" for name in blamed)
    return f"{values}: {error}; {_advice(spec, blamed[0])}" if blamed else str(error)


def _problem(spec: type[Spec], problem: Mapping[str, Any]) -> str:
    name = ".".join(map(str, problem["loc"]))
    limits = problem.get("ctx", {})
    match problem["type"]:
        case "tuple_type" | "list_type":
            reason = "should be a list"
        case "too_short":
            least = limits["min_length"]
            reason = f"should have at least {least} value{'s' * (least > 1)}"
        case "too_long":
            most = limits["max_length"]
            reason = f"should have at most {most} value{'s' * (most > 1)}"
        case _:
            reason = problem["msg"].removeprefix("Input ")
    yaml_1_1 = isinstance(problem["input"], str) and _is_number(problem["input"])
    advice = "in YAML write 1.0e-2, not 1e-2" if yaml_1_1 else _advice(spec, str(problem["loc"][0]))
    return f"{name}: {reason}, got {brief(problem['input'])}; {advice}"


def _advice(spec: type[Spec], name: str) -> str:
    """What to type."""
    return f"for example {brief(defaults(spec)[name])}"


def brief(value: Any) -> str:
    """A value as a message shows it, of 80 letters at most."""
    text = repr(plain(value))
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _blamed(spec: type[Spec], given: Mapping[str, Any]) -> list[str]:
    """Of the values that are refused together those that are so without the others."""
    kept = dict(given)
    for name in given:
        fewer = {other: value for other, value in kept.items() if other != name}
        try:
            spec(**fewer)
        except REFUSED:
            kept = fewer
    return list(kept)


def check_defaults(path: Path, spec: type[Parameters]) -> None:
    """Hold the parameters cell of a chapter to its settings: names, order, types, defaults and comments.

    raises      BookError naming the first difference.
    """
    cell, settings = parameters(notebook := glance(path)), defaults(spec)
    if list(cell) != list(settings):
        raise BookError(
            f"{path.name}: the parameters cell has {', '.join(cell)}; "
            f"the chapter's settings are {', '.join(settings)}"
        )
    for name, value in settings.items():
        if repr(plain(cell[name])) != repr(value):  # repr tells 1 from 1.0 and from True
            raise BookError(
                f"{path.name}: {name} is {cell[name]!r} in the parameters cell, "
                f"{value!r} in the chapter's settings"
            )
    if [cell["source"] for cell in parameter_cells(notebook)] != [spec.cell()]:
        raise BookError(
            f"{path.name}: the parameters cell is not the one that the settings write; "
            "make notebooks writes it"
        )


def describe(registry: Mapping[str, type[Parameters]]) -> str:
    """All chapters with their parameters, one per line: name, type, default, meaning and unit."""
    lines = []
    for chapter, spec in registry.items():
        lines += [chapter]
        width = max(map(len, spec.model_fields), default=0)
        for (name, field), default in zip(spec.model_fields.items(), defaults(spec).values()):
            lines.append(f"  {name:{width}}  {_type(field.annotation)} = {default!r}")
            lines.append(f"  {'':{width}}  {' '.join(field.description.split())}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _type(annotation: Any) -> str:
    """A type as a reader calls it; the limits of its values are said in words where the parameter is."""
    if get_origin(annotation) is Annotated:
        return _type(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(map(repr, get_args(annotation)))}"
    if get_origin(annotation) is tuple:
        return f"list of {_type(get_args(annotation)[0])}"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _annotation(default: Any) -> str:
    """The type of a default as papermill reads it."""
    if isinstance(default, list):
        return f"list[{_annotation(default[0])}]"
    return type(default).__name__


def _literal(default: Any) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)
