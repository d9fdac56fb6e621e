"""Random policies and random cases from the whole grammar, with a count of every construct that was drawn."""

import datetime as dt
from collections import Counter
from pathlib import Path

import yaml

from tests.oracle.oracle import as_date, instant, zone

ROOT = Path(__file__).resolve().parents[2]
ZONES = ("Asia/Shanghai", "Europe/Amsterdam", "America/New_York")
NOWS = (
    "2026-03-29T01:30:00+00:00",
    "2026-10-25T00:30:00+00:00",
    "2026-03-08T07:30:00+00:00",
    "2026-11-01T06:30:00+00:00",
    "2026-02-28T12:00:00+00:00",
    "2026-02-14T04:00:00+00:00",
    "2025-12-31T23:59:59+00:00",
    "2024-02-29T15:00:00+00:00",
    "2026-05-31T16:00:00+00:00",
    "2026-06-15T10:00:00+00:00",
)
FACTS = {
    "bool": ["debtor.missing", "payment.early", "visit.takes_property"],
    "enum": ["action.kind", "creditor.kind", "contract.product", "guarantee.mode", "action.agent"],
    "id": ["action.person", "payment.designated_debt"],
    "set": ["plan.states", "recipient.role", "message.tags"],
    "count": ["plan.months", "visit.team_size"],
    "money": ["demand.total", "debt.principal", "debt.total_due"],
    "rate": ["contract.rate", "contract.yearly_cost"],
    "date": ["debt.due", "contract.signed_on", "judgment.effective_on", "debt.accelerated_on"],
    "datetime": ["action.at"],
    "days": ["debt.days_overdue"],
    "timetable": ["debtor.agreed_hours"],
}
EVENT_KINDS = ("call", "sms", "dispute", "dispute_answered", "demand", "payment", "obstacle", "suit", "plan_agreed", "plan_broken")
OUTCOMES = ("conversation", "no_answer")
SPANS = ("3 days", "7 days", "1 week", "1 month", "2 business days", "36 hours", "90 minutes", "1 day", "1 year")
TABLES = {
    "steps": {
        "by": "date",
        "gives": "rate",
        "rows": {"2020-01-01": "4%", "2026-01-01": "3%", "2026-06-01": "2.5%"},
        "known_until": "2026-09-30",
        "cite": "board 1",
    },
    "bands": {"by": "money", "gives": "money", "rows": {"0 CNY": "10 CNY", "100 CNY": "50 CNY"}, "cite": "board 1"},
}


def vocabulary():
    """The shipped vocabulary as text."""
    facts, nouns = {}, {}
    for path in sorted((ROOT / "rules" / "vocabulary").glob("*.yaml")):
        for name, entry in yaml.load(path.read_text(), Loader=yaml.BaseLoader).items():
            if "." in name or "type" in entry:
                facts[name] = entry
            else:
                nouns[name] = entry
    return {"facts": facts, "nouns": nouns}


def calendar():
    """The shipped workday calendar as days."""
    found = yaml.load((ROOT / "policies/cn/calendars/workdays.yaml").read_text(), Loader=yaml.BaseLoader)
    def number(text):
        return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days
    days = {k: {number(d) for year in found["years"].values() for d in year[k]} for k in ("holidays", "workdays")}
    return {**days, "first": number(found["known_from"]), "last": number(found["known_until"])}


