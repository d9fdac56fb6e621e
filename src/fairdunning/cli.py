"""The command line: one command is one short function over `workflow`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fairdunning import __version__, workflow
from fairdunning.engines.durable import durable_version
from fairdunning.errors import CaseError, FairdunningError, LoadError
from fairdunning.folder import shipped
from fairdunning.policy import Policy, load
from fairdunning.verdict import Verdict

EXIT = {"allow": 0, "flag": 3, "block": 4}
_COLOURS = {"allow": "green", "flag": "yellow", "block": "red"}
_SAID = {"allow": ("allow", "放行"), "flag": ("flag", "待复核"), "block": ("block", "禁止")}
_CAUSES = {"disagreement": ("the engines disagree", "两个引擎结论不一致"), "engine_lost": ("an engine was lost", "引擎失联")}
DEFAULT_PROFILE = "cn-consumer-finance-company"

profile_option = click.option("--profile", default=DEFAULT_PROFILE, show_default=True, help="Which profile to run / 机构配置")
folder_option = click.option("--policies", "own", type=click.Path(path_type=Path, file_okay=False, exists=True),
                             envvar="FAIRDUNNING_POLICIES", help="Your own folder, laid over the shipped law / 机构自有文件夹")
lang_option = click.option("--lang", type=click.Choice(["zh", "en"]), default="en", show_default=True, help="Language / 语言")


def _fail(error: FairdunningError, lang: str = "en") -> None:
    problems = getattr(error, "problems", ())
    for problem in problems:
        click.echo(problem.say(lang), err=True)
    if not problems:
        click.echo(str(error), err=True)
    sys.exit(2)


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Ask before you collect: allow, flag or block / 催收动作事前合规检查."""


@main.command()
@click.argument("files", nargs=-1, required=True)
@profile_option
@folder_option
@lang_option
@click.option("--json", "as_json", is_flag=True, help="One verdict per line / 每行一个裁定")
def check(files: tuple[str, ...], profile: str, own: Path | None, lang: str, as_json: bool) -> None:
    """Check planned actions (JSON or JSONL files, - for standard input); exit 0 allow, 3 flag, 4 block, 2 bad input."""
    worst = 0
    try:
        policy = load(profile, own)
        engine = workflow.engine_for(policy)
        for file in files:
            for name, document in workflow.documents(file, _read(file)):
                verdict = workflow.check(document, policy, name, engine)
                _print(verdict, name, lang, as_json)
                worst = max(worst, EXIT[verdict.outcome.word])
    except (LoadError, CaseError) as error:
        _fail(error, lang)
    sys.exit(worst)


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: {error} / 无法读取") from error


def _print(verdict: Verdict, name: str, lang: str, as_json: bool) -> None:
    document = verdict.document()
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, sort_keys=True))
        return
    word = document["outcome"]
    console = Console(highlight=False)
    if document["cause"] not in {"finding", "none"}:
        console.print(_CAUSES[document["cause"]][lang == "zh"])
    console.print(f"{name}: [{_COLOURS[word]} bold]{_SAID[word][lang == 'zh']}[/]")
    entries = [*document["findings"], *document["advice"], *document["obligations"]]
    if entries:
        console.print(_table(entries, lang))


