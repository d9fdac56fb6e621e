"""Files that cannot be loaded say where and why, all at once."""

import pytest
from click.testing import CliRunner

from fairdunning import workflow
from fairdunning.cli import main
from fairdunning.errors import LoadError
from fairdunning.policy import load
from fairdunning.yamlfile import parse


@pytest.mark.parametrize("text", ["a: &x 1\nb: *x", "a: 1\na: 2", "a: !!int 1", "<<: {a: 1}", "--- \na: 1\n---\nb: 2", "a: [", "", "a: \x00",
                                  "[" * 60 + "]" * 60, "a:\tb\n\t- c"])
def test_misleading_yaml_is_refused(text):
    """Anchors, duplicate keys, tags, merge keys, several documents and broken text are load errors."""
    with pytest.raises(LoadError):
        parse(text.encode(), "x.yaml")


def test_scalars_stay_text():
    """Hours, no, dates and octal-looking numbers are what was written."""
    node = parse(b"{a: 21:00, b: no, c: 2021-11-30, d: 010, e: null, f: 'null'}", "x.yaml")

    assert {"a": "21:00", "b": "no", "c": "2021-11-30", "d": "010", "e": None, "f": "null"} == node.plain()


def test_every_mistake_of_a_folder_is_reported_in_one_run(tmp_path):
    """File, line, key and a suggestion for each of several mistakes."""
    workflow.init(tmp_path)
    path = tmp_path / "house" / "contact.yaml"
    path.write_text(path.read_text().replace("cap: 2, cite", "capp: 2, cite").replace("force: guidance", "force: hard"))

    with pytest.raises(LoadError) as error:
        load("house", tmp_path)

    text = str(error.value)
    assert "house/contact.yaml:13: constraints.calls.values.2026-01-01.capp: unknown parameter `capp`; did you mean `cap`?" in text
    assert "force must be one of" in text


def test_new_folder_loads_and_its_cases_pass(tmp_path):
    """What init makes passes; a changed cap makes its case fail with file and line."""
    workflow.init(tmp_path)

    assert [] == workflow.run_cases("house", tmp_path).failures
    path = tmp_path / "house" / "contact.yaml"
    path.write_text(path.read_text().replace("cap: 2", "cap: 3"))
    failure, = workflow.run_cases("house", tmp_path).failures
    assert "house/contact.cases.yaml:7: second conversation was the last: expected wrong, got silent" in str(failure)


@pytest.mark.parametrize(("document", "code"), [('{"action": NaN}', 2), ("{", 2), ("\n", 2)])
def test_broken_documents_exit_with_2(document, code):
    """Broken JSON is wrong usage, without a traceback."""
    result = CliRunner().invoke(main, ["check", "-"], input=document)

    assert code == result.exit_code
    assert "Traceback" not in result.output
