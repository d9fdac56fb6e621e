"""What a policy counts by: the keys under which a check locks, and under which it reads the ledger of more than its own debtor.

`same: [person]`, `[address]`, `[household]`, `[debt]` reach over the files of all debtors, because these ids mean the same in every file;
`creditor`, `collector`, `channel`, `place` and `session` only narrow what is found. A `debt_group` is known by the debts of the case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fairdunning.policy import Policy
from fairdunning.selection import REACHING
from fairdunning.yamlfile import Node, parse

KINDS = {key: "debt" if key == "debt_group" else key for key in REACHING}


def kinds_of(policy: Policy) -> frozenset[str]:
    """The kinds of key that any rule or constraint of the policy counts by."""
    used = {con.rule for con in policy.constraints}
    nodes = [con.node for con in policy.constraints]
    for name, text in policy.files:
        path = name.removeprefix("rules/")
        if "same:" in text and name.startswith("rules/") and (path in used or path.startswith("definitions/")):
            nodes.append(parse(text.encode(), name))
    return frozenset(KINDS[key] for node in nodes for key in _same(node) if key in KINDS)


def _same(node: Node) -> Iterator[str]:
    """Every word under a key `same`, at any depth."""
    if isinstance(node.value, dict):
        for name, child in node.mapping.items():
            if name == "same":
                yield from (part.text for part in child.items)
            else:
                yield from _same(child)
    elif isinstance(node.value, list):
        for part in node.items:
            yield from _same(part)


def keys_of_event(debtor: str, entry: dict[str, Any]) -> set[str]:
    """Everything that an event, or a contact, of a debtor may be counted by."""
    found = {("debtor", debtor), *((kind, entry.get(kind)) for kind in ("person", "address", "household"))}
    debts: list[Any] = next((entry[k] for k in ("counts_for", "about", "discussed") if isinstance(entry.get(k), list)), [])
    return _written(found | {("debt", debt) for debt in debts if isinstance(debt, str)})


def keys_of_case(case: dict[str, Any], kinds: frozenset[str]) -> set[str]:
    """What a check must be alone with under a policy that counts by these kinds."""
    action, debts = case["action"], [d["id"] for d in case.get("debts") or []]
    debtor = (case.get("debtor") or {}).get("id")
    found = {("debtor", debtor), *((kind, value_of(case, kind)) for kind in ("person", "address", "household") if kind in kinds)}
    if "debt" in kinds:
        found |= {("debt", debt) for debt in {*debts, *(action.get("debts") or [])}}
    return _written(found)


def value_of(case: dict[str, Any], kind: str) -> Any:
    """The action's side of a key."""
    if kind != "household":
        return case["action"].get(kind)
    return _entry(case, "persons", case["action"].get("person")).get("household")


def _entry(case: dict[str, Any], name: str, number: Any) -> dict[str, Any]:
    return next((e for e in case.get(name) or [] if e.get("id") == number), {}) if number else {}


def contact_of(case: dict[str, Any]) -> dict[str, Any]:
    """The planned contact as the event that it becomes."""
    action = case["action"]
    found = {name: action.get(name) for name in ("kind", "person", "address", "channel", "session", "purpose")}
    person, address = _entry(case, "persons", action.get("person")), _entry(case, "addresses", action.get("address"))
    found |= {"household": person.get("household"), "role": person.get("roles"), "place": address.get("place"),
              "creditor": (case.get("creditor") or {}).get("id"), "collector": (case.get("collector") or {}).get("id")}
    about = sorted(action.get("debts") or [d["id"] for d in case.get("debts") or []])
    return {**{k: x for k, x in found.items() if x is not None}, "direction": "outbound", "counts_for": about}


def _written(found: set[tuple[str, Any]]) -> set[str]:
    return {f"{kind}:{value}" for kind, value in found if isinstance(value, str) and value and value != "none"}
