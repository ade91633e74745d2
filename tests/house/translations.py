"""Catalogues of the dashboard: whole, with the placeholders of the original, in good typography."""

from __future__ import annotations

import ast
import gettext
import json
import re
from collections.abc import Iterator
from functools import cache

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from tests.house.source import ROOT

CATALOGUES = ROOT / "dashboard" / "translations"
LANGUAGES = ("fr", "ar")
WORDED = ("pages", "providers", "gateway", "cli")  # packages whose sentences reach a page
CONTEXT = ((1, "c"), 2)
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "_l": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "pgettext": CONTEXT,
    "lazy_pgettext": CONTEXT,
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
MISSET = re.compile(  # U+202F before ; ! ? and U+00A0 before : and inside guillemets, but in addresses and times
    r"'|[^\u202f][;!?](?=\s|$)|[ \u202f\w][:](?=\s|$)|[^\u00a0]»|«[^\u00a0]"
    r"|(?<=\d) (?=(?:secondes?|minutes?|heures?|jours?|octets?|Kio)\b)|n° "
)
# The glossary has one word for one thing; these were others for it, and what stands for them.
AVOIDED = {
    "fr": {
        r"transporteurs?": "fournisseur",
        r"clés? réelles?": "clé de production",
        r"essais?": "test; of a code: tentative",
        r"codes? (?:faux|justes?)": "code erroné, bon code",
        r"accusés? de réception": "accusé de remise",
        r"empreintes?(?! (?:SHA|d’un certificat|du certificat))": "hash",
        r"docteur": "vérificateur de hash",
        r"réglages": "paramètres",
        r"cadriciels?": "framework",
        r"employer": "utiliser",
        r"(?:est|sont) oubliée?s?": "supprimé",
        r"s’est tu": "ne répond plus",
        r"system ID": "identifiant (system_id)",
        r"aucun texte n": "SMS",
        r"p95": "95 sur 100 en moins de",
        r"pumping": "fraude aux SMS",
    },
    "ar": {
        r"\w*(?:ناقل|نواقل)\w*": "مزوّد",
        r"\w*نداء\w*|\w*استدعاءا?ت? API": "طلب، استدعاء",
        r"توكن": "رمز الوصول",
        r"\w*هوك|\w*خطاف\w*": "خطّاف ويب، خطاطيف الويب",
        r"\w*محرفا?ً?|\w*محارف": "حرف",
        r"\w*إخفاق\w*|\w*خفق\w*": "فشل",
        r"\w*طبيب\w*": "فاحص التجزئة",
        r"كيبيبايت|ميبيبايت": "كيلوبايت، ميغابايت",
        r"\w*مرشّح\w*": "عامل تصفية",
        r"سلطة|السلطة": "هيئة التصديق",
        r"\w*نموذج\w*|\w*نماذج\w*": "استمارة",
        r"\w*مستعمل\w*": "مستخدم",
        r"\w*دفعة\w*|\w*دفعات": "مجموعة",
        r"هاتف التجربة": "هاتف الاختبار",
        r"مف(?:تاح|اتيح) (?:ال)?إنتاج": "مفتاح فعلي",
        r"[تي]ُ?نسى": "يُحذف",
        r"الردّ|السرّ|التحقّق|التحكّم": "without shadda",
        r"pumping": "الاحتيال بالرسائل القصيرة",
    },
}
AVOIDED_BY_COMMANDS = {
    r"administrators?": "user; of a role: owner, operator, desk, viewer",
    r"(?:takes?|taken) (?:nothing|no messages|back)|(?:not|after it was|that were) taken?": "accept, cancel",
    r"\w+ (?:is|are) gone": "is removed; of a secret: is lost",
    r"(?:key|keys) (?:ends?|has ended)": "expire, revoke",
    r"the (?:override|rule) holds|how long it holds": "is in force",
    r"mend": "repair",
    r"forget": "delete, remove",
    r"lives(?: on)?": "is valid, still works",
    r"trial": "test",
    r"anew": "again",
    r"what came of": "how it ended",
    r"hand nothing over": "send nothing",
    r"sealed": "encrypted",
}
# Of a page of the documentation, what is not its prose: statements, the words that its search knows, tags and samples.
UNREAD = re.compile(
    r"\{%.*?%\}|\{\{.*?\}\}|<(code|samp|script|style)\b.*?</\1>|<[^>]+>|`[^`]*`|^```.*?^```", re.DOTALL | re.M
)
# Words to be typed as they are stay English; others were forgotten.
FORGOTTEN = re.compile(
    r"\b(?:the|and|with|from|this|that|not|your|message (?:is|was)|texts?|carriers?|command line)\b",
    re.IGNORECASE,
)
TYPED = re.compile(
    r"%\(\w+\)[sd]|\{\w[^{}]*\}|\bID: \S+|\"[^\"]*\"|\b(?:SMS Retriever|json \w+|text/\w+)\b|[\w.-]+://\S+"
)
# A thousand and more is grouped as `formats.number` does it; what is to be typed into a field stands as it is typed.
UNGROUPED = r"(?<!RFC )(?<![A-Za-z\d_./:+=-])\d{4,6}(?![\d:/-])"
MISGROUPED = {
    "fr": rf"(?<!exemple )(?<! ou ){UNGROUPED}|\d[ \u00a0]\d{{3}}(?!\d)",
    "ar": rf"(?<!مثل )(?<!أو ){UNGROUPED}|\d[ \u00a0\u202f,]\d{{3}}(?!\d)",
    "en": rf"{UNGROUPED}|\d[ \u00a0\u202f]\d{{3}}(?!\d)",
}
# Numbers of each of the six forms of the Arabic plural.
ARABIC_FORMS = ((0,), (1,), (2,), (3, 7, 10, 103, 110), (100, 101, 102, 200), (11, 20, 99, 111))
COUNTED = re.compile(r"(?:%\(num\)[sd])[^\w]+([\w\u064b-\u0652]+)")


