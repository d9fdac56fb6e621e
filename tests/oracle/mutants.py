"""Small wrongs planted in each compiler, as patches that a test turns on one at a time."""

from fairdunning import condition
from fairdunning.engines import compiled, durable_child
from fairdunning.program import All, Any, Test

_must, _may, _not_shown, _source, _condition = condition.must, condition.may, condition.not_shown, compiled._source, durable_child.condition


def _leafwise(change):
    """A lowering whose tests are changed after the right one was made."""

    def lowered(tree, index, right):
        def walk(plain):
            return change(plain) if isinstance(plain, Test) else type(plain)(tuple(walk(p) for p in plain.parts))

        return walk(right(tree, index))

    return lowered


def _lower(change, right):
    return lambda tree, index: _leafwise(change)(tree, index, right)


def _shorter(plain):
    return type(plain)(plain.parts[1:]) if isinstance(plain, All) and len(plain.parts) > 1 else plain


def _dropped(right):
    def lowered(tree, index):
        def walk(plain):
            return plain if isinstance(plain, Test) else _shorter(type(plain)(tuple(walk(p) for p in plain.parts)))

        return walk(right(tree, index))

    return lowered


def _swapped(plain):
    return (Any if isinstance(plain, All) else All)(tuple(map(_swapped, plain.parts))) if not isinstance(plain, Test) else plain


def _text(old, new, count=-1):
    return lambda plain: _source(plain).replace(old, new, count)


def _json(old, new):
    def changed(plain):
        import json

        return json.loads(json.dumps(_condition(plain)).replace(old, new))

    return changed


LOWERING = {
    "must reads hi for lo": ("must", _lower(lambda t: t._replace(end="hi") if t.op == ">=" else t, _must)),
    "must reads lo for hi": ("must", _lower(lambda t: t._replace(end="lo") if t.op == "<=" else t, _must)),
    "may reads lo for hi": ("may", _lower(lambda t: t._replace(end="lo") if t.op == ">=" else t, _may)),
    "may reads hi for lo": ("may", _lower(lambda t: t._replace(end="hi") if t.op == "<=" else t, _may)),
    "must is one too strict": ("must", _lower(lambda t: t._replace(bound=t.bound + 1) if t.op == ">=" else t, _must)),
    "may is one too strict": ("may", _lower(lambda t: t._replace(bound=t.bound - 1) if t.op == "<=" else t, _may)),
    "may drops the first part of and": ("may", _dropped(_may)),
    "must drops the first part of and": ("must", _dropped(_must)),
    "must takes or for and": ("must", lambda tree, index: _swapped(_must(tree, index))),
    "an unknown exception helps": ("not_shown", lambda tree, index: condition.negate(_may(tree, index))),
}
COMPILED = {
    "> for >=": _text(">=", ">"),
    "< for <=": _text("<=", "<"),
    "lo for hi": _text("hi[", "lo["),
    "hi for lo": _text("lo[", "hi["),
    "or for and": _text(" and ", " or "),
    "and for or": _text(" or ", " and "),
    "<= for >=": _text(">=", "<="),
    "first bound 1 is 2": _text(">= 1", ">= 2", 1),
    "a slot off by one": _text("[0]", "[1]"),
    "every group is true": lambda plain: "True" if not isinstance(plain, Test) and len(plain.parts) > 2 else _source(plain),
}
DURABLE = {
    "$gt for $gte": _json("$gte", "$gt"),
    "$lt for $lte": _json("$lte", "$lt"),
    "lo for hi": _json('hi"', 'lo"'),
    "hi for lo": _json('lo"', 'hi"'),
    "or for and": _json("$and", "$or"),
    "and for or": _json("$or", "$and"),
    "$lte for $gte": _json("$gte", "$lte"),
    "bound 1 is 2": _json(": 1}", ": 2}"),
    "another slot": _json('"s0', '"s1'),
    "bound 0 is 1": _json(": 0}", ": 1}"),
}
