"""`policy lint` reports everything wrong in a folder in one run, sorted by file and line, and never a traceback."""

import pytest
from click.testing import CliRunner

from fairdunning import workflow
from fairdunning.cli import main
from fairdunning.errors import LoadError

VOCABULARY = """house: {en: our facts, zh: 本机构事实}
house.a: {type: count, derived: {sum: [$house.b, 1]}, en: a, zh: a}
house.b: {type: count, derived: {sum: [$house.a, 1]}, en: b, zh: b}
house.c: {type: money, derived: {sum: [$house.nothing, 1 CNY]}, en: c, zh: c}
house.d: {type: numbre, en: d, zh: d}
"""
RULE = """title: {en: t}
parameters: {cap: {type: count, stricter: narrower}, hours: {type: timetable, stricter: wider}}
scope: {action.kind: cal}
measures:
  n: {count: event, where: {kind: call}}
  m: {count: events, where: {kynd: call}, within: 7 dayz}
define: {x: {plus: [$debt.due, 3 days], rol: next_workday}}
wrong_when: {n: {at_least: $cap}, action.at: {outside: $hours}, x: {befor: $action.date}}
message: {en: "{nothing}", zh: "{m}"}
why: {en: w, zh: w}
"""
POLICY = """zone: Asia/Shangai
clock: somewhere
sources:
  board: {title: {en: Decision, zh: 决定}, from: 2026-13-01}
constraints:
  one: {rule: contact/too-many-conversation, force: guidance, confidence: text, values: {2026-01-01: {cap: 2, cite: "board 1"}}}
  two: {rule: contact/too-many-conversations, force: hard, confidence: sure, values: {2026-1-1: {cap: 2, cite: "board 1"}}}
  three: {rule: contact/too-many-conversations, force: guidance, confidence: text, values: {2026-01-01: {cap: two, cite: "bord 1"}}}
  four: {rule: contact/too-many-conversations, force: guidance, confidence: text, values: {2026-01-01: {cap: 2}}, wrong_when: {action.kind: call}}
  five:
    title: {en: t, zh: t}
    message: {en: "{calls}", zh: m}
    why: {en: w, zh: w}
    force: guidance
    confidence: text
    wrong_when: {debt.accelerated_on: none, debt.due: {at_least: 5}}
    requires: {action.kind: call}
    values: {2026-01-01: {cite: "board 1"}}
  six: nothing
tables: {steps: {by: date, gives: rate, rows: {2020-01-01: 4 apples}, cite: "board 1"}}
definitions: {limitation: {rule: definitions/limitaton, values: {}}}
"""
PROFILE = """title: {en: House, zh: 本机构}
use: [house.*, hose.*]
records: {stop_requst: {complete_since: 2024-01-01}}
given: {creditor.kind: bnk, debt.kind: card}
assume: {debtor.timezones: [Asia/Nowhere]}
raise: {house.policy.one: allow}
tighten: {house.policy.ten: {cap: 1}}
"""
CASES = """given:
  action: {id: A, kind: call, at: "2026-11-23T10:00:00", person: P1, debts: [D1]}
  debts: [{id: D1, duee: 2026-10-05}]
cases:
  - {name: a, constraint: on, given: {}, expect: wrong}
  - {name: b, constraint: one, given: {events: [{kind: call, at: yesterday}]}, expect: rong}
  - {name: c, constraint: one, givn: {}}
"""
EXPECTED = [
    ("house/policy.cases.yaml", 2, "must be a time with its offset"),
    ("house/policy.cases.yaml", 3, "did you mean `due`?"),
    ("house/policy.cases.yaml", 5, "did you mean `one`?"),
    ("house/policy.cases.yaml", 6, "did you mean `wrong`?"),
    ("house/policy.cases.yaml", 6, "must be a time with its offset"),
    ("house/policy.cases.yaml", 7, "did you mean `given`?"),
    ("house/policy.cases.yaml", 7, "add `expect`"),
    ("house/policy.yaml", 1, "unknown zone `Asia/Shangai`"),
    ("house/policy.yaml", 2, "must be authority or debtor"),
    ("house/policy.yaml", 4, "must be a date"),
    ("house/policy.yaml", 6, "did you mean `contact/too-many-conversations`?"),
    ("house/policy.yaml", 7, "force must be one of"),
    ("house/policy.yaml", 7, "must be a date"),
    ("house/policy.yaml", 7, "confidence must be one of"),
    ("house/policy.yaml", 8, "must be a count, got `two`"),
    ("house/policy.yaml", 8, "did you mean `board`?"),
    ("house/policy.yaml", 9, "without a citation does not load"),
    ("house/policy.yaml", 9, "either `rule` or `wrong_when`"),
    ("house/policy.yaml", 12, "unknown name `calls`"),
    ("house/policy.yaml", 16, "nothing equals none, use `exists`"),
    ("house/policy.yaml", 16, "must be a date, got `5`"),
    ("house/policy.yaml", 17, "either `wrong_when` or `requires`"),
    ("house/policy.yaml", 19, "must be a mapping"),
    ("house/policy.yaml", 20, "must be a rate, got `4 apples`"),
    ("house/policy.yaml", 21, "did you mean `definitions/limitation`?"),
    ("other.yml", 0, "name it .yaml"),
    ("profiles/house.yaml", 2, "`hose.*` names no constraint"),
    ("profiles/house.yaml", 3, "did you mean `stop_request`?"),
    ("profiles/house.yaml", 4, "unknown word `bnk`; did you mean `bank`?"),
    ("profiles/house.yaml", 4, "speaks only of creditor and collector"),
    ("profiles/house.yaml", 5, "unknown time zone `Asia/Nowhere`"),
    ("profiles/house.yaml", 6, "may only raise to `block`"),
    ("profiles/house.yaml", 7, "there is no constraint `house.policy.ten`"),
    ("rules/house/shape.yaml", 1, "`title` in `en` and `zh` is missing"),
    ("rules/house/shape.yaml", 2, "`narrower` does not fit a count"),
    ("rules/house/shape.yaml", 3, "did you mean `call`?"),
    ("rules/house/shape.yaml", 5, "did you mean `events`?"),
    ("rules/house/shape.yaml", 6, "did you mean `kind`?"),
    ("rules/house/shape.yaml", 6, "must be a period, got `7 dayz`"),
    ("rules/house/shape.yaml", 7, "`rol` is not read here"),
    ("rules/house/shape.yaml", 8, "did you mean `before`?"),
    ("rules/house/shape.yaml", 8, "`hours` is stricter when narrower"),
    ("rules/house/shape.yaml", 8, "`cap` is stricter when lower"),
    ("rules/house/shape.yaml", 9, "unknown name `nothing`"),
    ("rules/vocabulary/house.yaml", 2, "`house.a` depends on itself"),
    ("rules/vocabulary/house.yaml", 3, "`house.b` depends on itself"),
    ("rules/vocabulary/house.yaml", 4, "unknown name `house.nothing`"),
    ("rules/vocabulary/house.yaml", 5, "did you mean"),
]