def _table(entries: list[dict[str, Any]], lang: str) -> Table:
    heads = {"en": ("constraint", "outcome", "what", "by", "missing"), "zh": ("约束", "结论", "内容", "依据", "缺少的事实")}[lang]
    table = Table(*heads)
    for entry in entries:
        cite = entry["cites"][0]
        table.add_row(entry["constraint"], _SAID[entry["outcome"]][lang == "zh"], entry["message"][lang] + "\n" + entry["why"][lang],
                      f"{cite['title'][lang]} {cite['at']}", ", ".join(entry["missing"]))
    return table


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a folder for your own profile, rules and cases / 新建机构自有文件夹."""
    try:
        for path in workflow.init(folder):
            click.echo(path)
    except LoadError as error:
        _fail(error)


@main.command()
def doctor() -> None:
    """Say what runs here: versions, engines, where the law is / 检查运行环境."""
    click.echo(f"fairdunning {__version__}")
    click.echo(f"law / 法规: {shipped()}")
    durable = durable_version()
    second = f"durable-rules {durable}" if durable else "durable-rules is not installed / 未安装"
    click.echo(f"engines / 引擎: compiled, {second}")


@main.group()
def policy() -> None:
    """Read and test the law / 查看与测试策略."""


def _loaded(use: Callable[[Policy], None], profile: str, own: Path | None, lang: str) -> None:
    try:
        use(load(profile, own))
    except LoadError as error:
        _fail(error, lang)


@policy.command()
@profile_option
@folder_option
@lang_option
def lint(profile: str, own: Path | None, lang: str) -> None:
    """Report everything wrong with the files in one run / 检查全部文件."""
    _loaded(lambda p: click.echo(f"{len(p.constraints)} constraints load / 条约束可载入: {p.digest}"), profile, own, lang)


@policy.command()
@profile_option
@folder_option
@lang_option
def test(profile: str, own: Path | None, lang: str) -> None:
    """Run the cases beside the law and say what each constraint was proved to do / 运行用例."""
    try:
        report, found = workflow.run_cases(profile, own), load(profile, own)
    except LoadError as error:
        _fail(error, lang)
        return
    for constraint in found.constraints:
        proved = report.proved.get(constraint.id, set())
        lacking = [e for e in workflow.EXPECTATIONS if e not in proved]
        click.echo(f"{constraint.id}: " + (f"not proved / 未证明: {', '.join(lacking)}" if lacking else "proved / 已证明"))
    for failure in report.failures:
        click.echo(failure.say(lang), err=True)
    click.echo(f"{report.ran} cases, {len(report.failures)} failed / {report.ran} 个用例，{len(report.failures)} 个失败")
    sys.exit(1 if report.failures else 0)


@policy.command()
@click.option("--action", default="", help="Only the facts of this kind of action / 仅此类动作所需")
@profile_option
@folder_option
@lang_option
def facts(action: str, profile: str, own: Path | None, lang: str) -> None:
    """List the facts a condition may speak of / 列出事实."""

    def show(found: Policy) -> None:
        for name, fact in sorted(found.vocabulary.facts.items()):
            if not action or action in fact.required:
                click.echo(f"{name}\t{fact.type}\t{getattr(fact.text, lang)}")

    _loaded(show, profile, own, lang)


@main.command()
@lang_option
def demo(lang: str) -> None:
    """Check a few planned calls and show what is blocked and why / 演示."""
    found = load(DEFAULT_PROFILE + "-strict")
    for name, hour, talks in (("lawful call / 合规电话", "10", 0), ("at night / 夜间", "23", 0), ("fourth conversation / 第四次通话", "15", 3)):
        _print(workflow.check(_sample(hour, talks), found, name), name, lang, as_json=False)


def _sample(hour: str, talks: int) -> dict[str, Any]:
    events = [{"id": f"E{i}", "kind": "call", "at": f"2026-11-23T0{8 + i % 2}:{10 + i}:00+08:00", "direction": "outbound",
               "outcome": "conversation", "person": "P1", "address": "N1", "counts_for": ["D1"]} for i in range(talks)]
    return {
        "action": {"id": "A-17", "kind": "call", "agent": "human", "at": f"2026-11-23T{hour}:00:00+08:00", "person": "P1",
                   "address": "N1", "debts": ["D1"], "purpose": "demand"},
        "debtor": {"id": "P1", "timezones": ["Asia/Shanghai"]}, "persons": [{"id": "P1", "roles": ["debtor"]}],
        "debts": [{"id": "D1", "kind": "online_consumer_loan", "due": "2026-10-05", "principal": "6499.20 CNY",
                   "contract": {"signed_on": "2026-01-11"}}],
        "creditor": {"kind": "consumer_finance_company"}, "collector": {"kind": "creditor"},
        "events": events, "history": {"complete_since": "2026-01-01"}}
