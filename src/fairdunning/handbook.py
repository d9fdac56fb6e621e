"""The policies as a handbook for a team: one section per step of the flow, each constraint said in full, in two languages."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from fairdunning.book import FOREVER
from fairdunning.constraint import Constraint, Variant
from fairdunning.errors import LoadError, Problem, Text
from fairdunning.folder import Folder, both, known
from fairdunning.library import place, said
from fairdunning.policy import Policy
from fairdunning.when import format_date
from fairdunning.yamlfile import Node, Problems

FORCES = {
    "prohibition": Text("must not: blocked", "违反即禁止"),
    "presumption": Text("normally wrong: a person looks at it", "通常不当：人工复核"),
    "guidance": Text("good practice: a person looks at it", "行业规范：人工复核"),
    "advice": Text("advice", "建议"),
}


def pages(policy: Policy, folder: Folder, lang: str) -> Iterator[tuple[str, str]]:
    """Each handbook of the folder as its name and Markdown; raises LoadError for a constraint that no section names."""
    problems = Problems()
    for name, node in folder.handbooks.items():
        known(node, {"title", "sections"}, problems)
        words = {name: getattr(w.text, lang) for f in policy.vocabulary.facts.values() for name, w in f.words.items()}
        left = {c.id: c for c in policy.constraints if c.id.startswith(name.split(".")[0] + ".")}
        lines = [f"# {getattr(both(node, 'title', problems), lang)}", ""]
        for section in node.mapping["sections"].items:
            lines += _section(section, left, lang, problems, words)
        problems.raise_if_any()
        if left:
            raise LoadError([Problem(node.file, node.line, name, Text(f"no section names `{c}`", f"没有章节包含 `{c}`")) for c in sorted(left)])
        yield name.split(".")[0], "\n".join(lines).rstrip() + "\n"


def _section(section: Node, left: dict[str, Constraint], lang: str, problems: Problems, words: dict[str, str]) -> list[str]:
    lines = [f"## {getattr(both(section, 'title', problems), lang)}", ""]
    for pattern in section.mapping["constraints"].items:
        for name in [c for c in left if fnmatchcase(c, pattern.text)]:
            lines += [*_entry(left.pop(name), lang, words), ""]
    return lines


def _entry(con: Constraint, lang: str, words: dict[str, str]) -> Iterator[str]:
    yield f"### {getattr(con.title, lang)}"
    yield ""
    yield getattr(con.why, lang)
    yield ""
    for variant in con.variants:
        yield "- " + _line(variant, lang, words)
    yield f"- `{con.id}`"


def _line(variant: Variant, lang: str, words: dict[str, str]) -> str:
    """One dated line: force, source, days, values, exceptions."""
    start, end = ("" if abs(d) >= FOREVER else format_date(d) for d in (variant.start, variant.end))
    days = {"en": f"from {start}" + (f" to {end}" if end else ""), "zh": f"自 {start} 起" + (f"至 {end}" if end else "")}[lang]
    parts = [getattr(FORCES[variant.force], lang), f"{getattr(variant.cite.title, lang)} {place(variant.cite.at, lang)}", days]
    parts += [f"{key}: {_value(value, words)}" for key, (_, value) in variant.values.items()]
    if variant.unless:
        parts.append({"en": "not when: ", "zh": "例外："}[lang] + ", ".join(variant.unless))
    return "; ".join(parts) if lang == "en" else "；".join(parts)


def _value(value: object, words: dict[str, str]) -> str:
    """A value as people say it: words of the vocabulary by their names."""
    if isinstance(value, frozenset):
        return ", ".join(words.get(str(w), str(w)) for w in sorted(value))
    return words.get(str(value), said(value))
