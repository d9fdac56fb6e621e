"""What a message says: phrases of the fact base, an own split, evasions, bad input, and the verdict that follows."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data/screening"))

import corpora

from fairdunning import workflow
from fairdunning.errors import LoadError
from fairdunning.folder import read_folder
from fairdunning.screening.lexicon import load_lexicon
from fairdunning.screening.normalise import normalise
from fairdunning.screening.pattern import read_as
from fairdunning.screening.screen import screen
from fairdunning.screening.template import digest

ROOT = Path(__file__).resolve().parents[1]
PHRASES = yaml.safe_load((ROOT / "tests/data/cn-phrases.yaml").read_text())
THREATS = [e["text"] for e in PHRASES["prohibited"]]


@pytest.fixture(scope="module")
def lexicon():
    return load_lexicon()


def test_every_prohibited_phrase_is_found(lexicon):
    """Each seed phrase is improper, nine in ten in their own category."""
    found = [(e, {h.category for h in screen(e["text"], lexicon).hits}) for e in PHRASES["prohibited"]]

    assert [] == [e["text"] for e, categories in found if not categories]
    assert 0.1 * len(found) >= sum(e["category"] not in categories for e, categories in found)


def test_permitted_phrases_are_not_improper(lexicon):
    """Look-alikes that the law permits are not improper; a claim that can be checked is left to the facts."""
    assert [] == [e["text"] for e in PHRASES["permitted"] if screen(e["text"], lexicon).improper]


@pytest.mark.parametrize(("language", "recall", "precision"), [("zh", 0.85, 0.92), ("en", 0.6, 0.88)])
def test_own_split(lexicon, language, recall, precision):
    """What docs/screening.md reports of messages that trained nothing does not get worse unseen; nothing proper may be sure."""
    messages = [m for m in corpora.read("eval", language) if m.label != "claim"]
    found = [(m.label == "improper", screen(m.text, lexicon)) for m in messages]
    hits = sum(improper and said.improper for improper, said in found)

    assert hits >= recall * sum(improper for improper, _ in found)
    assert hits >= precision * sum(said.improper for _, said in found)
    assert not any(h.sure and not h.conditional for improper, said in found for h in said.hits if not improper)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_near_duplicates_across_the_split(language):
    """No evaluation message shares as much as half of its 5-grams with one that trained the weights."""
    alike, one, other = corpora.closest(corpora.read("eval", language), corpora.read("train", language))

    assert alike < 0.5, (one, other)


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def traditional(text, lexicon):
    back = {s: chr(t) for t, s in lexicon.single.items() if "\u3400" <= chr(t) <= "\u9fff"}
    return "".join(back.get(c, c) for c in text)


@pytest.mark.parametrize("text", THREATS)
def test_evasions_change_nothing(lexicon, text):
    """Full width, hidden marks, traditional characters and pushed-in marks find the same frames at the same words."""
    expected = [h.frame for h in screen(text, lexicon).hits]

    assert expected == [h.frame for h in screen(wide(text), lexicon).hits]
    assert expected == [h.frame for h in screen("\u200b".join(text), lexicon).hits]
    assert expected == [h.frame for h in screen(traditional(text, lexicon), lexicon).hits]
    assert set(expected) <= {h.frame for h in screen(text.replace("律师", "律shi").replace("法院", "法 院").replace("公安", "公·安"), lexicon).hits}


def test_spans_are_places_of_the_original(lexicon):
    """The words of a hit are the original's, marks and all."""
    text = "您好，律\u200bshi函已发出"
    hit = screen(text, lexicon).hits[0]

    assert text[hit.start : hit.end] == hit.words
    assert "\u200b" in hit.words


@pytest.mark.parametrize(
    "text",
    ["", " ", "\x00\x01\x02\x03\x04\x05\x06\x07", "a" * 20_001, "\ud800" * 20, "尊敬的{{name}}，您已逾期", "مرحبا بك في البنك", "नमस्ते आपका ऋण"],
)
def test_what_cannot_be_screened_says_why(lexicon, text):
    """Unscreenable text leaves every content fact unknown, with the reason."""
    found = screen(text, lexicon)

    assert found.unscreenable
    assert found.unscreenable.zh


