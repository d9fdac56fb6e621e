"""Which articles of a statute are enforced: by which constraints, proved how, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from fairdunning import workflow
from fairdunning.constraint import Constraint
from fairdunning.errors import LoadError, Problem, Text, did_you_mean
from fairdunning.folder import Folder, both, known, read_folder
from fairdunning.policy import Policy, load
from fairdunning.yamlfile import Node, Problems

STATES = {
    "tested": Text("enforced and tested", "已执行并有用例"),
    "enforced": Text("enforced only", "已执行"),
    "people": Text("left to people", "留待人工"),
    "out_of_scope": Text("out of scope", "不在范围"),
}
_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?")


@dataclass(frozen=True)
class Article:
    """One article: its chapter, its state, and the constraints that cite it or the reason why none does."""

    number: int
    chapter: Text
    state: str
    constraints: tuple[str, ...]
    because: Text


@dataclass(frozen=True)
class Statute:
    """A statute by its articles."""

    name: str
    title: Text
    articles: tuple[Article, ...]


def statutes(profile: str, own: Path | None = None) -> list[Statute]:
    """Every statute that has a list of articles; raises LoadError, also for a citation of an article that does not exist."""
    policy, report, folder = load(profile, own), workflow.run_cases(profile, own), read_folder(own)
    proved = {name for name, found in report.proved.items() if {"wrong", "silent"} <= found}
    problems = Problems()
    found = [_statute(name.rsplit(".", 1)[-1], node, policy, folder, proved, problems) for name, node in folder.articles.items()]
    problems.raise_if_any()
    return found


def statute(name: str, profile: str, own: Path | None = None) -> Statute:
    """One statute by its name; raises LoadError."""
    found = {s.name: s for s in statutes(profile, own)}
    if name not in found:
        hint = did_you_mean(name, found)
        raise LoadError([Problem("", 0, "--source", Text(f"no list of articles for `{name}`{hint.en}", f"没有 `{name}` 的条文清单{hint.zh}"))])
    return found[name]


def numbers(place: str) -> set[int]:
    """The articles a citation names: ``§692, 693``, ``§21-24``, ``§687(2)1`` (paragraphs and items are left out)."""
    plain = re.sub(r"\([^)]*\)\d*", "", place)
    return {n for low, high in _NUMBERS.findall(plain) for n in range(int(low), int(high or low) + 1)} if "§" in place else set()


def _cites(con: Constraint, folder: Folder) -> Iterator[str]:
    """What a constraint cites: with its dated lines, with its exceptions and with the definitions it uses."""
    for variant in con.variants:
        yield f"{variant.cite.source} {variant.cite.at}"
        yield from variant.unless.values()
    if "uses" in con.node.mapping:
        file = folder.policies[con.id.rpartition(".")[0]]
        for used in con.node.mapping["uses"].items:
            for line in file.mapping["definitions"].mapping[used.text].mapping["values"].mapping.values():
                yield line.mapping["cite"].text


def _statute(name: str, node: Node, policy: Policy, folder: Folder, proved: set[str], problems: Problems) -> Statute:
    known(node, {"title", "sources", "chapters", "articles"}, problems)
    sources = {n.text for n in node.mapping["sources"].items}
    citing: dict[int, set[str]] = {}
    for con in policy.constraints:
        for source, _, place in (cite.partition(" ") for cite in _cites(con, folder)):
            for number in numbers(place) if source in sources else ():
                citing.setdefault(number, set()).add(con.id)
    reasons = dict(_reasons(node, problems))
    for number in sorted(set(citing) - set(reasons)):
        who = min(citing[number])
        problems.add(node, f"{who} cites article {number}, which the list does not have", f"{who} 引用了清单中没有的第 {number} 条")
    articles = tuple(_article(n, *reasons[n], tuple(sorted(citing.get(n, ()))), proved) for n in sorted(reasons))
    return Statute(name, both(node, "title", problems), articles)


def _reasons(node: Node, problems: Problems) -> Iterator[tuple[int, tuple[Text, str, Text]]]:
    """Each article with its chapter and what becomes of it when no constraint cites it; a single article overrides its chapter."""
    chapters: dict[int, Text] = {}
    parts = [*node.mapping["chapters"].items, *(node.mapping["articles"].items if "articles" in node.mapping else ())]
    for part in parts:
        low, high = (int(part.mapping[k].text) for k in ("from", "to"))
        title = both(part, "title", problems) if "title" in part.mapping else None
        for number in range(low, high + 1):
            chapters[number] = title or chapters[number]
            yield number, (chapters[number], part.mapping["left"].text, both(part, "because", problems))


def _article(number: int, chapter: Text, left: str, because: Text, citing: tuple[str, ...], proved: set[str]) -> Article:
    if not citing:
        return Article(number, chapter, left, (), because)
    return Article(number, chapter, "tested" if proved & set(citing) else "enforced", citing, Text("", ""))


def written(found: Statute, lang: str) -> str:
    """A statute as a Markdown table; neighbours with the same state and reason share a line."""
    heads = {"en": ("articles", "chapter", "state", "by, or why not"), "zh": ("条文", "章节", "状态", "约束或原因")}[lang]
    counts = {state: sum(a.state == state for a in found.articles) for state in STATES}
    summary = "; ".join(f"{getattr(STATES[s], lang)} {n}" for s, n in counts.items() if n)
    lines = [f"# {getattr(found.title, lang)}", "", summary, "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for (chapter, state, citing, because), run in groupby(found.articles, lambda a: (a.chapter, a.state, a.constraints, a.because)):
        members = list(run)
        span = str(members[0].number) + (f"-{members[-1].number}" if len(members) > 1 else "")
        why = ", ".join(f"`{c}`" for c in citing) or getattr(because, lang)
        lines.append(f"| {span} | {getattr(chapter, lang)} | {getattr(STATES[state], lang)} | {why} |")
    return "\n".join(lines) + "\n"
