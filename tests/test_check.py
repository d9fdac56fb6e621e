"""`check` on files and lines: what is wrong is named with its line, what can be judged is judged, and the exit code says the worst."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fairdunning.cli import main


def run(path, *options, text=None, command="check"):
    return CliRunner().invoke(main, [command, str(path), *options], input=text)


def written(folder, name, *documents, indent=None):
    path = folder / name
    path.write_text("\n".join(d if isinstance(d, str) else json.dumps(d, ensure_ascii=False, indent=indent) for d in documents), encoding="utf-8")
    return path


def test_a_broken_line_does_not_hide_the_others(tmp_path, call):
    """Every line of JSONL that can be read is judged; the broken one is named; the exit code is that of bad input."""
    late = {**call, "action": {**call["action"], "id": "A\u2028\u0085B", "at": "2026-11-23T23:10:00+08:00"}}
    result = run(written(tmp_path, "many.jsonl", call, "{broken", {**call, "events": None}, late), "--json")

    assert ["allow", "flag"] == [json.loads(line)["outcome"] for line in result.stdout.split("\n") if line]
    assert ["many.jsonl:2: not a valid JSON document", "many.jsonl:3: events"] == [
        ":".join(line.rpartition("/")[2].split(":")[:3]) for line in result.stderr.splitlines()]
    assert 2 == result.exit_code


def test_a_wrong_field_is_named_with_its_line(tmp_path, call):
    """File, line, field and what to write instead."""
    call["debts"][0]["principle"] = "5 CNY"
    path = written(tmp_path, "call.json", call, indent=1)
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "principle" in text)

    assert f"call.json:{line}: debts[0].principle: unknown fact; did you mean `principal`?" in run(path).stderr


@pytest.mark.parametrize("part", ["debts", "persons"])
def test_the_same_id_twice_is_an_error(tmp_path, call, part):
    """Two entries of one id would be one and the other by turns."""
    call[part] = [call[part][0], dict(call[part][0])]

    assert f"{part}[1].id: `{call[part][0]['id']}` is there already" in run(written(tmp_path, "call.json", call)).stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"action": 1, "debts": [], "action": 2}', "duplicate key `action`"),
        ('{"action": -Infinity}', "-Infinity is no number"),
        ('{"a": ' * 20_000, "nested too deeply"),
        ('{"plan": {"months": ' + "9" * 5000 + "}}", "too large"),
        ('{"action": {"id": "none", "kind": "call", "at": "2026-11-23T10:00:00+08:00"}}', "cannot be none"),
        ('{"action": {"kind": "call", "at": "2026-11-23T10:00:00+08:00"}, "debtor": {"agreed_hours": {}}}', "must be hours"),
    ],
)
def test_broken_documents_say_why(tmp_path, text, said):
    """Never a traceback, always what to do."""
    result = run("-", text=text)

    assert said in result.stderr
    assert 2 == result.exit_code


def test_the_last_day_that_a_case_may_have_is_judged(tmp_path, call):
    """Looking ahead never goes past the dates that a document may hold."""
    call["action"] |= {"at": "2200-12-31T12:00:00+00:00", "purpose": None}

    assert {0, 3} >= {run(written(tmp_path, "call.json", call)).exit_code, run(written(tmp_path, "call.json", call), command="windows").exit_code}


ALONE = """
import sys
EXTRAS = {"httpx", "fastapi", "starlette", "uvicorn", "prometheus_client", "psycopg", "pyarrow", "python_calamine"}
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in EXTRAS:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from fairdunning.cli import main
main()
"""


def alone(*arguments):
    return subprocess.run([sys.executable, "-c", ALONE, *arguments], capture_output=True, text=True, check=False, timeout=120)


def test_without_extras_everything_local_works(tmp_path, call):
    """A plain installation checks; what needs an extra says which."""
    path = str(written(tmp_path, "call.json", call))
    checked = alone("check", path, "--json")
    lacking = [alone("review", "list"), alone("serve", "--store", f"sqlite:///{tmp_path / 'ledger.db'}")]

    assert "allow" == json.loads(checked.stdout)["outcome"]
    assert all("fairdunning[web]" in x.stderr and "Traceback" not in x.stderr for x in lacking)
    assert 0 not in {x.returncode for x in lacking}