@pytest.mark.parametrize("text", ["好", "ok", "🙂🙂🙂", "\u202e你好", "<b>您的账单</b>已出", "你好 hello мир", "1" * 500])
def test_odd_text_is_screened(lexicon, text):
    """Emoji, markup, mixed scripts and marks are text."""
    assert () == screen(text, lexicon).hits


def sms(call, text):
    call["action"] |= {"kind": "sms"}
    call["message"] = {"text": text}
    return call


def test_a_threat_is_blocked_with_its_article(policy, call):
    """A threat in the text blocks the message."""
    verdict = workflow.check(sms(call, "再不还钱就打断你的腿"), policy, "case")

    assert ("block", "screened") == (verdict.outcome.word, verdict.content)
    assert any("public-order" in f.constraint for f in verdict.findings)


def test_a_true_claim_is_cleared_by_the_facts(policy, call):
    """A suit that was filed may be spoken of; without the facts the claim is not allowed."""
    text = "【某消费金融】法院已立案，案号（2026）某0101民初456号，您可拨打12368核实"
    without = workflow.check(sms(call, text), policy, "case").outcome.word
    call["suit"] = {"accepted_on": "2026-11-01", "case_number": "(2026) 456"}

    assert "allow" != without
    assert "allow" == workflow.check(sms(call, text), policy, "case").outcome.word


def test_an_unscreenable_text_is_never_allowed(policy, call):
    """Content facts are unknown then, and flag."""
    assert "flag" == workflow.check(sms(call, "尊敬的{{name}}"), policy, "case").outcome.word


def test_an_ordinary_reminder_is_allowed(policy, call):
    """A lawful text with the facts a gateway has is allowed."""
    text = "【某消费金融】张先生您好，您的借款已逾期12天，应还6499.20元，请通过App还款，如有异议请拨打客服热线。"
    call["debts"][0]["total_due"] = "6499.20 CNY"

    assert "allow" == workflow.check(sms(call, text), policy, "case").outcome.word


def test_an_amount_in_another_currency_is_unknown_not_an_error(policy, call):
    """A text that names dollars for a debt in yuan is to be compared with the account before it goes; it does not refuse the case."""
    call["action"]["kind"] = "sms"
    call["debts"][0]["total_due"] = "3066.20 CNY"
    call["message"] = {"text": "【某消费金融】您的借款已逾期，应还 $500，请尽快还款"}
    verdict = workflow.check(call, policy, "case")

    assert "cn.consumer-protection.amount-above-ledger" in {f.constraint for f in verdict.obligations}
    assert not verdict.findings


TEMPLATE = "【某消费金融】{name}您好，您应还{amount}，到期日{date}，详询{phone}。"


@pytest.fixture
def own(tmp_path):
    """An organisation's lexicon: a phrase of its own, and an approved template."""
    folder = tmp_path / "rules/content/lexicon"
    folder.mkdir(parents=True)
    (folder / "house.yaml").write_text(
        "language: zh\n"
        'frames: [{id: house.nickname, category: insult, gives: {tags: [insult]}, patterns: ["拖拉机客户"]}]\n'
        f'templates: [{{id: reminder, text: "{TEMPLATE}", approved: "{digest(TEMPLATE)}"}},\n'
        '  {id: changed, text: "再不还{amount}就打断你的腿", approved: "sha256:0"}]\n'
    )
    return load_lexicon(tmp_path)


def fill(name="张三", amount="3,066.20元", date="2026年11月25日", phone="400-000-0000"):
    return TEMPLATE.format(name=name, amount=amount, date=date, phone=phone)


def test_a_template_filled_by_its_types_is_approved(own):
    """Its statements and amounts are read all the same."""
    found = screen(fill(), own)

    assert ("reminder", ()) == (found.template, found.hits)
    assert "balance" in found.says
    assert ("3066.20 CNY",) == found.amounts


@pytest.mark.parametrize(
    "slots",
    [
        {"name": "张三，你等着坐牢吧"},
        {"name": "张" * 21},
        {"amount": "很多钱"},
        {"date": "马上"},
        {"phone": "你家人的电话"},
    ],
)
def test_a_fill_outside_its_type_is_screened(own, slots):
    """Like any text."""
    assert screen(fill(**slots), own).template is None


