"""`fairdunning serve`, `keys`, `events import`, `audit verify`: the running service and its store."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from fairdunning.cli_policy import DEFAULT_PROFILE, folder_option
from fairdunning.errors import CaseError, LoadError, StoreError
from fairdunning.service import ROLES, Key, Service
from fairdunning.store import ledger
from fairdunning.store.ledger import Store

store_option = click.option("--store", "store_url", default="sqlite:///fairdunning.db", show_default=True, help="Where the ledger is / 存储位置")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def _open(store_url: str) -> Store:
    if not store_url.startswith("sqlite:///"):
        click.echo("only sqlite:///FILE is supported so far / 目前仅支持 sqlite:///FILE", err=True)
        sys.exit(2)
    try:
        return Store(Path(store_url.removeprefix("sqlite:///")))
    except (StoreError, SQLAlchemyError, OSError) as error:
        text = getattr(error, "text", None)
        click.echo(f"{text.en} / {text.zh}" if text else f"{store_url}: {error}", err=True)
        sys.exit(2)


@click.command()
@store_option
@folder_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Other than loopback needs keys / 非本机地址须先建密钥")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="Port / 端口")
def serve(store_url: str, own: Path | None, host: str, port: int) -> None:
    """Serve the JSON API over one store / 启动接口服务."""
    import uvicorn

    from fairdunning.web.api import create_app

    service = Service(_open(store_url), own)
    if host not in _LOOPBACK and not service.has_keys():
        click.echo("no API key exists: make one with `fairdunning keys new`, or serve on 127.0.0.1 / 尚无密钥：请先 `fairdunning keys new`", err=True)
        sys.exit(2)
    try:
        for profile in service.profiles() or [DEFAULT_PROFILE]:
            service.policy(profile)
        uvicorn.run(create_app(service, open_to_all=host not in _LOOPBACK), host=host, port=port, log_level="warning")
    except LoadError as error:
        for problem in error.problems:
            click.echo(problem.say(), err=True)
        sys.exit(2)
    finally:
        service.close()


@click.group()
def keys() -> None:
    """Make and revoke API keys / 管理接口密钥."""


@keys.command("new")
@store_option
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, default=("checker",), show_default=True, help="Role / 角色")
@click.option("--profile", default=DEFAULT_PROFILE, show_default=True, help="Profile the key runs / 机构配置")
@click.option("--collector", default=None, help="Collector the key belongs to / 所属催收方")
@click.option("--mode", type=click.Choice(["enforce", "observe"]), default="enforce", show_default=True, help="observe: answers do not bind / 仅观察")
def new_key(store_url: str, roles: tuple[str, ...], profile: str, collector: str | None, mode: str) -> None:
    """Print a new key once; it is stored only as a hash / 新建密钥."""
    service = Service(_open(store_url))
    click.echo(service.new_key(list(roles), profile, collector, mode))
    service.close()


@keys.command("revoke")
@store_option
@click.argument("number")
def revoke_key(store_url: str, number: str) -> None:
    """Revoke the key of this id (the middle part of the key) / 撤销密钥."""
    service = Service(_open(store_url))
    found = service.revoke(number)
    service.close()
    click.echo("revoked / 已撤销" if found else "there is no such key / 没有该密钥")
    sys.exit(0 if found else 2)


@click.group()
def events() -> None:
    """Fill the ledger / 导入事件."""


@events.command("import")
@store_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_events(store_url: str, file: Path) -> None:
    """Import JSONL lines `{"debtor": ..., "event": {...}}`; what cannot be read is reported and the rest is kept / 导入 JSONL 事件."""
    service = Service(_open(store_url))
    key = Key("import", frozenset(ROLES), DEFAULT_PROFILE, None, "enforce")
    accepted = known = 0
    rejected: list[str] = []
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    with click.progressbar(list(enumerate(lines, 1)), file=sys.stderr) as bar:
        for number, line in bar:
            if not line.strip():
                continue
            try:
                found = service.append(*_entry(line), key)
                accepted, known = accepted + found["accepted"], known + found["known"]
            except (ValueError, KeyError, TypeError, CaseError, StoreError) as error:
                rejected.append(f"{file}:{number}: {error}")
    service.close()
    for reason in rejected:
        click.echo(reason, err=True)
    click.echo(f"{accepted} accepted, {known} known, {len(rejected)} rejected / 接受 {accepted}，已有 {known}，拒绝 {len(rejected)}")
    sys.exit(1 if rejected else 0)


def _entry(line: str) -> tuple[str, list[dict[str, Any]]]:
    found = json.loads(line)
    return str(found["debtor"]), [found["event"]]


@click.group()
def audit() -> None:
    """Check the record / 核验记录."""


@audit.command("verify")
@store_option
def verify(store_url: str) -> None:
    """Recompute every record's hash and link; says where the first break is / 核验全部记录."""
    store = _open(store_url)
    with store.engine.connect() as connection:
        count, broken = ledger.verify(connection)
    store.close()
    click.echo(f"{count} records hold / {count} 条记录有效" if broken is None else f"broken at record {broken} / 第 {broken} 条记录被改动")
    sys.exit(0 if broken is None else 1)
