"""`fairdunning audit verify | export | erase`, `replay`, `policy publish`: the record, and what is in force."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fairdunning import evidence
from fairdunning.cli_policy import DEFAULT_PROFILE, fail, policy
from fairdunning.cli_service import key_option, opened, service_of, stop, store_option
from fairdunning.errors import LoadError, StoreError
from fairdunning.store import records


@click.group()
def audit() -> None:
    """Check, hand out and erase the record / 核验、导出、删除记录."""


@audit.command("verify")
@store_option
def verify(store_url: str) -> None:
    """Recompute every hash, the tree and each checkpoint; says where the first break is / 核验全部记录."""
    store = opened(store_url, reading=True)
    with store.engine.connect() as connection:
        total = records.count(connection)
        waiting, _ = records.unsealed(connection)
        with click.progressbar(length=total, file=sys.stderr, label="records") as bar:
            seen = [0]

            def step() -> None:
                seen[0] += 1
                if seen[0] % 1000 == 0:
                    bar.update(1000)

            broken = records.verify(connection, step)
    store.close()
    said = f"{total} records hold, {waiting} not sealed yet / {total} 条记录有效，{waiting} 条待封存"
    click.echo(f"broken: {broken} / 记录被改动" if broken else said)
    sys.exit(1 if broken else 0)


@audit.command("seal")
@store_option
@key_option
def seal(store_url: str, signing_key: Path | None) -> None:
    """Seal what a stopped service left unsealed / 封存剩余记录."""
    service = service_of(store_url, None, signing_key)
    sealed = 0
    while found := records.seal(service.store, service.signer):
        sealed = found["size"]
    service.close()
    click.echo(f"sealed up to {sealed} / 已封存至 {sealed}" if sealed else "nothing to seal / 无待封存记录")


@audit.command("export")
@store_option
@click.option("--debtor", default=None, help="Only this debtor's records / 仅此债务人")
@click.option("--verdict", "verdicts", multiple=True, help="Only this verdict, repeatable / 仅此裁定，可重复")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def export(store_url: str, debtor: str | None, verdicts: tuple[str, ...], folder: Path) -> None:
    """Write an evidence pack with its own verifier / 导出证据包."""
    store = opened(store_url, reading=True)
    try:
        with store.engine.connect() as connection:
            count = evidence.export(connection, folder, debtor, verdicts)
    except StoreError as error:
        stop(f"{error.text.en} / {error.text.zh}")
    finally:
        store.close()
    click.echo(f"{count} records; check with: python {folder / 'verify.py'} / {count} 条记录")


@audit.command("erase")
@store_option
@click.option("--debtor", required=True, help="Whose records / 债务人编号")
@click.option("--keep-years", type=click.FloatRange(0), default=5.0, show_default=True, help="Retention term / 保存年限")
def erase(store_url: str, debtor: str, keep_years: float) -> None:
    """Delete bodies and salts of a debtor's records; refuses while a retention term runs / 删除记录内容."""
    service = service_of(store_url)
    try:
        count = service.erase(debtor, keep_years, "cli")
    except StoreError as error:
        stop(f"{error.text.en} / {error.text.zh}")
    finally:
        service.close()
    click.echo(f"{count} records erased; their commitments stay / 已删除 {count} 条记录内容，承诺值保留")


@click.command()
@store_option
@click.argument("verdicts", nargs=-1, required=True)
def replay(store_url: str, verdicts: tuple[str, ...]) -> None:
    """Judge recorded cases again: the same body, or the differences by name / 重放裁定."""
    service = service_of(store_url)
    worst = 0
    try:
        for number in verdicts:
            found = service.replay(number)
            worst = max(worst, 0 if found["same"] else 1)
            differs = "differs / 不一致: " + ", ".join(found["differences"])
            click.echo(f"{number}: " + ("erased / 已删除" if found["erased"] else "same / 一致" if found["same"] else differs))
    except StoreError as error:
        stop(f"{error.text.en} / {error.text.zh}")
    finally:
        service.close()
    sys.exit(worst)


@policy.command("publish")
@store_option
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), required=False)
@click.option("--profile", default=DEFAULT_PROFILE, show_default=True, help="Profile that runs it from now on / 机构配置")
@click.option("--by", "who", default="cli", show_default=True, help="Who publishes / 发布人")
def publish(store_url: str, folder: Path | None, profile: str, who: str) -> None:
    """Run the cases of a folder over the shipped law and put it in force / 发布策略."""
    service = service_of(store_url)
    try:
        found = service.policies.publish(profile, folder, who)
        click.echo(f"{profile} runs {found['digest']} / {profile} 现执行 {found['digest']}")
    except LoadError as error:
        fail(error)
    finally:
        service.close()
