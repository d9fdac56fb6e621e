"""Strict YAML: every scalar stays text, every node knows its line, and what could mislead is refused.

PyYAML's own reading turns ``21:00`` into 1260, ``no`` into False and keeps the last of duplicate keys; here the schema says what a
text is. Anchors, aliases, tags, merge keys, several documents and duplicate keys are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from fairdunning.errors import LoadError, Problem, Text

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar (text or null), a list or a mapping, with the place it stands at."""

    value: str | dict[str, Node] | list[Node] | None
    file: str
    line: int
    key: str

    @property
    def mapping(self) -> dict[str, Node]:
        """The children of a mapping, nothing for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The entries of a list; a single node is a list of itself, null an empty one."""
        if isinstance(self.value, list):
            return self.value
        return [] if self.value is None else [self]

    @property
    def text(self) -> str:
        """The text of a scalar, empty for anything else."""
        return self.value if isinstance(self.value, str) else ""

    def plain(self) -> object:
        """The same as text, lists and dicts alone."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


class Problems:
    """Collects what is wrong, so that one run reports all of it."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, node: Node, en: str, zh: str) -> None:
        """Notes a problem at the place of this node."""
        self.found.append(Problem(node.file, node.line, node.key, Text(en, zh)))

    def raise_if_any(self) -> None:
        """Raises LoadError with everything noted so far."""
        if self.found:
            raise LoadError(self.found)


def read(path: Path, name: str | None = None) -> Node:
    """Reads one YAML file; ``name`` is how problems call it. Raises LoadError."""
    file = name or str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _refuse(file, 0, f"cannot be read: {error.strerror}", f"无法读取：{error.strerror}") from error
    return parse(raw, file)


def parse(raw: bytes, file: str) -> Node:
    """Reads YAML text; raises LoadError with every refused construct that was found."""
    if len(raw) > MAX_BYTES:
        raise _refuse(file, 0, f"larger than {MAX_BYTES} bytes; split it", f"超过 {MAX_BYTES} 字节；请拆分")
    try:
        text = raw.decode("utf-8-sig")
        problems = Problems()
        _refuse_constructs(text, file, problems)
        problems.raise_if_any()
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except UnicodeDecodeError as error:
        raise _refuse(file, 0, "not UTF-8 text; save it as UTF-8", "不是 UTF-8 文本；请以 UTF-8 保存") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _refuse(file, line, f"not valid YAML: {error.problem}", f"YAML 语法错误：{error.problem}") from error
    except yaml.YAMLError as error:
        raise _refuse(file, 0, "not valid YAML: unacceptable character", "YAML 语法错误：含有不允许的字符") from error
    if root is None:
        raise _refuse(file, 1, "the file is empty", "文件为空")
    node = _node(root, file, "", problems)
    problems.raise_if_any()
    return node


def _refuse(file: str, line: int, en: str, zh: str) -> LoadError:
    return LoadError([Problem(file, line, "", Text(en, zh))])


def _refuse_constructs(text: str, file: str, problems: Problems) -> None:
    depth = documents = 0
    for event in _events(text):
        here = Node(None, file, event.start_mark.line + 1 if event.start_mark else 0, "")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            problems.add(here, "anchors and aliases are refused; write the value out", "不允许锚点与别名；请写出全文")
        if tag := getattr(event, "tag", None):
            problems.add(here, f"tags are refused, got `{tag}`", f"不允许标签 `{tag}`")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _refuse(file, here.line, f"nested deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层")
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    if documents > 1:
        raise _refuse(file, 0, "holds several documents; keep one", "含有多个文档；请只保留一个")


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.CSafeLoader(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            if event is not None:
                yield event
    finally:
        loader.dispose()


def _node(node: yaml.Node, file: str, key: str, problems: Problems) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        bare_null = not node.style and node.value in {"", "~", "null"}
        return Node(None if bare_null else node.value, file, line, key)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(n, file, f"{key}[{i}]", problems) for i, n in enumerate(node.value)], file, line, key)
    children: dict[str, Node] = {}
    for name_node, child in node.value:
        name = name_node.value if isinstance(name_node, yaml.ScalarNode) else ""
        path = f"{key}.{name}" if key else name
        here = Node(None, file, name_node.start_mark.line + 1, path)
        if not name or name == "<<":
            problems.add(here, "a key must be plain text", "键必须是普通文本")
        elif name in children:
            problems.add(here, f"duplicate key `{name}`; keep one", f"重复的键 `{name}`；请只保留一个")
        else:
            read_child = _node(child, file, path, problems)
            children[name] = Node(read_child.value, file, here.line, path)
    return Node(children, file, line, key)
