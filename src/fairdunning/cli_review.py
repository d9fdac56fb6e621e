"""`fairdunning review list | show | claim | decide`: a reviewer's queue in the terminal, through the API of the running service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape

from fairdunning.cli_policy import lang_option
from fairdunning.library import place

if TYPE_CHECKING:
    from fairdunning.client import Client

url_option = click.option("--url", default="http://127.0.0.1:8321", show_default=True, envvar="FAIRDUNNING_URL", help="The service / 服务地址")
key_option = click.option("--key", default="", envvar="FAIRDUNNING_KEY", help="Your API key / 接口密钥")


@contextmanager
def _client(url: str, key: str) -> Iterator[Client]:
    try:
        import httpx

        from fairdunning.client import ApiError, Client
    except ImportError:
        click.echo("talking to a service needs `pip install fairdunning[web]` / 访问服务需安装 `fairdunning[web]`", err=True)
        sys.exit(2)
    try:
        with Client(url, key) as client:
            yield client
    except ApiError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except httpx.TransportError as error:
        click.echo(f"{url} does not answer: {error} / 服务无响应", err=True)
        sys.exit(2)


@click.group()
def review() -> None:
    """Work the queue of flagged actions / 处理待复核动作."""


@review.command("list")
@url_option
@key_option
@click.option("--state", type=click.Choice(["open", "claimed", "decided"]), default=None, help="Only these / 状态")
def list_(url: str, key: str, state: str | None) -> None:
    """List reviews, the oldest first / 列出复核."""
    with _client(url, key) as client:
        for found in client.reviews(state):
            names = ", ".join(found["findings"])
            click.echo(f"{found['id']}\t{found['state']}\t{found['debtor']}\t{found['action']}\t{found['decision'] or '-'}\t{names}")


@review.command("show")
@url_option
@key_option
@lang_option
@click.argument("number")
def show(url: str, key: str, lang: str, number: str) -> None:
    """Show one case on one screen: findings, articles, facts, contacts / 查看一件."""
    with _client(url, key) as client:
        found = client.review(number)
    console = Console(highlight=False)
    head = {"en": "review", "zh": "复核"}[lang]
    console.print(f"[bold]{head} {found['id']}[/] {found['state']}  {found['debtor']} / {found['action']}  {escape(found['reason'] or '')}")
    if found["findings"] == ["outside-window"]:
        console.print({"en": "  the contact began outside the window it was held for", "zh": "  联系在预留窗口之外开始"}[lang])
    recorded = found["recorded"] or {"erased": True}
    if recorded["erased"]:
        console.print({"en": "the case was erased", "zh": "案情已删除"}[lang])
        return
    _case(console, recorded["case"], lang)
    for finding in recorded["verdict"]["findings"]:
        _finding(console, finding, lang)


def _finding(console: Console, finding: dict[str, Any], lang: str) -> None:
    console.print(f"  [yellow]{finding['outcome']}[/] [bold]{finding['constraint']}[/]")
    console.print(f"    {escape(finding['message'][lang])}\n    {escape(finding['why'][lang])}")
    for cite in finding["cites"]:
        console.print(f"    {escape(cite['title'][lang])} {place(cite['at'], lang)}, {cite['from']}")
    facts = ", ".join(f"{k} = {v}" for k, v in sorted(finding["facts"].items()))
    console.print(f"    {escape(facts)}" + (f"  ? {', '.join(finding['missing'])}" if finding["missing"] else ""))


def _case(console: Console, case: dict[str, Any], lang: str) -> None:
    action = case["action"]
    console.print(f"  {action.get('kind')} {action.get('at')} {action.get('purpose', '')} {action.get('person', '')} {action.get('address', '')}")
    console.print({"en": "  contacts and events", "zh": "  联系与事件"}[lang])
    for event in sorted(case.get("events") or [], key=lambda e: str(e.get("at")))[-30:]:
        console.print(escape("    " + "  ".join(str(event[k]) for k in ("at", "kind", "outcome", "state", "address") if event.get(k))))


@review.command("claim")
@url_option
@key_option
@click.argument("number")
def claim(url: str, key: str, number: str) -> None:
    """Take a review / 领取."""
    with _client(url, key) as client:
        click.echo(f"{client.claim(number)['id']} claimed / 已领取")


@review.command("decide")
@url_option
@key_option
@click.argument("number")
@click.argument("decision", type=click.Choice(["release", "uphold", "reschedule"]))
@click.option("--reason", required=True, help="Why / 理由")
@click.option("--until", default=None, help="Until when a release holds, with offset / 放行截止时间")
def decide(url: str, key: str, number: str, decision: str, reason: str, until: str | None) -> None:
    """Release, uphold or reschedule, with a reason / 作出决定."""
    with _client(url, key) as client:
        found = client.decide(number, decision, reason, until)
    click.echo(f"{found['id']}: {found['decision']} {found['receipt']}")
