"""`fairdunning serve`, `keys`, `events import`: the running service and its store."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from itertools import islice
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from fairdunning import intake
from fairdunning.cli_policy import DEFAULT_PROFILE, fail, folder_option, profile_option
from fairdunning.errors import LoadError, StoreError
from fairdunning.service import Service
from fairdunning.store.database import PLACES, Store
from fairdunning.store.keys import ROLES, Keys

store_option = click.option(
    "--store", "store_url", default="sqlite:///fairdunning.db", show_default=True, envvar="FAIRDUNNING_STORE", help="Where the ledger is / 存储位置"
)
key_option = click.option("--signing-key", type=click.Path(path_type=Path, dir_okay=False), help="Ed25519 key of checkpoints / 检查点签名密钥")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def stop(text: str) -> None:
    """Says what to do and exits with 2."""
    click.echo(text, err=True)
    sys.exit(2)


def opened(store_url: str, *, reading: bool = False, places: int = PLACES) -> Store:
    """The store, or a clear end; ``reading``: beside whoever serves it."""
    try:
        return Store(store_url, reading=reading, places=places)
    except (StoreError, SQLAlchemyError, OSError) as error:
        text = getattr(error, "text", None)
        stop(f"{text.en} / {text.zh}" if text else f"{store_url}: {str(error).splitlines()[0]} / 无法打开存储")
        raise


def service_of(store_url: str, own: Path | None = None, key_file: Path | None = None, engine: str = "both", threads: int = PLACES) -> Service:
    """A service over the store, or a clear end."""
    store = opened(store_url, places=threads)
    try:
        return Service(store, own, key_file, engine)
    except StoreError as error:
        store.close()
        stop(f"{error.text.en} / {error.text.zh}")
        raise


@click.command()
@store_option
@folder_option
@key_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Other than loopback needs keys / 非本机地址须先建密钥")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="Port / 端口")
@click.option("--rate", type=click.FloatRange(1), default=500.0, show_default=True, help="Requests a second for each key / 每个密钥每秒请求数")
@click.option("--threads", type=click.IntRange(1, 40), default=PLACES, show_default=True,
              help="Checks judged at a time; more for a database far away / 同时裁定的请求数；数据库较远时可增大")
@click.option("--publish-checkpoints", "publish_to", type=click.Path(path_type=Path, dir_okay=False),
              help="Append each signed checkpoint to this file / 检查点发布文件")
@click.option("--publish-command", default="", help="Give each signed checkpoint to this command on its standard input / 检查点发布命令")
@click.option("--engine", type=click.Choice(["both", "compiled"]), default="both", show_default=True,
              help="compiled alone is recorded and said in each verdict / 单引擎会记入审计")
def serve(
    store_url: str, own: Path | None, signing_key: Path | None, host: str, port: int, rate: float, threads: int, publish_to: Path | None,
    publish_command: str, engine: str,
) -> None:
    """Serve the JSON API over one store / 启动接口服务."""
    try:
        import uvicorn

        from fairdunning.web.api import create_app
        from fairdunning.web.sealing import Publisher
    except ImportError:
        stop("serving needs `pip install fairdunning[web]` / 启动服务需安装 `fairdunning[web]`")

    service = service_of(store_url, own, signing_key, engine, threads)
    try:
        if host not in _LOOPBACK and not service.keys.any():
            stop("no API key exists: make one with `fairdunning keys new`, or serve on 127.0.0.1 / 尚无密钥：请先 `fairdunning keys new`")
        for profile in service.keys.profiles() or [DEFAULT_PROFILE]:
            service.policies.now(profile)
        gc.collect()
        gc.set_threshold(20_000)  # a check makes many small things, and none that need the collector
        gc.freeze()  # policies stay as long as the process: without this each full collection walks them all, 100 ms at a time
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        logging.getLogger("httpx").setLevel(logging.WARNING)
        app = create_app(service, open_to_all=host not in _LOOPBACK, per_second=rate, publisher=Publisher(publish_to, publish_command))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # said once more by uvicorn when it has ended in order
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=20)
    except LoadError as error:
        fail(error)
    except StoreError as error:
        stop(f"{error.text.en} / {error.text.zh}")
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
@click.option("--shadow", default=None, help="A second profile, evaluated and recorded, not enforced / 影子配置")
def new_key(store_url: str, roles: tuple[str, ...], profile: str, collector: str | None, mode: str, shadow: str | None) -> None:
    """Print a new key once; it is stored only as a hash / 新建密钥."""
    store = opened(store_url)
    click.echo(Keys(store).new(list(roles), profile, collector, mode, shadow))
    store.close()


@keys.command("list")
@store_option
def list_keys(store_url: str) -> None:
    """List keys without their secrets / 列出密钥."""
    store = opened(store_url, reading=True)
    for found in Keys(store).listed():
        state = "revoked / 已撤销" if found["revoked"] else found["mode"]
        click.echo("\t".join([found["id"], state, found["roles"], found["profile"], found["collector"] or "-", found["shadow"] or "-"]))
    store.close()


@keys.command("rotate")
@store_option
@click.argument("number")
def rotate_key(store_url: str, number: str) -> None:
    """Print a new secret with the same roles; the old one ends at once / 轮换密钥."""
    store = opened(store_url)
    try:
        click.echo(Keys(store).rotate(number))
    except StoreError as error:
        stop(f"{error.text.en} / {error.text.zh}")
    finally:
        store.close()


@keys.command("revoke")
@store_option
@click.argument("number")
def revoke_key(store_url: str, number: str) -> None:
    """Revoke the key of this id (the middle part of the key) / 撤销密钥."""
    store = opened(store_url)
    found = Keys(store).revoke(number)
    store.close()
    click.echo("revoked / 已撤销" if found else "there is no such key / 没有该密钥")
    sys.exit(0 if found else 2)


@click.group()
def events() -> None:
    """Fill the ledger / 导入事件."""


@events.command("import")
@store_option
@profile_option
@click.option("--mapping", "mapping_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="YAML: their columns to ours / 列映射")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_events(store_url: str, profile: str, mapping_file: Path | None, file: Path) -> None:
    """Import CSV, JSONL, Parquet or Excel; what cannot be read is reported and the rest is kept / 导入事件."""
    service = service_of(store_url)
    accepted = known = 0
    rejected: list[tuple[int, str]] = []
    try:
        mapping = intake.read_mapping(mapping_file) if mapping_file else None
        with click.progressbar(intake.entries(file, mapping), file=sys.stderr, show_pos=True, label=file.name) as bar:
            while part := list(islice(bar, 1000)):
                new, old, refused = service.take_in([p for p in part if len(p) == 3], profile, os.environ.get("USER", "import"))
                accepted, known = accepted + new, known + old
                rejected += [p for p in part if len(p) == 2] + refused
    except LoadError as error:
        fail(error)
    finally:
        service.close()
    for number, reason in sorted(rejected):
        click.echo(f"{file}:{number}: {reason}", err=True)
    click.echo(f"{accepted} accepted, {known} known, {len(rejected)} rejected / 接受 {accepted}，已有 {known}，拒绝 {len(rejected)}")
    sys.exit(1 if rejected else 0)
