"""The command line: one command is one short function over `workflow`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from fairdunning import __version__, timeline, workflow
from fairdunning.cli_audit import audit, replay
from fairdunning.cli_policy import DEFAULT_PROFILE, fail, folder_option, lang_option, policy, profile_option, say
from fairdunning.cli_review import review
from fairdunning.cli_screen import screen
from fairdunning.cli_service import events, keys, serve
from fairdunning.engines.durable import durable_version
from fairdunning.errors import CaseError, LoadError
from fairdunning.folder import shipped
from fairdunning.library import place
from fairdunning.policy import load
from fairdunning.portfolio import portfolio
from fairdunning.verdict import Verdict

PATIENCE_SECONDS = 10.0
"""Nobody waits on the line: durable-rules may take this long for a check of the command line."""
EXIT = {"allow": 0, "flag": 3, "block": 4}
_COLOURS = {"allow": "green", "flag": "yellow", "block": "red"}
_SAID = {"allow": ("allow", "放行"), "flag": ("flag", "待复核"), "block": ("block", "禁止")}
_CAUSES = {
    "pending": ("an open contact may use up the limit; ask again when it has a result", "未决联系可能已用完上限；请待其有结果后再查"),
    "disagreement": ("the engines disagree", "两个引擎结论不一致"),
    "engine_lost": ("an engine was lost", "引擎失联"),
}


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
    worst, broken = 0, False
    try:
        policy = load(profile, own)
        engine = workflow.engine_for(policy, limit=PATIENCE_SECONDS)
    except LoadError as error:
        fail(error, lang)
        return
    for name, text in _texts(files, lang):
        try:
            verdict = workflow.check(workflow.parse_json(text, name), policy, name, engine)
        except CaseError as error:
            broken = True
            say(workflow.located(error, text) if ".jsonl:" not in name else error, lang)
            continue
        _print(verdict, name, lang, as_json)
        worst = max(worst, EXIT[verdict.outcome.word])
    sys.exit(2 if broken else worst)


def _texts(files: tuple[str, ...], lang: str) -> Iterator[tuple[str, str]]:
    """The documents of every file; a file that cannot be read at all ends the program with 2."""
    for file in files:
        try:
            yield from workflow.texts(file, _read(file))
        except CaseError as error:
            fail(error, lang)


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
    for entry in [*document["findings"], *document["advice"]]:
        console.print(_entry(entry, lang))
    if document["obligations"]:
        console.print({"en": "while doing it, and after", "zh": "执行中及执行后应做到"}[lang] + ":")
        for entry in document["obligations"]:
            console.print(Padding(f"{entry['constraint']}: {entry['why'][lang]}", (0, 0, 0, 2)), style="dim")
    if word != "allow":
        console.print(_when(document, lang))


def _when(document: dict[str, Any], lang: str) -> str:
    """When it becomes lawful, and what could be done instead."""
    if document["lawful_from"]:
        first = {"en": "lawful from", "zh": "最早合规时间"}[lang] + f": {document['lawful_from']}"
    else:
        first = (document["lawful_from_why"] or {"en": "", "zh": ""})[lang]
    others = [", ".join(f"{k} = {v}" for k, v in i["change"].items()) for i in document["instead"]]
    return first + ("\n" + {"en": "instead", "zh": "可改为"}[lang] + ": " + "; ".join(others) if others else "")


def _entry(entry: dict[str, Any], lang: str) -> Group:
    """One finding: its constraint, what was found and what to do, the article, the facts that are missing."""
    by, missing, advice = {"en": ("by", "missing", "advice"), "zh": ("依据", "缺少的事实", "建议")}[lang]
    word = entry["outcome"]
    said = advice if entry["force"] == "advice" else _SAID[word][lang == "zh"]
    cites = "; ".join(f"{c['title'][lang]} {place(c['at'], lang)}" for c in entry["cites"])
    lines = [entry["message"][lang], entry["why"][lang], f"{by}: {cites}"]
    if entry["missing"]:
        lines.append(f"{missing}: {', '.join(entry['missing'])}")
    head = f"[{_COLOURS[word]}]{said}[/] [bold]{entry['constraint']}[/]"
    return Group(Padding(head, (0, 0, 0, 2)), Padding(escape("\n".join(lines)), (0, 0, 0, 4)))


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a folder for your own profile, rules and cases / 新建机构自有文件夹."""
    try:
        for path in workflow.init(folder):
            click.echo(path)
    except LoadError as error:
        fail(error)


@main.command()
def doctor() -> None:
    """Say what runs here: versions, engines, where the law is / 检查运行环境."""
    click.echo(f"fairdunning {__version__}")
    click.echo(f"law / 法规: {shipped()}")
    durable = durable_version()
    second = f"durable-rules {durable}" if durable else "durable-rules is not installed / 未安装"
    click.echo(f"engines / 引擎: compiled, {second}")


main.add_command(policy)
main.add_command(screen)
for _command in (serve, keys, events, audit, replay, review):
    main.add_command(_command)


@main.command()
@click.argument("file")
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help="How many days ahead / 天数")
@profile_option
@folder_option
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As JSON / 以 JSON 输出")
def windows(file: str, days: int, profile: str, own: Path | None, lang: str, as_json: bool) -> None:
    """Show when the planned action is lawful in the next days / 显示未来合规时段."""
    try:
        found = load(profile, own)
        for name, text in workflow.texts(file, _read(file)):
            spans = timeline.windows(workflow.parse_json(text, name), found, days, name)
            if as_json:
                click.echo(json.dumps([w.document() for w in spans], ensure_ascii=False))
                continue
            for w in spans:
                click.echo(f"{w.start}  {w.end}  {_SAID[w.outcome.word][lang == 'zh']}")
    except (LoadError, CaseError) as error:
        fail(error, lang)


@main.command()
@lang_option
@click.option("--size", type=click.IntRange(1, 100_000), default=2000, show_default=True, help="Planned actions / 计划动作数")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same portfolio / 随机种子")
def demo(lang: str, size: int, seed: int) -> None:
    """Check a generated portfolio and say what was blocked and why / 演示：检查一个生成的资产组合."""
    found = load(DEFAULT_PROFILE)
    console = Console(highlight=False)
    summary = workflow.survey(_with_progress(portfolio(size, seed), size), found)
    for word, number in sorted(summary.outcomes.items()):
        console.print(f"[{_COLOURS[word]} bold]{_SAID[word][lang == 'zh']}[/]: {number}")
    table = Table(*{"en": ("constraint", "outcome", "actions"), "zh": ("约束", "结论", "动作数")}[lang])
    for (name, word), number in summary.findings.most_common():
        table.add_row(name, _SAID[word][lang == "zh"], str(number))
    console.print(table)
    alone = {"en": "flagged for missing facts alone", "zh": "仅因缺少事实而待复核"}[lang]
    missing = ", ".join(f"{fact} {number}" for fact, number in summary.missing.most_common())
    console.print(f"{alone}: {summary.undecided} / {size}" + (f" ({missing})" if missing else ""))
    for document in summary.examples:
        _print(workflow.check(document, found, document["action"]["id"]), document["action"]["id"], lang, as_json=False)
    console.print({"en": f"law: {shipped() / 'policies'}, shapes of wrongs: {shipped() / 'rules'}",
                   "zh": f"法规：{shipped() / 'policies'}，规则：{shipped() / 'rules'}"}[lang])


def _with_progress(cases: Iterable[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    with click.progressbar(cases, length=size, file=sys.stderr) as bar:
        yield from bar