class Generator:
    """Draws constraints and cases; ``drawn`` counts the constructs."""

    def __init__(self, rng, words):
        self.rng, self.words, self.drawn = rng, words, Counter()
        self.parameters = {}

    def _note(self, what):
        self.drawn[what] += 1
        return what

    def _chance(self, share):
        return self.rng.random() < share

    def _maybe_parameter(self, kind, value):
        """The literal itself, or a parameter that has it."""
        if not self._chance(0.25):
            return value
        name = f"pa{len(self.parameters)}"
        self.parameters[name] = (self._note(f"parameter {kind}")[10:], value)
        return "$" + name

    # --- conditions

    def condition(self, names, depth=2, item=False):
        """A mapping of one to three lines."""
        found = {}
        for _ in range(self.rng.randint(1, 2)):
            if depth and self._chance(0.25):
                how = self._note(self.rng.choice(["any", "all", "not"]))
                inner = self.condition(names, depth - 1, item) if how == "not" else [self.condition(names, depth - 1, item) for _ in range(2)]
                found[how] = inner
            else:
                name, kind = self.rng.choice(names)
                found[name] = self.said(name, kind, names, item)
        return found

    def said(self, name, kind, names, item):
        """A predicate that fits a type."""
        self._note(f"type {kind}")
        if self._chance(0.08):
            return {self._note("exists"): self.rng.choice(["true", "false"])}
        if self._chance(0.04):
            return {self._note("known"): self.rng.choice(["true", "false"])}
        if self._chance(0.1):
            inner = self.said(name, kind, names, item)
            self._note("predicate not")
            return {"not": inner}
        if kind in {"enum", "id"}:
            return self._words(name, kind)
        if kind == "set":
            how = self.rng.choice(["contains", "contains_all", "contains_only", "bare"])
            words = self.rng.sample(self._known_words(name), 2)
            return words if self._note(how) == "bare" else {how: self._maybe_parameter("set", words)}
        if kind == "bool":
            return self._note("is bool") and self.rng.choice(["true", "false"])
        if kind == "timetable":
            return {self._note("covers"): "$action.at"}
        return self._number(name, kind, names)

    def _known_words(self, name):
        tail = name.rpartition(".")[2] if name.startswith("me") else name
        fact = self.words["facts"].get(name) or self.words["facts"]["events"]["of"].get(tail)
        if fact is None or "words" not in fact:
            return ["P1", "P2", "D1", "N1"]
        few = {"kind": list(EVENT_KINDS), "outcome": list(OUTCOMES)}
        return few.get(tail) or sorted(fact["words"])

    def _words(self, name, kind):
        words = self._known_words(name)
        if self._chance(0.5):
            return self._note("is word") and self.rng.choice(words)
        many = self.rng.sample(words, min(3, len(words)))
        return self._note("is one of") and (many if self._chance(0.5) else {"is": many})

    def _number(self, name, kind, names):
        if kind == "datetime" and self._chance(0.35):
            return {self._note(self.rng.choice(["inside", "outside"])): self._maybe_parameter("timetable", self.timetable())}
        how = self.rng.choice(
            ["at_least", "at_most", "more_than", "less_than"] if kind not in {"date", "datetime"} else ["before", "after", "not_before", "not_after"]
        )
        others = [n for n, k in names if k == kind and n != name and "." in n]
        if others and self._chance(0.2):
            return {self._note(how): self._note("$name") and "$" + self.rng.choice(others)}
        if self._chance(0.12):
            return {self._note("between"): [self.literal(kind), self.literal(kind)]}
        if self._chance(0.1):
            return self._note("is number") and self.literal(kind)
        return {self._note(how): self.literal(kind)}

    def literal(self, kind):
        """A literal near the values that cases have."""
        rng = self.rng
        if kind in {"count", "days"}:
            return str(rng.choice([0, 1, 1, 2, 2, 3, 12, 24, 30]))
        if kind == "money":
            return rng.choice(["0 CNY", "50 CNY", "99.99 CNY", "100 CNY", "100.01 CNY", "5000 CNY"])
        if kind == "rate":
            return rng.choice(["0%", "3%", "12%", "12.01%", "24%"])
        return self.date()

    def date(self):
        """A date around one of the moments."""
        day = dt.date.fromisoformat(self.rng.choice(NOWS)[:10]) + dt.timedelta(days=self.rng.choice([-365, -31, -30, -8, -7, -3, -1, 0, 0, 1, 3, 30]))
        return day.isoformat()

    def timetable(self):
        """Hours of the day, of weekdays, of holidays."""
        choice = self.rng.randrange(4)
        return [
            "08:00-20:00",
            {"mon-fri": "09:00-18:30", "sat": "10:00-02:00", "sun": "none"},
            {"daily": "22:00-06:00"},
            {"mon-fri": ["08:00-12:00", "13:00-20:00"], "holiday": "none"},
        ][choice]

    # --- measures, periods, definitions

    def where(self):
        """A condition over the attributes of an event."""
        names = [
            ("kind", "enum"),
            ("outcome", "enum"),
            ("direction", "enum"),
            ("person", "id"),
            ("in_force", "bool"),
            ("date", "date"),
            ("at", "datetime"),
        ]
        found = {"kind": self._words("kind", "enum")} if self._chance(0.7) else {}
        if self._chance(0.5) or not found:
            found |= {k: x for k, x in self.condition(names, 1, True).items() if k != "kind"} or {"outcome": "no_answer"}
        return found

    def window(self, names):
        """Nothing, within, this, since or until."""
        found = {}
        draw = self.rng.random()
        if draw < 0.4:
            found["within"] = self._note("within") and self._maybe_parameter("period", self.rng.choice(SPANS))
        elif draw < 0.6:
            found["this"] = self._note("this") and self.rng.choice(["day", "week", "month", "year", "week from sunday"])
        dates = [n for n, k in names if k in {"date", "datetime"} and "." in n]
        for key in ("since", "until"):
            if dates and self._chance(0.15):
                found[key] = self._note(key) and "$" + self.rng.choice(dates)
        return found

    def same(self):
        """Keys by which an event belongs to the action."""
        found = self.rng.choice(
            [
                *[[], ["debt"], ["person"], ["person", "debt"], ["address"], ["creditor", "debt"]],
                *[["debt_group"], ["collector"], ["channel"], ["household"], ["place"], ["session"]],
            ]
        )
        for key in found:
            self._note(f"same {key}")
        return found

    def measure(self, names):
        """A measure and the names it gives."""
        if self._chance(0.12):
            return self._of_another_list()
        how = self._note(self.rng.choice(["count", "count", "distinct", "total", "latest", "earliest", "interest", "term"]))
        if how == "interest":
            node = {
                "interest": "debt.balances",
                "rate": self.rng.choice(["$contract.rate", "12%"]),
                "basis": self.rng.choice(["actual/365", "actual/360", "30/360"]),
            }
            if self._chance(0.5):
                node["since"] = "$debt.due"
            if self._chance(0.3):
                node["until"] = self._note("interest until") and "$judgment.effective_on"
            return node, [("", "money")]
        if how == "term":
            node = {
                "term": "events",
                "from": "$debt.due",
                "lasts": self.rng.choice(["1 month", "30 days", "3 months"]),
                "same": ["debt"],
                "restarted_by": {"kind": self.rng.choice([["demand"], ["demand", "suit"], ["payment"]])},
            }
            if self._chance(0.5):
                node |= {"held_by": {"kind": "obstacle"}, "in_last": "10 days"}
            if self._chance(0.3):
                node["roll"] = "next_workday"
            return node, [(".ends", "date")]
        if how == "total":
            return {"total": "demand.charges.amount", "where": {"kind": self.rng.choice([["principal"], ["interest", "damages"]])}}, [("", "money")]
        source = "events.person" if how == "distinct" else "events"
        node = {how: source, "where": self.where(), **({"same": s} if (s := self.same()) else {}), **self.window(names)}
        if how in {"latest", "earliest"}:
            return node, [(".exists", "bool"), (".at", "datetime"), (".date", "date"), (".days_ago", "days"), (".outcome", "enum"), (".kind", "enum")]
        return node, [("", "count")]

    def _of_another_list(self):
        """Instalments: counted, or the last (first) by their due date."""
        if self._chance(0.4):
            return {self._note("count of a list")[:5]: "debt.instalments", "where": {"due": {"before": "$action.date"}}}, [("", "count")]
        how = self._note("latest by") and self.rng.choice(["latest", "earliest"])
        node = {how: "debt.instalments", "by": "due", **({"where": {"amount": {"more_than": "50 CNY"}}} if self._chance(0.4) else {})}
        return node, [(".exists", "bool"), (".due", "date"), (".amount", "money")]

    def period(self):
        """A period and the names it gives."""
        self._note("period")
        node = {"opens": {"kind": self.rng.choice(["dispute", ["dispute", "plan_agreed"], "call"])}}
        if self._chance(0.7):
            node["closes"] = [{"kind": self.rng.choice(["dispute_answered", "plan_broken", "sms"])}]
        if self._chance(0.6):
            node["lasts"] = self.rng.choice(["3 days", "1 month", "36 hours", "2 business days"])
        if self._chance(0.7):
            node["same"] = self.rng.choice([["debt"], ["person"]])
        if self._chance(0.1):
            node["by"] = self._note("period by") and "until"
        return node, [("", "bool"), (".since", "date"), (".ends", "date")]

    def define(self, names):
        """A definition and its type."""
        def of(*kinds):
            return ["$" + n for n, k in names if k in kinds]
        dates, amounts, rates = of("date"), of("money"), of("rate")
        how = self._note(
            "define "
            + self.rng.choice(
                ["sum", "difference", "product", "smallest", "largest", "plus", "days_between", "interest", "look_up", "choose", "holds"]
            )
        )[7:]
        if how in {"sum"}:
            return {"sum": self.rng.sample(amounts, 2)}, "money"
        if how in {"smallest", "largest", "difference"}:
            kind, pool = self.rng.choice([("date", dates), ("money", amounts)])
            return {how: self.rng.sample(pool, 2)}, "days" if (how, kind) == ("difference", "date") else kind
        if how == "product":
            return {
                "product": [self.rng.choice(amounts), self.rng.choice([*rates, "50%", "3"])],
                "round": self.rng.choice(["half_up", "up", "down"]),
            }, "money"
        if how == "plus":
            node = {"plus": [self.rng.choice(dates), self.rng.choice(["10 days", "1 month", "3 business days", "1 year"])]}
            return (node | {"roll": "next_workday"} if self._chance(0.4) else node), "date"
        if how == "days_between":
            return {"days_between": self.rng.sample(dates, 2)}, "days"
        if how == "interest":
            return {
                "interest": {
                    "on": self.rng.choice(amounts),
                    "rate": self.rng.choice(rates),
                    "from": "$debt.due",
                    "to": "$action.date",
                    "basis": self.rng.choice(["actual/365", "actual/360", "30/360"]),
                }
            }, "money"
        if how == "look_up":
            return self.rng.choice(
                [({"look_up": "$steps", "at": self.rng.choice(dates)}, "rate"), ({"look_up": "$bands", "at": self.rng.choice(amounts)}, "money")]
            )
        if how == "choose":
            lines = [{"when": self.condition(names, 1), "value": self.rng.choice(dates)}, {"value": self.rng.choice([*dates, "none"])}]
            return {"choose": lines}, "date"
        return {"holds": self.condition(names, 1)}, "bool"

    # --- constraints

    def policy(self):
        """A policy file with one constraint."""
        self.parameters = {}
        names = [(n, k) for k, many in FACTS.items() for n in many] + [("action.date", "date")]
        constraint = {"title": _text("t"), "message": _text("m"), "why": _text("w"), "force": "prohibition", "confidence": "text", "parameters": {}}
        line = {"cite": "board 1"}
        for section, make, share in (("measures", self.measure, 0.75), ("periods", lambda _: self.period(), 0.35), ("define", self.define, 0.45)):
            for number in range(2):
                if self._chance(share):
                    node, given = make(names)
                    name = f"{section[:2]}{number}"
                    constraint.setdefault(section, {})[name] = node
                    names += [(name + tail, kind) for tail, kind in (given if isinstance(given, list) else [("", given)])]
                    if isinstance(node, dict) and str(node.get("look_up", "")).startswith("$"):
                        constraint["parameters"][node["look_up"][1:]] = {"type": "table"}
                        line[node["look_up"][1:]] = node["look_up"][1:]
        self._during(constraint)
        local = [
            n
            for n in names
            if n[0][:2] in {"me", "pe", "de"}
            and n[0].partition(".")[0] in {k for s in ("measures", "periods", "define") for k in constraint.get(s, {})}
        ]
        pool = local * 4 + names
        if self._chance(0.3):
            constraint["scope"] = self._note("scope") and self.condition(names, 0)
        self._wrong(constraint, pool)
        if self._chance(0.3):
            constraint["unless"] = {"e": {"when": self._note("unless") and self.condition(pool, 1), "cite": "board 2"}}
        for name, (kind, value) in self.parameters.items():
            constraint["parameters"][name], line[name] = {"type": kind}, value
        self._values(constraint, line, pool)
        clock = self._note("clock " + self.rng.choice(["authority", "debtor"]))[6:]
        return {
            "zone": self.rng.choice(ZONES),
            "clock": clock,
            "calendar": "cn.calendars.workdays",
            "tables": TABLES,
            "sources": {"board": {"title": _text("b"), "body": "us", "from": "2020-01-01"}},
            "constraints": {"c": constraint},
        }

    def _during(self, constraint):
        if "periods" in constraint and "measures" in constraint and self._chance(0.5):
            node = next(iter(constraint["measures"].values()))
            if "where" in node and "events" in str(node):
                node["where"]["at"] = {self._note("during"): "$" + next(iter(constraint["periods"]))}
        for node in constraint.get("measures", {}).values() if "periods" in constraint else ():
            if "interest" in node and self._chance(0.7):
                node["skipping"] = self._note("skipping") and "$" + next(iter(constraint["periods"]))

    def _wrong(self, constraint, pool):
        if self._chance(0.75):
            constraint["wrong_when"] = self.condition(pool)
            return
        if self._chance(0.5):
            constraint["when"] = self._note("when") and self.condition(pool, 0)
        constraint["requires"] = self._note("requires") and self.condition(pool)

    def _values(self, constraint, line, pool):
        counts = [n for n, k in pool if k == "count"]
        constraint["parameters"]["cap"] = {"type": "count"}
        wrong = constraint.get("wrong_when") or constraint["requires"]
        wrong[self.rng.choice(counts)] = {"at_least": "$cap"}
        def cap():
            return str(self.rng.choice([1, 1, 2, 3]))
        line["cap"] = cap()
        if self._chance(0.25):
            self._note("by")
            line["cap"] = {
                "by": self.rng.choice(["action.kind", "action.agent"]),
                "call": cap(),
                "ai": cap(),
                **({"other": cap()} if self._chance(0.6) else {}),
            }
            words = set(self._known_words(line["cap"]["by"]))
            line["cap"] = {k: x for k, x in line["cap"].items() if k in {"by", "other"} or k in words}
        values = {"2020-01-01": line}
        if self._chance(0.35):
            values[self.date()] = self._note("dated") and {**line, "cap": cap()}
        if self._chance(0.15):
            values[self.date()] = self._note("repeal") and None
        constraint["values"] = values
        if self._chance(0.3):
            constraint["as_of"] = self._note("as_of") and self.rng.choice(["contract.signed_on", "debt.due"])

    # --- cases

    def case(self):
        """A case document; about a tenth of its facts are missing."""
        rng = self.rng
        zones = rng.choice([["Asia/Shanghai"], ["Europe/Amsterdam"], ["America/New_York"], ["Europe/Amsterdam", "America/New_York"], None])
        now = instant(rng.choice(NOWS)) + rng.choice([0, 0, 1, -1, 1800, 3600, 7 * 3600, -5 * 3600])
        debt = self._some(
            {
                "due": self._date(now),
                "principal": rng.choice(["100 CNY", "5000 CNY"]),
                "total_due": rng.choice(["100.01 CNY", "50 CNY"]),
                "accelerated_on": rng.choice(["none", self._date(now)]),
                "group": rng.choice(["G1", "none"]),
                "instalments": [
                    {"due": self._date(now, rng.choice([-60, 0])), "amount": rng.choice(["50 CNY", "80 CNY"])} for _ in range(rng.randint(0, 3))
                ],
                "balances": [{"amount": "5000 CNY", "from": self._date(now, -400), "until": rng.choice(["none", self._date(now)])}],
            }
        )
        debt["contract"] = self._some(
            {"signed_on": self._date(now, -200), "rate": rng.choice(["12%", "none"]), "yearly_cost": "24%", "product": "own_loan"}
        )
        debt["guarantee"] = self._some({"mode": rng.choice(["general", "joint", "none"])})
        found = {
            "action": self._some(
                {
                    "kind": rng.choice(["call", "sms", "offer_plan"]),
                    "agent": rng.choice(["ai", "human"]),
                    "person": "P1",
                    "address": "N1",
                    "debts": ["D1"],
                }
            ),
            "debts": [{"id": "D1", **debt}, *([{"id": "D2", **self._some({"due": self._date(now), "group": "G1"})}] if self._chance(0.5) else [])],
            "persons": [
                {"id": "P1", "roles": ["debtor"], **self._some({"household": "H1"})},
                {"id": "P2", "roles": ["guarantor", "spouse"], **self._some({"household": rng.choice(["H1", "H2", "none"])})},
            ],
            "addresses": [{"id": "N1", "place": "home"}, {"id": "N2", **self._some({"place": rng.choice(["home", "workplace"])})}],
            "collector": self._some({"kind": rng.choice(["creditor", "third_party"]), **({"id": "K1"} if self._chance(0.6) else {})}),
            "creditor": self._some({"kind": "bank", "id": "C1"}),
            "plan": self._some({"states": rng.sample(["amounts", "dates", "interest", "fees"], 2), "months": rng.choice([12, 24, 30])}),
            "visit": self._some({"team_size": 2}),
            "payment": self._some({"early": self._chance(0.5), "designated_debt": rng.choice(["D1", "none"])}),
            "message": self._some({"tags": rng.choice([[], ["insult"]])}),
            "judgment": self._some({"effective_on": rng.choice(["none", self._date(now)])}),
            "demand": self._some(
                {
                    "total": rng.choice(["100 CNY", "0 CNY"]),
                    "charges": [{"kind": rng.choice(["principal", "interest"]), "amount": "100 CNY"} for _ in range(rng.randint(0, 2))],
                }
            ),
            "events": [self._event(i, now) for i in range(rng.randint(0, 7))],
        }
        if len(found["debts"]) > 1 and self._chance(0.4):
            found["action"]["debts"] = self._note("several debts") and ["D1", "D2"]
        if self._chance(0.3):
            found["action"]["session"] = "S1"
        found["action"] |= {"id": "A", "at": _stamp(now), "kind": found["action"].get("kind", "call")}
        if zones or self._chance(0.5):
            found["debtor"] = {
                "timezones": zones or ["Asia/Shanghai"],
                **self._some({"missing": False, "agreed_hours": rng.choice(["09:00-21:00", "none"]), "id": "P1"}),
            }
        if self._chance(0.85):
            found["history"] = {"complete_since": self._date(now, rng.choice([-400, -400, -20]))}
        return found

    def _some(self, parts):
        return {k: x for k, x in parts.items() if self.rng.random() > 0.12}

    def _date(self, now, around=0):
        return as_date(now // 86400 + around + self.rng.choice([-31, -30, -8, -7, -3, -2, -1, 0, 0, 1, 20])).isoformat()

    def _event(self, number, now):
        rng = self.rng
        back = rng.choice(
            [0, 1, 60, 5400, 5399, 129600, 129599, 3 * 86400, 7 * 86400, 30 * 86400, rng.randrange(40 * 86400), rng.randrange(3 * 86400), -3600]
        )
        at = _stamp(now - back) if self._chance(0.85) else as_date((now - back) // 86400).isoformat()
        event = {"id": f"E{number}", "kind": rng.choice(EVENT_KINDS), "at": at}
        if event["kind"] == "obstacle" or self._chance(0.1):
            event["until"] = rng.choice(["none", _stamp(now + rng.choice([-86400, 0, 86400])), self._date(now)])
        if self._chance(0.05):
            self._note("amendment")
            return {**event, "kind": "amendment", "at": _stamp(now - back), "amends": {"person": "P1"}, "set": {"person": rng.choice(["P2", "none"])}}
        event |= self._some(
            {
                "outcome": rng.choice(OUTCOMES),
                "direction": rng.choice(["inbound", "outbound"]),
                "person": rng.choice(["P1", "P2"]),
                "address": rng.choice(["N1", "N2"]),
            }
        )
        more = {"collector": rng.choice(["K1", "C1"]), "household": "H2", "session": rng.choice(["S1", "S2"])}
        event |= {k: x for k, x in more.items() if self._chance(0.25)}
        event |= rng.choice([{"counts_for": ["D1"]}, {"counts_for": ["D1"]}, {"about": ["D1"]}, {"counts_for": ["D2"]}, {}])
        if self._chance(0.1):
            event["debtor"] = self._note("file") and rng.choice(["P1", "X1"])
        if self._chance(0.08):
            keys = ["until", "outcome", "person", "direction", "counts_for", "about", "collector", "withdrawn", "debtor"]
            event[self._note("null") and rng.choice(keys)] = None
        if event["kind"] in {"call", "sms"} and self._chance(0.12) and len(at) > 10:
            event["state"] = self._note("open") and rng.choice(["reserved", "unresolved", "committed"])
        return event


def _text(word):
    return {"en": word, "zh": word}


def _stamp(t):
    return dt.datetime.fromtimestamp(t, zone("UTC")).isoformat()