@pytest.fixture
def broken(tmp_path):
    """A folder with a mistake in nearly every line."""
    files = {
        "rules/vocabulary/house.yaml": VOCABULARY, "rules/house/shape.yaml": RULE, "house/policy.yaml": POLICY, "profiles/house.yaml": PROFILE,
        "house/policy.cases.yaml": CASES, "other.yml": "a: 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_every_mistake_of_a_broken_folder_is_reported_in_one_run(broken):
    """Each mistake has its file, its line and what to do; nothing else is reported; sorted by file and line."""
    with pytest.raises(LoadError) as error:
        workflow.lint("house", broken)
    found = [(p.file.replace("\\", "/").partition(str(broken.name) + "/")[2], p.line, p.text.en) for p in error.value.problems]
    missing = [e for e in EXPECTED if not any(f[:2] == e[:2] and e[2] in f[2] for f in found)]
    more = [f for f in found if not any(f[:2] == e[:2] and e[2] in f[2] for e in EXPECTED)]

    assert ([], []) == (missing, more)
    assert [f[:2] for f in found] == sorted(f[:2] for f in found)


def test_the_command_prints_them_in_both_languages_and_exits_with_2(broken):
    """Each line names file and line; nothing is printed twice."""
    for lang in ("en", "zh"):
        result = CliRunner().invoke(main, ["policy", "lint", "--profile", "house", "--policies", str(broken), "--lang", lang])
        lines = result.stderr.splitlines()

        assert 2 == result.exit_code
        assert len(lines) == len(set(lines)) >= len(EXPECTED) - 2


def test_a_definition_that_uses_itself_is_a_load_error(tmp_path):
    """Definitions that use each other in a circle are named, with or without a policy that binds them."""
    workflow.init(tmp_path)
    folder = tmp_path / "rules" / "definitions"
    folder.mkdir(parents=True)
    for own, other in (("ring", "chain"), ("chain", "ring")):
        head = f"title: {{en: t, zh: t}}\nuses: [{other}]\n"
        (folder / f"{own}.yaml").write_text(head + f"define: {{over: {{holds: {{{other}.over: true}}}}}}\ngives: [over]\n")
    policy = tmp_path / "house" / "contact.yaml"
    line = "{confidence: text, values: {2026-01-01: {cite: board 1}}, rule: definitions/"
    policy.write_text(policy.read_text() + f"definitions:\n  ring: {line}ring}}\n  chain: {line}chain}}\n")

    with pytest.raises(LoadError) as error:
        workflow.lint("house", tmp_path)

    assert any("depends on itself" in p.text.en for p in error.value.problems)
