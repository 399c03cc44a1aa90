"""Which nodes survive, and what cutting costs."""

import pandas as pd

MAIN = ["spectral", "direct", "plain"]
RUN = ["method", "problem", "width", "teacher_width", "seed"]


def three_methods(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the chapter's main picture: spectral and direct students, and the main chapters' own."""
    return table[(table.method == "plain") == (table.problem == "two layers")].query("method in @MAIN")


def survivors(units: pd.DataFrame, alive: float) -> pd.DataFrame:
    """How many nodes are larger than a share ``alive`` of the largest: a row per student and step.

    units       table of that name of students.trained; students that diverged are left out.
    columns     those of a student, step, nodes, and excess, which is nodes - teacher_width.
    raises      ValueError for alive outside (0, 1).
    """
    if not 0 < alive < 1:
        raise ValueError(f"alive must lie in (0, 1), got {alive}")
    fine = units[units.status == "ok"]
    nodes = (fine["size"] > alive).groupby([fine[key] for key in [*RUN, "step"]]).sum().rename("nodes")
    return nodes.reset_index().assign(excess=lambda of: of.nodes - of.teacher_width)


def at_the_end(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the last step."""
    return table[table.step == table.step.max()]


def found(units: pd.DataFrame, alive: float) -> pd.DataFrame:
    """Share of students with exactly the teacher's number of survivors in the end, mean over seeds.

    columns     method, problem, width, teacher_width: share, nodes (median), students.
    """
    ends = at_the_end(survivors(units, alive))
    groups = ends.assign(share=ends.excess == 0).groupby(RUN[:-1])
    return groups.agg(
        share=("share", "mean"), nodes=("nodes", "median"), students=("seed", "size")
    ).reset_index()


def cuts(kept: pd.DataFrame) -> pd.DataFrame:
    """Errors against the number of nodes kept over the teacher's, ``beyond``; diverged students left out."""
    fine = kept[kept.status == "ok"]
    return fine.assign(beyond=fine.kept - fine.teacher_width)


def jumps(kept: pd.DataFrame) -> pd.DataFrame:
    """What the last node costs that the teacher has, and what those beyond are worth, a row per student.

    columns     those of a student; jump: error with one node less than the teacher has over that with as
                many; above: the latter over that with one node more, NaN for a student of the teacher's
                width; rest: the latter over that of the whole student.
    """
    rows = cuts(kept)
    error = lambda of: rows[of].set_index(RUN).error
    level = error(rows.beyond == 0)
    return pd.DataFrame(
        {
            "jump": error(rows.beyond == -1) / level,
            "above": level / error(rows.beyond == 1),
            "rest": level / error(rows.kept == rows.width),
        }
    ).reset_index()
