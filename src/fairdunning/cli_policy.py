"""`fairdunning policy ...`: read, test, find and write law."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from fairdunning import coverage, handbook, library, workflow
from fairdunning.errors import FairdunningError, LoadError
from fairdunning.folder import read_folder
from fairdunning.policy import Policy, load
from fairdunning.schema import KINDS, schema

DEFAULT_PROFILE = "cn-consumer-finance-company"
profile_option = click.option("--profile", default=DEFAULT_PROFILE, show_default=True, help="Which profile to run / 机构配置")
folder_option = click.option(
    "--policies",
    "own",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    envvar="FAIRDUNNING_POLICIES",
    help="Your own folder, laid over the shipped law / 机构自有文件夹",
)
lang_option = click.option("--lang", type=click.Choice(["zh", "en"]), default="en", show_default=True, help="Language / 语言")


def fail(error: FairdunningError, lang: str = "en") -> None:
    """Prints every problem and exits with 2."""
    say(error, lang)
    sys.exit(2)


def say(error: FairdunningError, lang: str = "en") -> None:
    """Prints every problem."""
    problems = getattr(error, "problems", ())
    for problem in problems:
        click.echo(problem.say(lang), err=True)
    if not problems:
        click.echo(str(error), err=True)


def loaded(use: Callable[[Policy], None], profile: str, own: Path | None, lang: str) -> None:
    """Does something with a policy, or says all that is wrong with it."""
    try:
        use(load(profile, own))
    except LoadError as error:
        fail(error, lang)


@click.group()
def policy() -> None:
    """Read, test and write the law / 查看、测试与编写策略."""


@policy.command()
@profile_option
@folder_option
@lang_option
def lint(profile: str, own: Path | None, lang: str) -> None:
    """Report everything wrong in rules, policies and the profile, and what deserves a look / 检查所有文件."""

    try:
        found = workflow.lint(profile, own)
    except LoadError as error:
        fail(error, lang)
        return
    for warning in library.warnings(found):
        click.echo(getattr(warning, lang))
    click.echo(f"{len(found.constraints)} constraints, {len(found.program.units)} dated lines, no errors / {len(found.constraints)} 条约束，无错误")


@policy.command()
@profile_option
@folder_option
@lang_option
def test(profile: str, own: Path | None, lang: str) -> None:
    """Run the cases beside the law and say what each constraint was proved to do / 运行用例."""
    try:
        report, found = workflow.run_cases(profile, own), load(profile, own)
    except LoadError as error:
        fail(error, lang)
        return
    for constraint in (c for c in found.constraints if own is None or Path(c.node.file).resolve().is_relative_to(own.resolve())):
        proved = report.proved.get(constraint.id, set())
        lacking = [e for e in workflow.EXPECTATIONS if e not in proved]
        click.echo(f"{constraint.id}: " + (f"not proved / 未证明: {', '.join(lacking)}" if lacking else "proved / 已证明"))
    for failure in report.failures:
        click.echo(failure.say(lang), err=True)
    click.echo(f"{report.ran} cases, {len(report.failures)} failed / {report.ran} 个用例，{len(report.failures)} 个失败")
    sys.exit(1 if report.failures else 0)


@policy.command("coverage")
@click.option("--source", default="", help="One statute, by its name / 仅此法律")
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write pages here / 写入文件夹")
@profile_option
@folder_option
@lang_option
def coverage_(source: str, folder: Path | None, profile: str, own: Path | None, lang: str) -> None:
    """List every article of a statute: enforced and tested, or left out and why / 按条文列出覆盖情况."""
    try:
        found = [coverage.statute(source, profile, own)] if source else coverage.statutes(profile, own)
    except LoadError as error:
        fail(error, lang)
        return
    for statute in found:
        if folder is None:
            click.echo(coverage.written(statute, lang))
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for said in ("en", "zh"):
            (folder / f"{statute.name}.{said}.md").write_text(coverage.written(statute, said), encoding="utf-8")


@policy.command("handbook")
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write pages here / 写入文件夹")
@profile_option
@folder_option
@lang_option
def handbook_(folder: Path | None, profile: str, own: Path | None, lang: str) -> None:
    """Print the policies as a handbook for a team, by the steps of a case / 输出团队手册."""

    def print_it(found: Policy) -> None:
        for said in ("en", "zh") if folder else (lang,):
            for name, page in handbook.pages(found, read_folder(own), said):
                if folder is None:
                    click.echo(page)
                else:
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / f"{name}.{said}.md").write_text(page, encoding="utf-8")

    loaded(print_it, profile, own, lang)


@policy.command()
@click.argument("constraint")
@profile_option
@folder_option
@lang_option
def show(constraint: str, profile: str, own: Path | None, lang: str) -> None:
    """Show one constraint: what it forbids, by which article, in which words, since when / 显示一条约束."""

    def print_it(found: Policy) -> None:
        try:
            click.echo("\n".join(library.described(found, constraint, lang)))
        except KeyError as error:
            click.echo(str(error.args[0]), err=True)
            sys.exit(2)

    loaded(print_it, profile, own, lang)


@policy.command()
@click.argument("words", nargs=-1, required=True)
@profile_option
@folder_option
@lang_option
def find(words: tuple[str, ...], profile: str, own: Path | None, lang: str) -> None:
    """Find constraints by words of their id, title, message, why or source / 查找约束."""

    def print_them(found: Policy) -> None:
        for con in library.found(found, words):
            click.echo(f"{con.id}\t{getattr(con.title, lang)}\t{library.cites(con, lang)}")

    loaded(print_them, profile, own, lang)


@policy.command()
@click.option("--action", default="", help="Only the facts of this kind of action / 仅此类动作所需")
@click.option("--json", "as_json", is_flag=True, help="As JSON Schema / 以 JSON Schema 输出")
@profile_option
@folder_option
@lang_option
def facts(action: str, as_json: bool, profile: str, own: Path | None, lang: str) -> None:
    """List the facts a condition may speak of, and which of them an action needs / 列出事实."""

    def show_them(found: Policy) -> None:
        if as_json:
            click.echo(json.dumps(library.data_contract(found, action), ensure_ascii=False, indent=2))
            return
        for name, fact, need in library.facts_for(found, action):
            click.echo(f"{name}\t{fact.type}\t{need}\t{getattr(fact.text, lang)}")

    loaded(show_them, profile, own, lang)


@policy.command("schema")
@click.argument("kind", type=click.Choice(KINDS))
@profile_option
@folder_option
@lang_option
def schema_(kind: str, profile: str, own: Path | None, lang: str) -> None:
    """Print the JSON Schema of a kind of file or of a case document / 输出 JSON Schema."""
    loaded(lambda found: click.echo(json.dumps(schema(kind, found.vocabulary), ensure_ascii=False, indent=2)), profile, own, lang)


@policy.command()
@click.argument("kind", type=click.Choice(["rule", "constraint"]))
@click.argument("path", type=click.Path(path_type=Path))
def new(kind: str, path: Path) -> None:
    """Write a rule or a policy file with cases to fill in, at PATH without ending / 新建规则或约束及用例."""
    try:
        for made in library.new(kind, path):
            click.echo(made)
    except LoadError as error:
        fail(error)
