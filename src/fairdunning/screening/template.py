"""Texts approved once and filled many times: a fill of the right types says nothing wrong; any other text is screened."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_NUMBER = r"\d{1,3}(?:,\d{3})*(?:\.\d{1,2})?|\d{1,12}(?:\.\d{1,2})?"
# what each type of slot may hold, and an example that the template is screened with
SLOTS = {
    "name": (r"[^\W\d_](?:[^\W_]| (?=\S)){0,19}", {"zh": "张三", "en": "Alex Lee"}),
    "amount": (rf"(?:[¥￥$£€] ?)?(?:{_NUMBER})(?: ?(?:元|CNY|USD|EUR|GBP))?", {"zh": "100.00元", "en": "$100.00"}),
    "date": (r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}月\d{1,2}日|\d{1,2}/\d{1,2}(?:/\d{2,4})?", {"zh": "2026年1月1日", "en": "2026-01-01"}),
    "phone": (r"\+?\d[\d -]{5,18}\d", {"zh": "400-000-0000", "en": "400-000-0000"}),
}
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Template:
    """An approved text: what stands before its first slot, and what a fill of it looks like."""

    id: str
    start: str
    pattern: re.Pattern[str]

    def fits(self, text: str) -> bool:
        """Whether a text is this template with every slot filled by its type."""
        return text.startswith(self.start) and self.pattern.fullmatch(text) is not None


def digest(text: str) -> str:
    """The hash by which a template is approved."""
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def template(name: str, text: str) -> Template:
    """Compiles a template's text; raises KeyError with the name of a slot of no known type."""
    literals, kinds = _SLOT.split(text)[::2], _SLOT.split(text)[1::2]
    slots = [f"(?:{SLOTS[kind][0]})" for kind in kinds]
    body = "".join(re.escape(part) + slot for part, slot in zip(literals, [*slots, ""], strict=True))
    return Template(name, literals[0], re.compile(body))


def example(text: str) -> str:
    """The template filled with examples, to be screened before it is approved; a slot of no known type stays as it is."""
    language = "zh" if re.search("[\u3400-\u9fff]", text) else "en"
    return _SLOT.sub(lambda m: SLOTS[m[1]][1][language] if m[1] in SLOTS else m[0], text)