def test_a_changed_template_is_screened(own):
    """A hash of another text approves nothing."""
    found = screen("再不还100元就打断你的腿", own)

    assert found.template is None
    assert found.improper


def test_an_own_phrase_needs_no_second_key(own):
    """What an organisation forbids itself is sure, whatever the weights say."""
    hit = screen("尊敬的拖拉机客户，您好，感谢您的支持", own).hits[0]

    assert ("house.nickname", True) == (hit.frame, hit.sure)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{id: a, text: \"您好{nmae}\", approved: x}", "unknown slot `nmae`"),
        ("{id: a, text: \"您好\"}", "a template needs"),
    ],
)
def test_a_wrong_template_is_refused(tmp_path, entry, said):
    """With what is wrong and a hint."""
    folder = tmp_path / "rules/content/lexicon"
    folder.mkdir(parents=True)
    (folder / "house.yaml").write_text(f"templates: [{entry}]\n")

    with pytest.raises(LoadError) as error:
        load_lexicon(tmp_path)
    assert any(said in p.text.en for p in error.value.problems)


def test_weights_alone_flag_and_never_block(policy, call):
    """A paraphrase that no frame knows makes facts unknown."""
    text = "你们厂门口那面宣传栏挺显眼，A3彩打一张才三块钱，你照片印出来肯定上镜。"
    found = screen(text, load_lexicon())

    assert {"weights"} == {h.frame for h in found.hits}
    assert not any(h.sure for h in found.hits)
    assert "flag" == workflow.check(sms(call, text), policy, "case").outcome.word


