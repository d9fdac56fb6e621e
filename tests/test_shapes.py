"""The 36 shapes of law in ``tests/shapes`` load together, and every case of each passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fairdunning import workflow
from fairdunning.policy import load
from fairdunning.yamlfile import Node, read

SHAPES = Path(__file__).parent / "shapes"
NUMBERS = range(1, 37)
CONCLUSIONS = {"cap_reached", "in_moratorium", "valid", "is_reply", "in_debtor_session", "over_quota", "time_barred", "expired", "on_hold", "barred"}


@pytest.fixture(scope="module")
def report() -> workflow.Report:
    """What the cases of all shapes say, run once by the function behind `policy test`."""
    return workflow.run_cases("fiction", SHAPES)


def test_all_36_shapes_are_written() -> None:
    """Each shape has a policy file or folder of its own."""
    found = {int(path.name[1:3]) for path in SHAPES.glob("s[0-9][0-9]-*") if not path.name.endswith(".cases.yaml")}
    assert found == set(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_case_of_a_shape_passes(number: int, report: workflow.Report) -> None:
    """No case of the shape expects anything but what the product says."""
    failed = [problem.say("en") for problem in report.failures if f"/s{number:02}-" in problem.file]
    assert failed == []


def test_every_constraint_is_proved_four_ways(report: workflow.Report) -> None:
    """Each constraint of each shape is shown wrong, undecided, silent and not in force."""
    expected = {constraint.id: set(workflow.EXPECTATIONS) for constraint in load("fiction", SHAPES).constraints}
    proved = {constraint: found for constraint, found in report.proved.items() if constraint in expected}
    assert proved == expected


def test_no_case_states_the_conclusion() -> None:
    """`given` holds what a source system stores, never what the law concludes from it."""
    files = [read(path) for path in sorted(SHAPES.rglob("*.cases.yaml"))]
    stated = {key for file in files for given in _givens(file) for key in _keys(given)} & CONCLUSIONS
    assert stated == set()


def _givens(file: Node) -> Iterator[Node]:
    for holder in (file, *file.mapping["cases"].items):
        if "given" in holder.mapping:
            yield holder.mapping["given"]


def _keys(node: Node) -> Iterator[str]:
    for key, child in node.mapping.items():
        yield key
        yield from _keys(child)
    for item in node.value if isinstance(node.value, list) else ():
        yield from _keys(item)