def every_sentence_is_translated() -> Iterator[str]:
    for language in LANGUAGES:
        book = _catalogue(language)
        known = {(message.context, _id(message)): message for message in book if message.id}
        for context, sentence in sorted(_extracted() ^ known.keys(), key=str):
            where = f" ({context})" if context else ""
            yield f"{language}: {sentence!r}{where} is in one of code and catalogue only; run make translations"
        for (_, sentence), message in known.items():
            texts = _texts(message)
            if not all(texts) or message.fuzzy:
                yield f"{language}: {sentence!r} is not translated, or only guessed"
            if len(texts) != (1 if isinstance(message.id, str) else book.num_plurals):
                yield f"{language}: {sentence!r} has {len(texts)} forms"


def translations_keep_their_placeholders() -> Iterator[str]:
    for language in LANGUAGES:
        for message in _catalogue(language):
            if not message.id:
                continue
            plural = not isinstance(message.id, str)
            wanted = set(PLACEHOLDER.findall("".join(message.id)))
            allowed = [wanted, wanted - {"%(num)s", "%(num)d"}] if plural else [wanted]
            if not all(set(PLACEHOLDER.findall(text)) in allowed for text in _texts(message)):
                yield f"{language}: {_id(message)!r} has other placeholders than its original"


def french_follows_its_typography() -> Iterator[str]:
    for message in _catalogue("fr"):
        for text in _texts(message) if message.id else []:
            if MISSET.search(text.replace(r"ID: (\w+)", "")):
                yield f"fr: {text!r} has a straight apostrophe, or another space at a mark or a unit than it should"


def arabic_counts_as_its_grammar_does() -> Iterator[str]:
    """Form 3 (3 to 10) is the plural; 4 (100) and 5 (11 to 99) are the singular, whose accusative in form 5 ends in ـًا.

    Source: CLDR, plural rules of Arabic (zero, one, two, few, other, many).
    """
    book = _catalogue("ar")
    chosen = [[_plural_form(book, number) for number in numbers] for numbers in ARABIC_FORMS]
    if any(form != place for place, forms in enumerate(chosen) for form in forms):
        yield f"ar: the catalogue's rule chooses {chosen}"
    for message in book:
        if message.id and not isinstance(message.id, str):
            yield from _miscounted(_id(message), _texts(message))


def no_english_is_left() -> Iterator[str]:
    for language in LANGUAGES:
        for message in _catalogue(language):
            for text in _texts(message) if message.id else []:
                if found := FORGOTTEN.search(TYPED.sub("", text)):
                    yield f"{language}: {text!r} has the English {found[0]!r}"
                if language == "ar" and text == _id(message) and re.search(r"[a-z]{2}", text):
                    yield f"ar: {text!r} is not translated"