def test_weights_are_part_of_the_digest(tmp_path):
    """Other weights are another policy."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    before = read_folder(base=tmp_path).digest
    (tmp_path / "rules/content/lexicon/model.zh.json").write_text("{}")

    assert read_folder(base=tmp_path).digest != before


RIGHTS = [
    ("如您在11月30日前仍未还款，我方可能依法向有管辖权的人民法院起诉。", {}),
    ("【某消费金融】经您书面授权，逾期信息将依规报送金融信用信息基础数据库。", {"consent": {"furnish_written": True}}),
    ("【某消费金融】我方已向法院起诉，法院已立案，案号（2026）某0101民初456号。", {"suit": {"accepted_on": "2026-11-01", "case_number": "1"}}),
]


@pytest.mark.parametrize(("text", "facts"), RIGHTS)
def test_truthful_statements_of_rights_never_block(policy, call, text, facts):
    """Nor do they without the facts; with them nothing is left of the claim."""
    without = workflow.check(sms(call, text), policy, "case")
    told = workflow.check({**sms(call, text), **facts}, policy, "case")

    assert "block" not in {without.outcome.word, told.outcome.word}


CLAIMS = {
    "dishonest_list": ["您已被列入失信被执行人名单", "您已被某市中级人民法院依法纳入失信名单。", "You are on the list of dishonest persons"],
    "consumption_limited": ["您已被限制高消费", "法院已对您发出限制消费令", "You are barred from high consumption by court order"],
    "exit_barred": ["您已被限制出境", "You have been barred from leaving the country"],
    "suit_accepted": ["法院已受理您的案件", "您的案件已立案", "本案已于6月1日在某某法院立案", "案号（2026）某0101民初123号",
                      "Your case number is 24-CV-0318."],
    "suit_filed": ["我司已向某某区人民法院提起诉讼", "诉状已递交法院", "我们已经把你告上法庭", "We have filed suit against you",
                   "You have been sued."],
    "judgment_issued": ["判决已生效", "法院已判决您偿还本金", "A judgment was entered against you", "The court has ruled against you."],
    "enforcement_started": ["我司已申请强制执行", "您的案件已进入强制执行程序", "法院已扣划您的工资", "Your wages are being garnished"],
    "assets_frozen": ["法院已冻结您的银行账户", "The court has frozen your bank account"],
    "is_lawyer": [
        "本所律师已受理您的案件",
        "我所受某公司委托处理您的欠款",
        "Your account was referred to an attorney",
        "Our law firm represents the bank.",
    ],
    "credit_reported": ["已上报征信", "您的不良信息已报送金融信用信息基础数据库", "We have reported this to the credit bureaus"],
    "assigned": ["债权已转让给我司", "某银行已将您的贷款债权转让给我公司", "The debt was assigned to us", "Your debt has been sold to us."],
    "mandated": ["我司受某银行委托与您联系", "We act for your creditor."],
    "jointly_liable": ["该笔借款属夫妻共同债务", "You are both liable for this loan"],
    "accelerated": ["我司已宣布贷款提前到期", "Your loan has been accelerated."],
    "rescinded": ["我司已于4月1日解除租赁合同", "Your agreement has been terminated."],
    "reported_to_police": ["我行已于5月9日向某区公安分局报案", "We have reported the application to the police."],
    "not_time_barred": ["诉讼时效没过", "This debt is not statute barred."],
}
NO_CLAIMS = [
    "如您仍不还款，我司可能向法院提起诉讼",
    "若您逾期不还，我司将依法向法院起诉",
    "判决生效后仍不履行的，我方可在二年内申请强制执行",
    "一旦被法院列入失信被执行人名单，将影响出行",
    "催收说法院已立案，是真的吗？",
    "他们说我已经被列入失信名单，怎么办？",
    "对方声称已向法院起诉我",
    "警惕冒充法院：自称法院已立案的短信都是诈骗",
    "我司尚未起诉，也未立案",
    "您没有被列入失信被执行人名单",
    "您的失信记录已删除",
    "您的债权未转让",
    "If you do not pay, we may sue you.",
    "If a judgment is entered against you, the court may order garnishment.",
    "He says he has sued me, is it true?",
    "The collector told me that a judgment was entered against me.",
    "They claim that my wages are being garnished",
    "Beware of scammers who claim you have been sued.",
    "We have not filed suit.",
    "Your wages are not being garnished.",
    "Your account may be referred to an attorney.",
]


@pytest.mark.parametrize(("claim", "text"), [(claim, text) for claim, texts in CLAIMS.items() for text in texts])
def test_a_statement_of_a_fact_is_a_claim(lexicon, claim, text):
    """Found by a frame, not by weights alone, and never sure when nothing else is wrong with the text."""
    found = screen(text, lexicon)
    framed = {h.frame for h in found.hits} - {"weights"}

    assert framed
    assert claim in found.may_claims


@pytest.mark.parametrize("text", NO_CLAIMS)
def test_what_may_come_what_others_said_and_what_is_denied_are_no_claims(lexicon, text):
    """A condition, a report, a question, a warning and a denial state no fact of the case."""
    assert set() == {h.frame for h in screen(text, lexicon).hits if h.frame.startswith("claims-")}


EVENT = {"id": "E9", "at": "2026-11-01", "about": ["D1"]}
FACTS = [
    ("cn.civil-procedure.enforcement.says-court-measures", "您已被列入失信被执行人名单", {"judgment": {"sanction_ordered_on": "2026-11-01"}}),
    ("cn.civil-procedure.enforcement.says-court-measures", "您已被限制高消费", {"judgment": {"sanction_ordered_on": "2026-11-01"}}),
    ("cn.civil-procedure.filing.says-filed", "您的案件法院已立案", {"suit": {"accepted_on": "2026-11-01", "case_number": "1"}}),
    ("cn.civil-procedure.enforcement.says-judged", "判决已生效", {"judgment": {"effective_on": "2026-11-01"}}),
    ("cn.civil-procedure.enforcement.says-judged", "我司已申请强制执行", {"judgment": {"effective_on": "2026-11-01"}}),
    ("cn.civil-procedure.preservation.says-frozen", "法院已冻结您的银行账户", {"preservation": {"ordered_on": "2026-11-01"}}),
    ("cn.public-order.says-lawyer", "本所律师已受理您的案件", {"lawyer": {"licence_number": "L1", "retained_on": "2026-11-01"}}),
    ("cn.public-order.says-reported-to-police", "我行已向某区公安分局报案", {"events": [EVENT | {"kind": "police_report"}]}),
    ("cn.credit-reporting.says-reported", "您的不良信息已报送金融信用信息基础数据库", {"events": [EVENT | {"kind": "credit_reported"}]}),
    ("cn.contract.performance.says-accelerated", "我司已宣布贷款提前到期", {"debts": {"accelerated_on": "2026-11-01"}}),
    ("cn.contract.assignment.says-assigned", "我司已将您的债权转让给某资产管理有限公司", {"debts": {"status": "assigned"}}),
    ("cn.third-parties.says-jointly-liable", "该笔借款属夫妻共同债务", {"debts": {"contract": {"signed_on": "2025-06-11", "spouse_signed": True}}}),
    ("cn.civil-procedure.filing.says-handed-in", "We have filed suit against you", {"suit": {"accepted_on": "2026-11-01", "case_number": "1"}}),
    ("cn.civil-procedure.filing.says-handed-in", "我司已向某区人民法院递交起诉状，目前等待审查", {"events": [EVENT | {"kind": "suit"}]}),
    ("cn.civil-procedure.enforcement.says-judged", "Your wages are being garnished", {"judgment": {"effective_on": "2026-11-01"}}),
]


@pytest.mark.parametrize(("constraint", "text", "facts"), FACTS)
def test_a_claim_is_compared_with_the_facts(policy, call, constraint, text, facts):
    """Without the fact it flags and names what is missing; with the fact its constraint is silent."""
    without = workflow.check(sms(call, text), policy, "case")
    debt = call["debts"][0] | facts.get("debts", {})
    told = workflow.check({**call, **facts, "debts": [debt]}, policy, "case")

    assert constraint in {f.constraint for f in without.findings}
    assert "flag" == without.outcome.word
    assert constraint not in {f.constraint for f in told.findings}


def test_a_claim_does_not_hide_what_the_weights_find(lexicon):
    """Facts may clear a claim, and never what else is wrong with the text."""
    found = screen("本律师已受理您的案件，你们厂门口那面宣传栏挺显眼，你照片印出来肯定上镜。", lexicon)

    assert {"weights"} < {h.frame for h in found.hits}
    assert found.may_tags


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_a_text_has_no_words_for_does_not_match(lexicon, language):
    """No pattern and no context that is left out unseen would have matched."""
    known = next(x for x in lexicon.languages if x.name == language)
    patterns = {p.order: p.pattern for found in known.index.values() for p in found}.values()
    texts = [normalise(m.text, lexicon.spellings, lexicon.single).text for m in corpora.read("eval", language)]
    texts += ["i wont pay, they said; you cant take it", "we’ve sued you", "don’t think"]
    missed = []
    for text in texts:
        read = read_as(language, text)
        missed += [p for p in patterns if p.regex.search(text) and (p.starts.isdisjoint(read.starts) or not p.possible(read))]
        missed += [c for c in known.contexts.values() if c.regex.search(text) and not c.possible(read)]

    assert [] == missed


@pytest.mark.parametrize(("language", "recall"), [("zh", 0.2), ("en", 0.11)])
def test_plain_wrongs_may_block(lexicon, language, recall):
    """A share of the wrongs that trained nothing is sure, by a frame and the weights together."""
    wrong = [m for m in corpora.read("eval", language) if m.label == "improper"]
    sure = [m for m in wrong if any(h.sure and not h.conditional for h in screen(m.text, lexicon).hits)]

    assert len(sure) >= recall * len(wrong)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_frames_of_plain_wrongs_hardly_hit_proper_messages(lexicon, language):
    """Never surely; and where the weights have no say, less than one in a hundred (quotations and jokes that no context shows)."""
    alone = replace(lexicon, languages=[replace(x, model=None) for x in lexicon.languages])
    proper = [m.text for part in ("train", "eval") for m in corpora.read(part, language) if m.label == "proper"]
    hit = [t for t in proper if any(h.frame.startswith("plain-") for h in screen(t, alone).hits)]

    assert [] == [t for t in hit if any(h.frame.startswith("plain-") and h.sure for h in screen(t, lexicon).hits)]
    assert len(hit) < 0.01 * len(proper)


@pytest.mark.parametrize("filler", ["-", ",'", "-a", " ,", "：", "，的"])
def test_no_text_makes_a_pattern_go_wild(lexicon, filler):
    """A row of marks after words that begin frames is read at once, however it could be divided."""
    for words in ("We will tell your employer ", "Please tell us when you will pay your loan ", "再不还就通知你家人"):
        assert screen(words + filler * 2000 + " ok", lexicon).unscreenable is None
