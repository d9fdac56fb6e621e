"""Sentences of the policy language, each as one small constraint and cases worked out by hand."""

import pytest

from fairdunning.book import Book
from fairdunning.constraint import constraints_of
from fairdunning.folder import read_folder
from fairdunning.workflow import judge_alone
from fairdunning.yamlfile import parse

NOW = "2026-11-23T10:00:00+08:00"  # a Monday


@pytest.fixture(scope="module")
def book(policy):
    return Book(read_folder(), policy.vocabulary)


@pytest.fixture
def asked(book, policy):
    """Judges a constraint written as YAML on a case whose parts are given."""

    def ask(text, at=NOW, since="2026-01-01", clock="authority", zone="Asia/Shanghai", **parts):
        book.problems.found.clear()
        body = {"title": "{en: t, zh: t}", "message": "{en: m, zh: m}", "why": "{en: w, zh: w}", "force": "prohibition", "confidence": "text"}
        own = "".join(f"    {k}: {v}\n" for k, v in body.items()) + "".join(f"    {line}\n" for line in text.strip().splitlines())
        own += "" if "values:" in text else "    values: {2020-01-01: {cite: board 1}}\n"
        head = f"zone: {zone}\nclock: {clock}\ncalendar: cn.calendars.workdays\nsources: {{board: {{title: {{en: b, zh: b}}}}}}\nconstraints:\n  c:\n"
        found = constraints_of("x", parse((head + own).encode(), "x.yaml"), book)
        book.problems.raise_if_any()
        action = {"id": "A", "kind": "call", "at": at, "person": "P1", "address": "N1", "debts": ["D1"], **parts.pop("action", {})}
        document = {"action": action, "debts": [{"id": "D1", **parts.pop("debt", {})}], "persons": [{"id": "P1", "roles": ["debtor"]}], **parts}
        return judge_alone({**document, **({"history": {"complete_since": since}} if since else {})}, found[0], policy, "case")

    return ask


def event(at, kind="call", **more):
    return {"kind": kind, "at": at, "person": "P1", "address": "N1", "counts_for": ["D1"], "direction": "outbound", **more}


ATTRIBUTE_WINS = """
measures:
  withdrawn: {count: events, where: {kind: suit, withdrawn: true}, within: 90 days}
  open: {count: events, where: {kind: suit, withdrawn: false}, within: 90 days}
wrong_when: {withdrawn: {at_least: 1}, open: {at_least: 1}}
"""


def test_within_a_list_a_name_on_the_left_is_an_attribute(asked):
    """A measure may have the name of an attribute that another measure asks for."""
    suits = [event("2026-10-01", "suit", withdrawn=True), event("2026-10-02", "suit", withdrawn=False)]

    assert ["wrong", "silent"] == [asked(ATTRIBUTE_WINS, events=e) for e in (suits, suits[:1])]


@pytest.mark.parametrize(("until", "wanted"), [("2026-11-23", "wrong"), ("2026-11-22", "silent"), ("none", "silent"), (None, "undecided")])
def test_an_end_written_as_a_date_is_a_day(asked, until, wanted):
    """`until` as a date compares by its day; null is unknown."""
    text = "measures: {n: {count: events, where: {kind: suit, until: {not_before: $action.date}}, within: 90 days}}\nwrong_when: {n: {at_least: 1}}"

    assert wanted == asked(text, events=[event("2026-10-01", "suit", until=until)])


NULLS = "measures: {n: {count: events, where: {kind: suit, withdrawn: {not: true}}}}\nwrong_when: {n: {at_least: 1}}"
LIVES = "wrong_when: {debtor.died_on: {exists: true}}"
PARTS = "measures: {n: {count: debt.instalments}}\nwrong_when: {n: {at_least: 1}}"


@pytest.mark.parametrize(
    ("text", "parts", "wanted"),
    [
        (NULLS, {"events": [event("2026-10-01", "suit")]}, "wrong"),
        (NULLS, {"events": [event("2026-10-01", "suit", withdrawn=None)]}, "undecided"),
        (LIVES, {}, "silent"),
        (LIVES, {"debtor": {"died_on": None}}, "undecided"),
        (LIVES, {"debtor": None}, "undecided"),
        (LIVES, {"since": None}, "undecided"),
        (PARTS, {}, "silent"),
        (PARTS, {"debt": {"instalments": None}}, "undecided"),
    ],
)
def test_an_explicit_null_is_always_unknown(asked, text, parts, wanted):
    """Absence speaks where the record is complete, null never does: of a fact, an attribute, a list or a noun."""
    assert wanted == asked(text, **parts)


@pytest.mark.parametrize(("group", "wanted"), [({"group": "G"}, "wrong"), ({}, "silent"), ({"group": "H"}, "silent"), ({"group": None}, "undecided")])
def test_a_debt_without_a_group_is_its_own_group(asked, group, wanted):
    """A call about another loan of the group counts; where the record is complete no group is none."""
    text = "measures: {n: {count: events, where: {kind: call}, same: [debt_group], within: 90 days}}\nwrong_when: {n: {at_least: 1}}"
    debts = [{"id": "D1", "group": "G"}, {"id": "D2", **group}]

    assert wanted == asked(text, debts=debts, events=[event("2026-11-20", counts_for=["D2"])])


def test_a_creditor_without_an_agency_is_the_collector(asked):
    """`same: [collector]` means the creditor where it collects itself."""
    text = "measures: {n: {count: events, where: {kind: call}, same: [collector], within: 90 days}}\nwrong_when: {n: {at_least: 1}}"
    parts = {"creditor": {"id": "C1"}, "collector": {"kind": "creditor"}}

    assert ["wrong", "silent"] == [asked(text, events=[event("2026-11-20", collector=c)], **parts) for c in ("C1", "K2")]