def one_word_stands_for_one_thing() -> Iterator[str]:
    for language in LANGUAGES:
        avoided = re.compile("|".join(rf"\b(?:{word})\b" for word in AVOIDED[language]), re.IGNORECASE)
        for where, text in _prose(language):
            for found in avoided.finditer(text):
                use = next(
                    use for word, use in AVOIDED[language].items() if re.fullmatch(word, found[0], re.IGNORECASE)
                )
                yield f"{language}: {where} says {found[0]!r}: use {use!r}"


def large_numbers_are_grouped() -> Iterator[str]:
    for language, misgrouped in MISGROUPED.items():
        for where, text in _prose(language):
            for found in re.finditer(misgrouped, text):
                yield f"{language}: {where} says {found[0]!r}: group it as the language does"


def commands_say_one_word_for_one_thing() -> Iterator[str]:
    """Help, questions, answers and errors of `chinqit`: a function's docstring is its help."""
    for path in sorted((ROOT / "dashboard" / "cli").glob("*.py")):
        tree = ast.parse(path.read_text())
        about = {id(node.body[0].value) for node in ast.walk(tree) if _has_no_help(node)}  # type: ignore[attr-defined]
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in about:
                for word, use in AVOIDED_BY_COMMANDS.items():
                    if found := re.search(rf"\b(?:{word})\b", node.value, re.IGNORECASE):
                        yield f"{path.name}:{node.lineno} says {found[0]!r}: use {use!r}"


def _has_no_help(node: ast.AST) -> bool:
    """Whether its docstring is for developers: it is no command."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) or ast.get_docstring(node) is None:
        return False
    return not any(
        "command" in ast.unparse(one) or "group" in ast.unparse(one) for one in getattr(node, "decorator_list", [])
    )


def _prose(language: str) -> Iterator[tuple[str, str]]:
    """All that people read in a language, and where it stands; of English, what is not translated from it."""
    if language in LANGUAGES:
        yield from _translated(language)
    for path in sorted((ROOT / "templates" / "docs" / language).rglob("*.html")):
        yield path.name, UNREAD.sub(" ", path.read_text())


def _translated(language: str) -> Iterator[tuple[str, str]]:
    for message in _catalogue(language):
        for text in _texts(message) if message.id else []:
            yield repr(_id(message)), text
    reference = json.loads((CATALOGUES / language / "reference.json").read_text())
    yield from ((f"the reference of {name}", UNREAD.sub(" ", texts[language])) for name, texts in reference.items())
    readme = ROOT / "deploy" / "readme" / f"README.{language}.md"
    yield readme.name, UNREAD.sub(" ", readme.read_text())


def _miscounted(sentence: str, texts: list[str]) -> Iterator[str]:
    few, hundred, many = ((COUNTED.findall(text) or [""])[0] for text in texts[3:6])
    if any("%(num)" in text for text in texts[:3]) or not all((few, hundred, many)):
        yield f"ar: {sentence!r} shows 0, 1 or 2 as a figure, or 3, 11 or 100 as none"
    elif many != (hundred if hundred.endswith("ة") else hundred + "ًا"):
        yield f"ar: {sentence!r} counts 100 {hundred} and 11 {many}"
    elif few in (hundred, many):
        yield f"ar: {sentence!r} counts 3 {few}, which is no plural"


def _plural_form(book: Catalog, number: int) -> int:
    return int(gettext.c2py(book.plural_expr)(number))


@cache
def _catalogue(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def _extracted() -> set[tuple[str | None, str]]:
    """The sentences of code and templates, each after its context."""
    with (CATALOGUES / "babel.cfg").open() as file:
        _, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    code = [(f"**/{floor}/**.py", "python") for floor in WORDED]
    drawn = {"**.html": options["templates/**.html"]}
    found = [
        *extract_from_dir(ROOT / "dashboard", code, {}, KEYWORDS),
        *extract_from_dir(ROOT / "templates", [("**.html", "jinja2")], drawn, KEYWORDS),
    ]
    return {(context, message if isinstance(message, str) else message[0]) for _, _, message, _, context in found}


def _id(message: Message) -> str:
    return str(message.id if isinstance(message.id, str) else message.id[0])


def _texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())
