"""The code in the documents runs."""

import re
from pathlib import Path

from fairdunning.service import Service
from fairdunning.store.ledger import Store
from tests.test_service import STRICT, Server

ROOT = Path(__file__).resolve().parents[1]


def test_integration_samples_run_against_a_server(tmp_path):
    """Dialler, gateway and voice agent, in the order of the document."""
    service = Service(Store(tmp_path / "ledger.db"))
    key = service.new_key(["checker"], STRICT.profile)
    service.close()
    server = Server(tmp_path / "ledger.db")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/integration.md").read_text(), re.S)
    try:
        exec("\n".join(blocks), {"URL": server.url, "KEY": key})
    finally:
        server.kill()

    assert 3 == len(blocks)
