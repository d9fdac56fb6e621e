"""`fairdunning screen`: the text with its offending words marked, and the articles they offend."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text as Marked

from fairdunning import library, workflow
from fairdunning.cli_policy import fail, folder_option, lang_option, profile_option
from fairdunning.errors import LoadError
from fairdunning.policy import load
from fairdunning.screening.screen import Screening
from fairdunning.screening.screen import screen as screen_text
from fairdunning.screening.template import digest, example


@click.command()
@click.argument("text")
@profile_option
@folder_option
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As JSON / 以 JSON 输出")
@click.option("--template", "as_template", is_flag=True, help="TEXT has slots: try examples, print its hash / 文本为模板")
def screen(text: str, profile: str, own: Path | None, lang: str, as_json: bool, as_template: bool) -> None:
    """Say what is wrong in TEXT, or in the file of that name (- reads standard input); exit 0 nothing, 3 something / 筛查文本."""
    try:
        content = _content(text)
        if as_template:
            click.echo(f"approved: {digest(content)}", err=as_json)
            content = example(content)
        found = screen_text(content, workflow.lexicon(own))
        if as_json:
            click.echo(json.dumps(found.document(), ensure_ascii=False))
        else:
            _print(content, found, lang, library.offended(load(profile, own), found.may_tags, found.may_claims))
    except LoadError as error:
        fail(error, lang)
        return
    sys.exit(3 if found.improper or found.unscreenable else 0)


def _content(text: str) -> str:
    if text == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    path = Path(text)
    try:
        is_file = len(text) < 1000 and path.is_file()
    except (OSError, ValueError):
        is_file = False
    return path.read_bytes().decode("utf-8", "replace") if is_file else text


def _print(content: str, found: Screening, lang: str, offended: list[tuple[str, str, str]]) -> None:
    console = Console(highlight=False)
    if found.unscreenable is not None:
        console.print({"en": "cannot be screened", "zh": "无法筛查"}[lang] + ": " + getattr(found.unscreenable, lang))
        return
    marked = Marked(content.encode("utf-8", "replace").decode())
    for hit in found.hits:
        marked.stylize("bold red" if hit.sure and not hit.conditional else "yellow", hit.start, hit.end)
    console.print(marked)
    for hit in found.hits:
        kind = {"en": ("sure", "to be checked by the facts", "possible"), "zh": ("确定", "取决于事实", "可能")}[lang]
        console.print(f"  {hit.category}: {hit.words} ({kind[1] if hit.conditional else kind[0] if hit.sure else kind[2]}, {hit.frame})")
    for constraint, title, cites in offended:
        console.print(f"  {constraint}: {title} [{cites}]")
    if not found.hits:
        console.print({"en": "nothing found", "zh": "未发现问题"}[lang])
