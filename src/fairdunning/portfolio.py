"""A generated, seeded portfolio: planned actions of a consumer lender over 90 days of history, most of them lawful.

Its data are complete: what is flagged for missing facts alone is a defect of the law's scope, not of the data.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from fairdunning import when

START = when.parse_datetime("2026-11-24T00:00:00+08:00")
HISTORY_DAYS = 90
_SHANGHAI = "Asia/Shanghai"
_SAYS = ("organisation", "creditor", "debtor_name", "balance", "reason", "how_to_check", "how_to_pay", "how_to_object", "contact")
Case = dict[str, Any]


def portfolio(size: int = 2000, seed: int = 1) -> Iterator[Case]:
    """Case documents; the same size and seed give the same documents."""
    rng = random.Random(seed)
    makers = (_call,) * 10 + (_sms,) * 6 + (_letter,) * 2 + (_visit, _offer, _pull, _report, _demand, _suit)
    slips = (_at_night, _talked_enough, _third_party, _paid, _broken_off, _false_claim, _overcharged, _early)
    for number in range(size):
        case = rng.choice(makers)(rng, number)
        if rng.random() < 0.25:
            rng.choice(slips)(rng, case)
        yield case


def _stamp(at: int) -> str:
    return when.zone(_SHANGHAI).format(at)


def _base(rng: random.Random, number: int, kind: str) -> Case:
    at = START + rng.randrange(9 * 3600, 20 * 3600)
    due = when.zone(_SHANGHAI).day_of(START) - rng.randint(5, 80)
    return {
        "action": {"id": f"A-{number:05}", "kind": kind, "agent": rng.choice(["human", "human", "ai"]), "at": _stamp(at), "person": "P1",
                   "address": "N1", "debts": ["D1"], "purpose": "demand"},
        "debtor": {"id": f"P-{number:05}", "timezones": [_SHANGHAI]},
        "persons": [{"id": "P1", "roles": ["debtor"]}, {"id": "P2", "roles": ["emergency_contact"]}],
        "debts": [{"id": "D1", "kind": "online_consumer_loan", "due": when.format_date(due), "total_due": "6769.20 CNY",
                   "contract": {"signed_on": when.format_date(due - 360)}}],
        "creditor": {"kind": "consumer_finance_company"}, "collector": {"kind": "creditor"},
        "events": list(_events(rng, due)), "history": {"complete_since": when.format_date(due - 400)},
    }


def _events(rng: random.Random, due: int) -> Iterator[Case]:
    """Contacts and answers since the due date: at most two talks a day, in the daytime."""
    zone = when.zone(_SHANGHAI)
    for number in range(rng.randint(0, 40)):
        day = rng.randint(due + 1, zone.day_of(START) - 1)
        at = zone.first_instant(day) + rng.randrange(9 * 3600, 20 * 3600)
        kind = rng.choice(["call", "call", "call", "sms", "letter"])
        outcome = {"call": rng.choice(["no_answer", "no_answer", "conversation"]), "sms": "delivered", "letter": "delivered"}[kind]
        yield {"id": f"E{number}", "kind": kind, "direction": "outbound", "at": _stamp(at), "person": "P1", "address": "N1",
               "counts_for": ["D1"], "outcome": outcome}


def _call(rng: random.Random, number: int) -> Case:
    return _base(rng, number, "call")


def _sms(rng: random.Random, number: int) -> Case:
    case = _base(rng, number, "sms")
    case["message"] = {"tags": [], "claims": [], "says": list(_SAYS), "discloses_debt": True,
                       "amounts": [{"meaning": "amount_due", "amount": "6769.20 CNY"}]}
    return case


def _letter(rng: random.Random, number: int) -> Case:
    case = _base(rng, number, "letter")
    case["action"]["address"] = "H1"
    return case


def _visit(rng: random.Random, number: int) -> Case:
    case = _letter(rng, number)
    case["action"]["kind"] = "visit"
    case |= {"addresses": [{"id": "H1", "place": "home"}], "visit": {"team_size": 2}}
    return case


def _offer(rng: random.Random, number: int) -> Case:
    case = _base(rng, number, "offer_plan")
    case["plan"] = {"states": ["amounts", "dates", "interest", "waiver", "fees", "default"], "months": rng.choice([6, 12, 24])}
    return case


def _pull(rng: random.Random, number: int) -> Case:
    case = _base(rng, number, "pull_record")
    case["action"] |= {"record_kind": "own_loan_file", "source_kind": "own_files", "data_purpose": "collection",
                       "fields": [{"name": "phone", "purpose": "collection", "class": "ordinary"}]}
    case["debtor"]["privacy_notice_on"] = case["debts"][0]["contract"]["signed_on"]
    return case


def _report(rng: random.Random, number: int) -> Case:
    case = _base(rng, number, "report_credit")
    case["debts"][0]["overdue_amount"] = "3066.20 CNY"
    case |= {"consent": {"furnish_written": True}, "entry": {"amount": "3066.20 CNY"}}
    case["events"].append({"id": "N1", "kind": "credit_notice", "at": _stamp(START - 3 * when.DAY), "about": ["D1"], "reached": True})
    return case


def _demand(rng: random.Random, number: int) -> Case:
    case = _base(rng, number, "demand_amount")
    case["debts"][0] |= {"disbursed": "8000.00 CNY"}
    case["debts"][0]["contract"] |= {"rate": "12%", "overdue_rate": "18%", "product": "own_loan", "yearly_cost": "18%", "cost_table_shown": True}
    case["demand"] = {"principal": "6499.20 CNY", "interest": "120.00 CNY", "overdue_interest": "150.00 CNY", "damages": "0.00 CNY",
                      "fees": "0.00 CNY", "charges": [{"kind": "interest", "amount": "270.00 CNY", "in_cost_table": True}]}
    return case


def _suit(rng: random.Random, number: int) -> Case:
    case = _demand(rng, number)
    case["action"]["kind"] = "file_suit"
    case["creditor"]["id"] = case["debts"][0]["holder"] = "C1"
    case["debts"][0]["contract"]["arbitration_clause"] = False
    case["suit"] = {"plaintiff": "C1", "court_ground": "defendant_residence", "procedure": "ordinary", "representative": "employee",
                    "power_of_attorney": True, "evidence": ["contract", "disbursement", "account_statement"]}
    return case


# --- what goes wrong ---------------------------------------------------------------------------------------------------


def _at_night(rng: random.Random, case: Case) -> None:
    case["action"]["at"] = _stamp(START + rng.choice([6, 7, 22, 23]) * 3600)


def _talked_enough(rng: random.Random, case: Case) -> None:
    for i in range(3):
        case["events"].append({"id": f"T{i}", "kind": "call", "direction": "outbound", "outcome": "conversation", "person": "P1", "address": "N1",
                               "counts_for": ["D1"], "at": _stamp(START + 8 * 3600 + i * 900 + rng.randrange(600))})
    case["action"]["at"] = _stamp(START + 15 * 3600)


def _third_party(_: random.Random, case: Case) -> None:
    case["action"]["person"] = "P2"


def _paid(_: random.Random, case: Case) -> None:
    case["debts"][0]["status"] = "paid"


def _broken_off(rng: random.Random, case: Case) -> None:
    kind = rng.choice(["stop_request", "complaint", "dispute", "hardship_reported"])
    case["events"].append({"id": "S1", "kind": kind, "at": _stamp(START - rng.randint(1, 20) * when.DAY), "person": "P1", "about": ["D1"]})


def _false_claim(rng: random.Random, case: Case) -> None:
    case["action"]["kind"] = "sms"
    case["message"] = {"tags": rng.choice([[], ["violence_threat"]]), "claims": [rng.choice(["suit_accepted", "is_authority", "assets_frozen"])],
                       "says": ["creditor"], "discloses_debt": True, "amounts": []}


def _overcharged(_: random.Random, case: Case) -> None:
    case.setdefault("demand", {})["principal"] = "9000.00 CNY"
    case["debts"][0].setdefault("contract", {})["yearly_cost"] = "36%"


def _early(_: random.Random, case: Case) -> None:
    case["debts"][0]["due"] = "2026-11-30"
