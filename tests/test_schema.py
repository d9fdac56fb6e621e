"""The printed JSON Schemas describe every shipped file, and are the ones in the repository."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from fairdunning.folder import shipped
from fairdunning.schema import KINDS, schema
from fairdunning.yamlfile import read

ROOT = Path(__file__).resolve().parents[1]


def kind_of(path):
    """Which schema a file must satisfy, by its place."""
    places = {"vocabulary": "vocabulary", "profiles": "profile", "calendars": "calendar", "series": "table"}
    places |= {"articles": "articles", "handbook": "handbook"}
    if path.name.endswith(".cases.yaml"):
        return "cases"
    found = [places[p] for p in path.parts if p in places]
    return found[0] if found else ("rule" if "rules" in path.parts else "policy")


FILES = [p for root in ("rules", "policies", "tests/shapes") for p in sorted((ROOT / root).rglob("*.yaml")) if "lexicon" not in p.parts]


@pytest.mark.parametrize("kind", KINDS)
def test_repository_holds_the_printed_schema(policy, kind):
    """`policy schema KIND` prints what editors read from schemas/."""
    assert schema(kind, policy.vocabulary) == json.loads((ROOT / "schemas" / f"{kind}.schema.json").read_text())


def test_every_file_satisfies_its_schema(policy):
    """No shipped rule, policy, profile, case file, table, calendar or vocabulary breaks its schema."""
    checkers = {kind: Draft202012Validator(schema(kind, policy.vocabulary)) for kind in KINDS}
    broken = [f"{path.relative_to(ROOT)}: {error.json_path}: {error.message[:120]}" for path in FILES
              for error in checkers[kind_of(path)].iter_errors(read(path).plain())]

    assert [] == broken
    assert shipped() == ROOT


def test_every_file_names_its_schema_for_editors():
    """The first line of each file points editors at the schema of its kind."""
    wrong = [str(p) for p in FILES if f"/{kind_of(p)}.schema.json" not in p.read_text().split("\n", 1)[0]]

    assert [] == wrong


def test_case_schema_accepts_the_call_and_refuses_a_slip(policy, call):
    """The case schema says what the reader says."""
    checker = Draft202012Validator(schema("case", policy.vocabulary))
    assert [] == list(checker.iter_errors(call))
    call["action"]["knid"] = "call"
    assert 1 == len(list(checker.iter_errors(call)))
