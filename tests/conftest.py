"""The shipped policy and a lawful call to vary."""

import copy

import pytest

from fairdunning.policy import load

CALL = {
    "action": {"id": "A-17", "kind": "call", "agent": "human", "at": "2026-11-23T10:00:00+08:00", "person": "P1", "address": "N1",
               "debts": ["D1"], "purpose": "demand"},
    "debtor": {"id": "P1", "timezones": ["Asia/Shanghai"]},
    "persons": [{"id": "P1", "roles": ["debtor"]}],
    "debts": [{"id": "D1", "kind": "online_consumer_loan", "due": "2026-10-05", "principal": "6499.20 CNY",
               "contract": {"signed_on": "2025-06-11"}}],
    "creditor": {"kind": "consumer_finance_company"},
    "collector": {"kind": "creditor"},
    "events": [],
    "history": {"complete_since": "2026-01-01"},
}


@pytest.fixture(scope="session")
def policy():
    return load("cn-consumer-finance-company")


@pytest.fixture
def call():
    return copy.deepcopy(CALL)
