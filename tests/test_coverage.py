"""Coverage by article: the printed pages are the repository's, and no constraint or citation may disappear unseen."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from fairdunning.cli import main
from fairdunning.coverage import numbers, statutes, written
from fairdunning.folder import read_folder
from fairdunning.handbook import pages

ROOT = Path(__file__).resolve().parents[1]
NAMES = ["civil-code", "civil-procedure", "consumer-law", "credit-regulation", "pipl", "public-order-law", "spc-limitation", "spc-private-lending"]


@pytest.fixture(scope="module")
def found():
    return {s.name: s for s in statutes("cn-consumer-finance-company")}


def test_the_pages_of_the_repository_are_printed_from_the_policies(found):
    """`policy coverage --write docs/coverage` changes nothing."""
    assert NAMES == sorted(found)
    pages = {f"{n}.{lang}.md": written(found[n], lang) for n in NAMES for lang in ("en", "zh")}
    stale = [name for name, page in pages.items() if (ROOT / "docs/coverage" / name).read_text() != page]

    assert [] == stale


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_handbook_of_the_repository_is_printed_from_the_policies(policy, lang):
    """`policy handbook --write docs/policies` changes nothing, and each constraint stands in it once."""
    ((name, page),) = pages(policy, read_folder(), lang)

    assert (ROOT / "docs/policies" / f"{name}.{lang}.md").read_text() == page
    assert sorted(c.id for c in policy.constraints) == sorted(re.findall(r"^- `(cn\.[\w.-]+)`$", page, re.M))


def test_rows_of_the_fact_base_name_constraints_that_exist():
    """Each constraint that docs/coverage/not-encoded.md names is in a policy file, and each row stands there once."""
    text = (ROOT / "docs/coverage/not-encoded.md").read_text()
    there = {f"{name}.{key}" for name, node in read_folder().policies.items() for key in node.mapping["constraints"].mapping}
    rows = re.findall(r"^\| (?:[^|`]+ \| )?`([\w-]+)` \|", text, re.M)

    assert [] == sorted(set(re.findall(r"`(cn\.[\w.-]+)`", text)) - there)
    assert 252 == len(rows) == len(set(rows))


def test_every_article_has_a_state_and_each_enforced_one_is_tested(found):
    """Numbers run without a gap, an article without a constraint has its reason, and no enforced article lacks its two cases."""
    for statute in found.values():
        assert [*range(1, len(statute.articles) + 1)] == [a.number for a in statute.articles]
        assert [] == [a.number for a in statute.articles if not a.constraints and not a.because.en]
        assert [] == [a.number for a in statute.articles if a.state == "enforced"]


@pytest.mark.parametrize(
    ("place", "articles"),
    [("§692, 693", {692, 693}), ("§21-24, 145", {21, 22, 23, 24, 145}), ("§687(2)1", {687}), ("article not verified", set()), ("§50(1)6", {50})],
)
def test_places_name_articles(place, articles):
    """Paragraphs and items are no articles, and a place without a number names none."""
    assert articles == numbers(place)


def test_a_citation_of_an_article_that_does_not_exist_is_an_error(tmp_path):
    """An own list that ends early names the constraint and the article."""
    (tmp_path / "articles").mkdir()
    both = {"en": "x", "zh": "x"}
    part = {"from": 1, "to": 2, "title": both, "left": "people", "because": both}
    (tmp_path / "articles" / "short.yaml").write_text(json.dumps({"title": both, "sources": ["pipl"], "chapters": [part]}))
    result = CliRunner().invoke(main, ["policy", "coverage", "--source", "short", "--policies", str(tmp_path)])

    assert 2 == result.exit_code
    assert "cites article" in result.output
