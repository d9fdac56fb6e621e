"""The ordinary lawful action, told with its required facts and nothing else, is allowed under every shipped profile."""

import copy
from pathlib import Path

import pytest
import yaml

from fairdunning import workflow
from fairdunning.library import facts_for
from fairdunning.policy import load

ROOT = Path(__file__).resolve().parents[1]
PROFILES = sorted(p.stem for p in (ROOT / "policies/profiles").glob("cn-*.yaml"))
CARD_PLAN = ["balance", "amounts", "dates", "method", "interest", "fees", "waiver", "no_new_cards", "rights", "default"]
AGENCY_TERMS = ["purpose", "term", "method", "kinds", "safeguards", "duties"]


def _plain(node):
    """YAML read as text: words stay words, numbers and yes or no become what JSON has."""
    if isinstance(node, dict):
        return {k: _plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    return {"true": True, "false": False, "null": None}.get(node, int(node) if node.isdigit() else node)


def _merged(left, right):
    found = copy.deepcopy(left)
    for key, value in right.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found[key], value) if isinstance(value, dict) and isinstance(found.get(key), dict) else value
    return found


def _cases():
    read = _plain(yaml.load((ROOT / "policies/cn/ordinary.cases.yaml").read_text(), Loader=yaml.BaseLoader))
    return {c["name"]: _merged(read["given"], c["given"]) for c in read["cases"]}


def _lender(case, profile):
    """The same action of another lender: its product, and what its own position brings with it."""
    debt = case["debts"][0]
    case["creditor"] = {}
    if "bank-credit-card" in profile:
        debt["kind"] = "credit_card"
        if "product" in debt["contract"]:
            debt["contract"]["product"] = "card"
        if "plan" in case:
            case["plan"]["states"] = CARD_PLAN
    if "private-lender" in profile:
        debt["kind"] = "private_loan"
        if "rate" in debt["contract"]:
            debt["contract"].update(rate="9%", overdue_rate="12%", yearly_cost="12%")
            case["demand"]["overdue_interest"] = "100.00 CNY"
            for item in case["demand"]["charges"][1:]:
                item["amount"] = "220.00 CNY"
    if "assignee" in profile:
        case["events"] = [*case["events"], {"id": "X1", "kind": "assignment_notice", "at": "2026-10-20T10:00:00+08:00", "about": ["D1"]}]
    if "third-party" in profile:
        case["creditor"] = {"kind": "consumer_finance_company"}
        case["collector"] = {"kind": "third_party", "id": "G1"}
        case["mandate"] = {"signed_on": "2026-10-10", "ended_on": "none", "terms": AGENCY_TERMS}
        notice = {"id": "X2", "kind": "agency_notice", "at": "2026-10-12T10:00:00+08:00", "about": ["D1"], "given_to": "G1"}
        case["events"] = [*case["events"], notice]
        for field in case["action"].get("fields", []):
            field["in_mandate"] = True
    return case


def _required_only(case, vocabulary, kept):
    """The case without every fact that its kind of action does not require."""
    kind = case["action"]["kind"]
    needed = {f.name for f in vocabulary.facts.values() if kind in f.required}
    found = {}
    for noun, value in case.items():
        if noun == "debts":
            found[noun] = [_entry(debt, needed) for debt in value]
        elif isinstance(value, dict) and noun not in kept:
            found[noun] = {k: v for k, v in value.items() if f"{noun}.{k}" in needed or (noun, k) == ("action", "id")}
        else:
            found[noun] = value
    return {k: v for k, v in found.items() if v != {}}


def _entry(debt, needed):
    parts = {k: {a: b for a, b in v.items() if f"{k}.{a}" in needed} for k, v in debt.items() if isinstance(v, dict)}
    plain = {k: v for k, v in debt.items() if not isinstance(v, dict) and (k == "id" or f"debt.{k}" in needed)}
    return plain | {k: v for k, v in parts.items() if v}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("pruned", [False, True], ids=["as written", "required facts only"])
def test_ordinary_actions_are_allowed(profile, pruned):
    """No kind of action is flagged for a fact that the data contract does not ask for."""
    policy = load(profile)
    kept = {"history", "mandate", "creditor", "collector"} if "third-party" in profile else {"history"}
    flagged = {}
    for name, told in _cases().items():
        case = _lender(told, profile)
        verdict = workflow.check(_required_only(case, policy.vocabulary, kept) if pruned else case, policy, name)
        if verdict.outcome.word != "allow":
            flagged[name] = [(f.constraint, f.missing) for f in verdict.findings]

    assert {} == flagged


def test_every_kind_of_action_has_its_ordinary_case(policy):
    """The case file names each kind once."""
    assert sorted(policy.vocabulary.facts["action.kind"].words) == sorted(c["action"]["kind"] for c in _cases().values())


def test_a_call_asks_for_few_facts(policy):
    """At most 25 facts are required for a call."""
    assert 25 >= sum("call" in f.required for f in policy.vocabulary.facts.values())


@pytest.mark.parametrize(("debt", "missing"), [({}, "debt.balances"), ({"signed_on": "2026-06-01", "rate": "11%"}, "cn.series.lpr-1y")])
def test_a_list_or_table_that_leaves_it_open_is_named(debt, missing):
    """Balances that nobody gave and a rate that nobody has published yet are what a reviewer must find."""
    case = _lender(_cases()["demand_amount"], "cn-private-lender")
    case["demand"]["overdue_interest"] = "150.00 CNY"
    case["debts"][0]["contract"].update(debt)
    found = {f.constraint: f.missing for f in workflow.check(case, load("cn-private-lender"), "x").findings}

    assert missing in found["cn.contract.interest-and-fees.private-loan-cap"]


def test_facts_that_matter_seldom_are_listed(policy):
    """A suit seldom turns on a guarantor and always on the due day; a call never asks who the plaintiff is."""
    suit = {name: need for name, _, need in facts_for(policy, "file_suit")}
    call = {name: need for name, _, need in facts_for(policy, "call")}

    assert ("seldom", "required") == (suit["suit.against_guarantor"], suit["debt.due"])
    assert "suit.plaintiff" not in call
    assert [] == list(facts_for(policy, "no_such_kind"))
