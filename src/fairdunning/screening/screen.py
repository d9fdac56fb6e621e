"""What a text says: findings with their spans, statements, amounts; and the content facts that rules judge."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from fairdunning.errors import Text
from fairdunning.screening.lexicon import Frame, Kind, Language, Lexicon
from fairdunning.screening.model import Model, Weights, features, kinds, score
from fairdunning.screening.normalise import Plain, normalise
from fairdunning.screening.pattern import Read, read_as

MAX_CHARACTERS = 20_000
_SENTENCE = re.compile(r"[^。！？!?\n；;]+[。！？!?\n；;]?")
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?"
_AMOUNT = re.compile(rf"(?:(?P<before>[¥￥$£€₹])\s?)?(?P<number>{_NUMBER})\s?(?P<unit>元|块|万元|rmb|cny|usd|dollars)?")
_CURRENCIES = {"$": "USD", "£": "GBP", "€": "EUR", "₹": "INR", "usd": "USD", "dollars": "USD"}
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(rf"\d{{4}}[年/-]\d{{1,2}}[月/-]\d{{1,2}}日?|\d{{1,2}}月\d{{1,2}}日|(?:{_MONTHS})[a-z]*\.? \d{{1,2}}")
_FULL_STOP = re.compile(r"\.(?=\s)")
_CLAUSE_END = re.compile(r"[，。；！？,.;!?\n]")
# a language is looked for only where the text has words of it
_WRITTEN = {"zh": re.compile("[\u3400-\u9fff]"), "en": re.compile("[a-z]{2}[^\u3400-\u9fff]*[a-z]{2}")}
_NOT_BEFORE = {"zh": re.compile(r"[不没未勿别]$"), "en": re.compile(r"(?:\bnot|\bnever|n['’]t)(?: yet| been| ever)*\s*$")}
_CHINESE = re.compile("[\u3400-\u9fff]+")
_LATIN = re.compile("[a-z]+")
# letters, marks and blanks that need no second look
_ORDINARY = re.compile("[\n\r\t\x20-\x7e\u3001\u3002\u3008-\u3011\u3400-\u9fff\uff01-\uff5e\u2018-\u201d¥…—]*")
_SLOT = re.compile(r"\{\{?\s*\w+\s*\}\}?|\$\{\w+\}")
# a name may be any word, and gateways add the signature: that nobody is named is never sure
_NAMES = frozenset({"organisation", "creditor"})
GUARD = {"zh": 12, "en": 24}


@dataclass(frozen=True)
class Hit:
    """A wrong found in a text: category, span of the original, the words, the frame, whether it is sure, language.

    ``conditional``: a claim that comes with what one needs to check it; only the facts of the case can tell.
    """

    category: str
    start: int
    end: int
    words: str
    frame: str
    sure: bool
    language: str
    conditional: bool = False

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "category": self.category,
            "start": self.start,
            "end": self.end,
            "words": self.words,
            "frame": self.frame,
            "sure": self.sure,
            "language": self.language,
            "conditional": self.conditional,
        }


@dataclass(frozen=True)
class Screening:
    """What one text says; ``unscreenable`` is the reason when nothing can be said of it."""

    hits: tuple[Hit, ...] = ()
    tags: frozenset[str] = frozenset()
    claims: frozenset[str] = frozenset()
    may_tags: frozenset[str] = frozenset()
    may_claims: frozenset[str] = frozenset()
    says: frozenset[str] = frozenset()
    discloses_debt: bool = False
    amounts: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    unscreenable: Text | None = None
    template: str | None = None

    @property
    def improper(self) -> bool:
        """Whether a wrong was found that no fact of the case is needed for."""
        return any(not h.conditional for h in self.hits)

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "improper": self.improper,
            "findings": [h.document() for h in self.hits],
            "says": sorted(self.says),
            "amounts": list(self.amounts),
            "dates": list(self.dates),
            "discloses_debt": self.discloses_debt,
            "unscreenable": self.unscreenable._asdict() if self.unscreenable else None,
            "template": self.template,
        }


def screen(text: str, lexicon: Lexicon) -> Screening:
    """Screens one text; what cannot be read as text is unscreenable, never clean."""
    reason = _unscreenable(text)
    if reason is not None:
        return Screening(unscreenable=reason)
    plain = normalise(text, lexicon.spellings, lexicon.single)
    written = [(x, read_as(x.name, plain.text)) for x in lexicon.languages if _WRITTEN[x.name].search(plain.text)]
    approved = next((t.id for t in lexicon.templates if t.fits(text)), None)
    hits = sorted(_found(text, plain, written, lexicon.kinds), key=lambda e: e[0].start) if approved is None else []
    discloses = any(x.discloses.within(read) for x, read in written)
    sells = discloses and any(x.marketing.within(read) for x, read in written)
    advertising = frozenset({"advertising"} if sells else ())
    return Screening(
        tuple(h for h, _ in hits),
        frozenset().union(*(k.tags for h, k in hits if h.sure)),
        frozenset().union(*(k.claims for h, k in hits if h.sure)),
        advertising.union(*(k.tags for _, k in hits)),
        frozenset().union(*(k.claims for _, k in hits)),
        frozenset(k for x, read in written for k, words in x.says.items() if words.within(read)),
        discloses,
        tuple(_amounts(plain.text)),
        tuple(m[0] for m in _DATE.finditer(plain.text)),
        template=approved,
    )


def _found(text: str, plain: Plain, written: list[tuple[Language, Read]], known: dict[str, Kind]) -> Iterator[tuple[Hit, Kind]]:
    """What frames find in each language written, and what only the weights find in the one that is written most."""
    main = _main_language(plain.text)
    for language, read in written:
        weighed = _weighed(plain.text, language) if language.name == main else None
        framed = list(_framed(text, plain, language, read, weighed))
        yield from framed
        if weighed is None:
            continue
        if weighed.score >= weighed.model.improper.flag:
            if not any(k.tags and not h.conditional for h, k in framed):
                yield from _by_weights(text, plain, language, weighed, known, weighed.model.improper)
        elif not framed and score(weighed.found, weighed.model.claim) >= weighed.model.claim.flag:
            yield from _by_weights(text, plain, language, weighed, known, weighed.model.claim)


class Weighed(NamedTuple):
    """What the weights say of a text."""

    model: Model
    found: dict[str, set[str]]
    score: int


def _main_language(text: str) -> str:
    """The language that the weights read: Chinese when a good part of the letters are."""
    chinese = len(text) - len(_CHINESE.sub("", text))
    return "zh" if chinese and 4 * chinese >= len(text) - len(_LATIN.sub("", text)) else "en"


def _weighed(text: str, language: Language) -> Weighed | None:
    if language.model is None:
        return None
    found = features(text, language.signals)
    return Weighed(language.model, found, score(found, language.model.improper))


def _by_weights(
    text: str, plain: Plain, language: Language, weighed: Weighed, known: dict[str, Kind], by: Weights
) -> Iterator[tuple[Hit, Kind]]:
    """What only the weights found: the sentence that weighs most, under each kind of wrong (or of claim) it may be."""
    sentences = _sentences(plain.text)
    heaviest = sentences[0] if len(sentences) == 1 else max(sentences, key=lambda s: score(features(plain.text[s[0] : s[1]], language.signals), by))
    first, last = plain.original(*heaviest)
    claimed = by is weighed.model.claim
    for kind in kinds(weighed.found, weighed.model):
        facts = Kind(frozenset(), known[kind].claims) if claimed else known[kind]
        if facts.tags or facts.claims:
            yield Hit(kind, first, last, text[first:last], "weights", False, language.name, claimed), facts


def _unscreenable(text: str) -> Text | None:
    if not text.strip():
        return Text("the text is empty", "文本为空")
    if len(text) > MAX_CHARACTERS:
        return Text(f"longer than {MAX_CHARACTERS} characters", f"超过 {MAX_CHARACTERS} 个字符")
    if _ORDINARY.fullmatch(text):
        return Text("a slot of the template is not filled", "模板中有未填写的变量") if _SLOT.search(text) else None
    strange = sum(unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} and c not in "\n\r\t" for c in text) + text.count("\ufffd")
    if strange > max(3, len(text) // 10):
        return Text("not readable as text", "无法作为文本读取")
    if _SLOT.search(text):
        return Text("a slot of the template is not filled", "模板中有未填写的变量")
    letters = [c for c in text if c.isalpha()]
    known = sum("\u3400" <= c <= "\u9fff" or c.isascii() or "\uff00" <= c <= "\uffef" or "\u00c0" <= c <= "\u04ff" for c in letters)
    if letters and known < len(letters) / 2:
        return Text("written in a language that is not screened", "不支持该语言的筛查")
    return None


def _sentences(text: str) -> list[tuple[int, int]]:
    return [m.span() for m in _SENTENCE.finditer(text)]


def _framed(text: str, plain: Plain, language: Language, read: Read, weighed: Weighed | None) -> Iterator[tuple[Hit, Kind]]:
    """Hits of frames. The weights are the second key: what they find clean is no hit, and only what they find improper is sure."""
    tried = _tried(language, read)
    if not tried:
        return
    contexts = _Contexts(language, read)
    seen: set[tuple[str, int]] = set()
    for start, end in _sentences(plain.text):
        sentence = plain.text[start:end]
        if contexts.any(("warning", "reported"), sentence):
            continue
        for frame, regex in tried:
            match = regex.search(sentence)
            if match is None or (frame.id, start) in seen or _silenced(frame, sentence, match, contexts):
                continue
            second = None if frame.own else weighed
            if second and frame.tags and second.score < second.model.clear:
                continue
            seen.add((frame.id, start))
            first, last = plain.original(start + match.start(), start + match.end())
            conditional = contexts.any(frame.conditional, plain.text)
            conditional |= second is not None and not frame.tags and second.score < second.model.improper.flag
            sure = frame.sure and (second is None or second.score >= second.model.sure)
            yield Hit(frame.category, first, last, text[first:last], frame.id, sure, language.name, conditional), Kind(frame.tags, frame.claims)


def _tried(language: Language, read: Read) -> list[tuple[Frame, re.Pattern[str]]]:
    """The patterns that the text has the words for, in the order they are written."""
    met = {p.order: p for start in language.index.keys() & read.starts for p in language.index[start]}
    return [(p.frame, p.pattern.regex) for _, p in sorted(met.items()) if p.pattern.possible(read)]


class _Contexts:
    """The contexts of one text: those it has no words for are never looked for."""

    def __init__(self, language: Language, read: Read) -> None:
        self.language, self._read = language.name, read
        self._all = language.contexts
        self._live: dict[str, re.Pattern[str] | None] = {}

    def any(self, names: Iterable[str], text: str) -> bool:
        """Whether one of the contexts is in a part of the text."""
        for name in names:
            if name not in self._live:
                context = self._all[name]
                self._live[name] = context.regex if context.possible(self._read) else None
            regex = self._live[name]
            if regex is not None and regex.search(text):
                return True
        return False


def _silenced(frame: Frame, sentence: str, match: re.Match[str], contexts: _Contexts) -> bool:
    if contexts.any(frame.unless, sentence):
        return True
    if frame.unless_beside and contexts.any(frame.unless_beside, _beside(sentence, match)):
        return True
    return not frame.denial and _negated(frame, sentence, match, contexts)


def _beside(text: str, match: re.Match[str]) -> str:
    """The sentence that a match stands in, ended by a full stop."""
    first = max((m.end() for m in _FULL_STOP.finditer(text, 0, match.start())), default=0)
    last = _FULL_STOP.search(text, match.end())
    return text[first : last.start() if last else len(text)]


def _negated(frame: Frame, sentence: str, match: re.Match[str], contexts: _Contexts) -> bool:
    before = sentence[max(0, match.start() - GUARD[contexts.language]) : match.start()]
    clause = _CLAUSE_END.split(before)[-1]
    inside = match[0]
    directly = _NOT_BEFORE[contexts.language].search(before) is not None
    if contexts.any(("void",), sentence):
        return not frame.tags and ((directly and contexts.language == "en") or contexts.any(("negated",), inside))
    if directly:
        return True
    return contexts.any(("negated",), clause) or contexts.any(("negated",), inside)


def _amounts(text: str) -> list[str]:
    found = []
    for match in _AMOUNT.finditer(text):
        if match["before"] or match["unit"]:
            number = match["number"].replace(",", "")
            currency = _CURRENCIES.get(match["before"] or match["unit"] or "", "CNY")
            found.append(f"{Decimal(number) * (10000 if match['unit'] == '万元' else 1):.2f} {currency}")
    return found


def content_facts(found: Screening) -> dict[str, Any]:
    """The ``message`` facts of a case: sure hits are members, possible ones may be; an unscreenable text leaves all unknown."""
    if found.unscreenable is not None:
        return {"tags": None, "claims": None, "says": None, "discloses_debt": None, "amounts": None}
    amounts = [{"meaning": None, "amount": a} for a in found.amounts] if len({a[-3:] for a in found.amounts}) <= 1 else None
    return {
        "tags": {"sure": sorted(found.tags), "may": sorted(found.may_tags | found.tags)},
        "claims": {"sure": sorted(found.claims), "may": sorted(found.may_claims)},
        "says": {"sure": sorted(found.says), "may": sorted(found.says | _NAMES)},
        "discloses_debt": found.discloses_debt,
        "amounts": amounts,
    }
