"""The code in the documents runs."""

import re
from pathlib import Path

from fairdunning.store.database import Store
from fairdunning.store.keys import Keys
from tests.test_service import STRICT, Server

ROOT = Path(__file__).resolve().parents[1]


def test_integration_samples_run_against_a_server(tmp_path):
    """Dialler, gateway and voice agent, in the order of the document."""
    store = Store(f"sqlite:///{tmp_path / 'ledger.db'}")
    key = Keys(store).new(["checker"], STRICT.profile)
    store.close()
    server = Server(store.url.render_as_string())
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/integration.md").read_text(), re.S)
    try:
        exec("\n".join(blocks), {"URL": server.url, "KEY": key})
    finally:
        server.kill()

    assert 3 == len(blocks)
