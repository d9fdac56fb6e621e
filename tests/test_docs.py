"""The code in the documents runs."""

import re
from pathlib import Path

import click
from click.testing import CliRunner

from fairdunning.cli import main
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


README = (ROOT / "README.md").read_text()


def test_every_command_stands_in_the_documents():
    """README, its Chinese sister and docs/ name each command of the program."""
    texts = README + "".join(p.read_text() for p in (ROOT / "docs").glob("*.md"))

    def leaves(group, path=()):
        for name, command in group.commands.items():
            yield from leaves(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]

    missing = [" ".join(path) for path in leaves(main) if not re.search(r"\b" + r"\b.{0,40}\b".join(map(re.escape, path)) + r"\b", texts)]

    assert [] == missing


def test_the_readme_is_walked_through(tmp_path, monkeypatch):
    """Check the document of the README, make a folder, break its cap, see the case with file and line, mend it, check with it."""
    monkeypatch.chdir(tmp_path)
    Path("call.json").write_text(re.search(r"```json\n(.*?)```", README, re.S)[1])
    commands = [c.split("#")[0].split() for c in re.findall(r"^\.venv/bin/fairdunning (.*)$", README, re.M)]
    runner = CliRunner()
    codes = {" ".join(c): runner.invoke(main, c).exit_code for c in commands}
    house = Path("my-house/house/contact.yaml")
    house.write_text(house.read_text().replace("cap: 2", "cap: 3"))
    broken = runner.invoke(main, ["policy", "test", "--policies", "my-house", "--profile", "house"])
    house.write_text(house.read_text().replace("cap: 3", "cap: 2"))

    assert {0, 3} == set(codes.values())
    assert (1, True) == (broken.exit_code, "my-house/house/contact.cases.yaml:7: second conversation was the last" in broken.stderr)
    assert 3 == runner.invoke(main, ["check", "call.json", "--policies", "my-house", "--profile", "house"]).exit_code