TALK = "measures: {talk: {latest: events, where: {outcome: conversation}, same: [person], within: 7 days}}\nwrong_when: {talk.exists: true}"


@pytest.mark.parametrize(("day", "wanted"), [("2026-11-20", "wrong"), ("2026-11-21", "silent")])
def test_the_day_of_the_event_is_day_one(asked, day, wanted):
    """Talk on Friday 14: inside to Thursday 20, free on Friday 21."""
    assert wanted == asked(TALK, at=f"{day}T00:00:00+08:00", events=[event("2026-11-14T23:00:00+08:00", outcome="conversation")])


@pytest.mark.parametrize(
    ("due", "period", "day", "wanted"),
    [
        ("2026-01-31", "1 month", "2026-02-28", "silent"),
        ("2026-01-31", "1 month", "2026-03-01", "wrong"),
        ("2024-02-29", "1 year", "2025-02-28", "silent"),
        ("2024-02-29", "1 year", "2025-03-01", "wrong"),
        ("2026-09-25", "5 business days", "2026-10-09", "silent"),
    ],
)
def test_a_deadline_does_not_count_its_first_day(asked, due, period, day, wanted):
    """The last day is d + N, clamped to the month's end; it is over when today is after it."""
    text = f"define: {{last: {{plus: [$debt.due, {period}]}}}}\nwrong_when: {{last: {{before: $action.date}}}}"

    assert wanted == asked(text, at=f"{day}T12:00:00+08:00", debt={"due": due})


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("2026-11-23T07:59:59+08:00", "wrong"),
        ("2026-11-23T08:00:00+08:00", "silent"),
        ("2026-11-23T21:59:59.999+08:00", "silent"),
        ("2026-11-23T22:00:00+08:00", "wrong"),
        ("2026-11-23T22:00:00+09:00", "silent"),
    ],
)
def test_hours_end_before_their_end(asked, at, wanted):
    """08:00-22:00 is 08:00:00 up to, not including, 22:00:00, on the policy's clock."""
    assert wanted == asked("wrong_when: {action.at: {outside: 08:00-22:00}}", at=at)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("contract.rate: {more_than: 0%}", "silent"),
        ("not: {contract.rate: {more_than: 0%}}", "wrong"),
        ("contract.rate: {not: {more_than: 0%}}", "wrong"),
        ("contract.rate: {exists: false}", "wrong"),
        ("contract.rate: {known: true}", "wrong"),
        ("contract.overdue_rate: {known: false}", "wrong"),
        ("contract.overdue_rate: {exists: false}", "undecided"),
        ("action.kind: [call, sms]", "wrong"),
        ("action.kind: {not: [call, sms]}", "silent"),
        ("action.kind: {is: sms}", "silent"),
        ("recipient.role: debtor", "wrong"),
        ("recipient.role: [guarantor, spouse]", "silent"),
        ("recipient.role: {contains_only: [debtor, spouse]}", "wrong"),
        ("recipient.role: {contains_all: [debtor, spouse]}", "silent"),
        ("debt.due: {between: [2026-10-05, 2026-10-05]}", "wrong"),
        ("debt.due: 2026-10-05", "wrong"),
        ("action.at: {after: 2026-11-22, not_after: 2026-11-23}", "wrong"),
        ("action.at: {after: 2026-11-23}", "silent"),
        ("debt.principal: {at_least: 10000 CNY}", "wrong"),
        ("debt.principal: {at_least: 1 USD}", "undecided"),
        ("any: [{debtor.missing: true}, {action.kind: call}]", "wrong"),
        ("all: [{debtor.missing: true}, {action.kind: call}]", "undecided"),
        ("all: [{debtor.missing: true}, {action.kind: sms}]", "silent"),
    ],
)
def test_predicates(asked, condition, wanted):
    """Kleene truth of each predicate: none makes a comparison false and its `not` true, unknown stays unknown."""
    debt = {"due": "2026-10-05", "principal": "10000 CNY", "contract": {"rate": "none"}}

    assert wanted == asked(f"wrong_when: {{{condition}}}", debt=debt)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wrong_when: {}", "one line or more"),
        ("wrong_when: {any: []}", "needs a list of conditions"),
        ("wrong_when: {contract.rate: none}", "nothing equals none"),
        ("wrong_when: {guarantee.mode: none}", "nothing equals none"),
        ("wrong_when: {action.person: none}", "nothing equals none"),
        ("wrong_when: {action.kind: call}\nrequires: {action.kind: call}", "either `wrong_when` or `requires`"),
        ("wrong_when: {n: {at_least: 1}}\nmeasures: {n: {count: events, within: 7 days, this: day}}", "either `within` or `this`"),
        ("wrong_when: {n: true}\ndefine: {n: {holds: {m: true}}, m: {holds: {n: true}}}", "depends on itself"),
        ("wrong_when: {action.kind: call}\nvalues: {2020-01-01: {cite: board 1, status: shadow}}", "`because` is missing"),
        ("wrong_when: {plan.months: {at_least: $c}}\nparameters: {c: {type: count}}\n"
         "values: {2020-01-01: {c: {by: action.agent, robot: 1, other: 2}, cite: board 1}}", "has no word `robot`"),
    ],
)
def test_what_cannot_be_meant_does_not_load(asked, text, said):
    """Conditions that are always or never true by their form, and names that go in circles, are load errors."""
    with pytest.raises(Exception, match=said):
        asked(text)
