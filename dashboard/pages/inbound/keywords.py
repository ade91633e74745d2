"""Keywords: words that phones send alone, what they mean, and what is answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.extensions import session
from dashboard.gateway.inbound import keywords
from dashboard.gateway.inbound.keywords import (
    AlreadyChanged,
    AnswerIsKeyword,
    AnswerTooLong,
    NotAWord,
    TooManyRules,
    WordRule,
    WordTaken,
)
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import Form, LinesField, Sentence
from dashboard.pages.web import access, audited, htmx, locale, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.sms import encoding
from dashboard.vocabulary import Keyword, Language, Role

LONGEST_ANSWER = 1_000  # characters that are read; the rules say how much may be saved
UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029\ud800-\udfff]")
ORDER = (Language.FRENCH, Language.ARABIC, Language.ENGLISH)
NAMES = {
    Keyword.STOP: _l("Opt-out"),
    Keyword.START: _l("Opt-in"),
    Keyword.HELP: _l("Help"),
    Keyword.REPLY: _l("Answer alone"),
}
DOES = {
    Keyword.STOP: _l("The number is put on the list of opt-outs of all keys, and its texts that wait are cancelled."),
    Keyword.START: _l("The number is taken off the list of opt-outs."),
    Keyword.HELP: _l("Only the answer is sent."),
    Keyword.REPLY: _l("Only the answer is sent."),
}

UNDO = "keywords"

bp = Blueprint("keywords", __name__)


def _words(text: str) -> tuple[str, ...]:
    """One a line; raise Fault."""
    words = tuple(dict.fromkeys(" ".join(line.split()) for line in text.splitlines() if line.strip()))
    if len(words) > keywords.MOST_WORDS:
        raise Fault(_("Most words of a language: %(most)d.", most=keywords.MOST_WORDS))
    return words


def _answer(text: str) -> str:
    """The text of an SMS, or nothing; raise Fault."""
    answer = text.replace("\r\n", "\n").strip()
    if len(answer) > LONGEST_ANSWER:
        raise Fault(_("The text is too long."))
    if UNPRINTABLE.search(answer):
        raise Fault(_("The text holds a control character or one that cannot be seen. Type it again by hand."))
    return answer


def _field(label: Sentence, language: Language, parse: Callable[[str], Any], rows: int, **more: Any) -> LinesField:
    looks = {"lang": language, "dir": locale.direction(language), "autocomplete": "off", "class": "prose"}
    return LinesField(label, parse, optional=parse is _answer, render_kw={"rows": rows, **looks, **more})


class KeywordForm(Form):
    """Words and answers, a pair a language."""

    words_fr = _field(_l("Words in French"), Language.FRENCH, _words, 5)
    answer_fr = _field(_l("Answer in French"), Language.FRENCH, _answer, 5)
    words_ar = _field(_l("Words in Arabic"), Language.ARABIC, _words, 5)
    answer_ar = _field(_l("Answer in Arabic"), Language.ARABIC, _answer, 5)
    words_en = _field(_l("Words in English"), Language.ENGLISH, _words, 3)
    answer_en = _field(_l("Answer in English"), Language.ENGLISH, _answer, 3)

    def __init__(self, rule: WordRule) -> None:
        words = {f"words_{language}": "\n".join(rule.words.get(language, ())) for language in ORDER}
        super().__init__(data=words | {f"answer_{language}": rule.answers.get(language, "") for language in ORDER})
        self.rule = rule

    @property
    def wanted(self) -> WordRule:
        """The rule as it was typed."""
        words = {language: self[f"words_{language}"].data for language in ORDER}
        answers = {language: text for language in ORDER if (text := self[f"answer_{language}"].data)}
        return WordRule(self.rule.keyword, words, answers, self.rule.id)

    def validate(self, extra_validators: Any = None) -> bool:
        """Also whether there is a word, and for a rule that does nothing else an answer."""
        is_right = super().validate(extra_validators)
        if is_right and not any(self.wanted.words.values()):
            self.blame("words_fr", _("Enter at least one word."))
        elif is_right and self.rule.is_own and not self.wanted.answers:
            self.blame("answer_fr", _("Enter an answer in at least one language."))
        return is_right and not self.faults


@bp.get("/")
def index() -> ResponseReturnValue:
    """The rules as they hold."""
    return htmx.page("inbound/keywords.html", "inbound/_keywords.html", **_listing())


@bp.get("/new")
@access.needs(Role.OPERATOR)
def new() -> ResponseReturnValue:
    return _form(KeywordForm(WordRule(Keyword.REPLY, {})))


@bp.post("/new")
@access.needs(Role.OPERATOR)
def create() -> ResponseReturnValue:
    """Add words that are answered."""
    return _save(KeywordForm(WordRule(Keyword.REPLY, {})))


@bp.get("/<subject>/edit")
@access.needs(Role.OPERATOR)
def edit(subject: str) -> ResponseReturnValue:
    return _form(KeywordForm(_rule(subject)))


@bp.post("/<subject>/edit")
@access.needs(Role.OPERATOR)
def change(subject: str) -> ResponseReturnValue:
    """Change the words of a rule, or its answers."""
    return _save(KeywordForm(_rule(subject)))


@bp.get("/<subject>/remove")
@access.needs(Role.OPERATOR)
def ask_remove(subject: str) -> ResponseReturnValue:
    rule = _rule(subject)
    default = keywords.DEFAULTS.get(rule.keyword, {})
    return htmx.dialog("inbound/_remove_keyword.html", page_title=_("Keywords"), rule=rule, default=default, **_names())


@bp.post("/<subject>/remove")
@access.needs(Role.OPERATOR)
def remove(subject: str) -> ResponseReturnValue:
    """Remove a rule, or let it stand by default again."""
    rule = _rule(subject)
    back = undo.undo(url_for(".restore"), UNDO, asdict(rule)) if keywords.remove(session, rule) else None
    audited.record("keywords.remove", rule.keyword, words=(_told(rule), None))
    session.commit()
    return _changed(_("Keywords removed") if rule.is_own else _("The usual words hold again"), back)


@bp.post("/restore")
@access.needs(Role.OPERATOR)
def restore() -> ResponseReturnValue:
    """Let a rule hold again that was removed a moment ago, unless another has its words or its place."""
    before = undo.taken_back(UNDO)
    rule = WordRule(**before | {"keyword": Keyword(before["keyword"])})
    try:
        saved = keywords.put_back(session, rule, current_user.email)
    except (AlreadyChanged, NotAWord, AnswerIsKeyword, TooManyRules):
        session.rollback()
        return htmx.refused(_("There is a rule with one of these words, or in its place, already."), url_for(".index"))
    audited.record("keywords.save", saved.keyword, words=(None, _told(saved)), answers=(None, _answers(saved)))
    session.commit()
    return _changed(_("Keywords restored"))


def _save(form: KeywordForm) -> ResponseReturnValue:
    if not form.validate():
        return _form(form, form.status)
    try:
        saved = keywords.save(session, form.wanted, current_user.email)
    except (NotAWord, AnswerIsKeyword, TooManyRules) as fault:
        session.rollback()
        _blame(form, fault)
        return _form(form, 422)
    before, after = form.rule, saved
    words = _told(before) or None, _told(after)
    audited.record("keywords.save", saved.keyword, words=words, answers=(_answers(before), _answers(after)))
    session.commit()
    return _changed(_("Keywords saved"))


def _blame(form: KeywordForm, fault: NotAWord | AnswerIsKeyword | TooManyRules) -> None:
    match fault:
        case WordTaken(language=language, word=word):
            form.blame(f"words_{language}", _("This word is known already: %(word)s", word=word))
        case NotAWord(language=language, word=word):
            most = keywords.LONGEST
            form.blame(
                f"words_{language}",
                _("Letters or digits, at most %(most)d characters: %(word)s", most=most, word=word[:most]),
            )
        case AnswerTooLong(language=language):
            form.blame(f"answer_{language}", _("At most %(most)d segments.", most=keywords.MOST_SEGMENTS))
        case AnswerIsKeyword(language=language):
            form.blame(f"answer_{language}", _("An answer may not be a keyword itself: two machines would never stop."))
        case TooManyRules():
            form.blame("words_fr", _("There are %(most)d rules, which is the most.", most=keywords.MOST_RULES))


def _changed(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("keywords", "inbound/_keywords.html", _listing()), back)


def _listing() -> dict[str, Any]:
    rules = keywords.rules(session)
    segments = {text: encoding.shape(text).segments for rule in rules for text in rule.answers.values()}
    return {"rules": rules, "segments": segments, "may_change": current_user.may(Role.OPERATOR), **_names()}


def _names() -> dict[str, Any]:
    return {"names": NAMES, "does": DOES, "order": ORDER, "language_names": locale.LANGUAGES, "subject_of": _subject}


def _subject(rule: WordRule) -> str:
    """A rule in an address."""
    return str(rule.id) if rule.is_own else rule.keyword


def _rule(subject: str) -> WordRule:
    return next((rule for rule in keywords.rules(session) if _subject(rule) == subject), None) or abort(404)


def _told(rule: WordRule) -> str:
    return ", ".join(word for _language, word in rule.all_words())


def _answers(rule: WordRule) -> str | None:
    return " · ".join(rule.answers.values()) or None


def _form(form: KeywordForm, status: int = 200) -> ResponseReturnValue:
    subject = None if form.rule.is_own and form.rule.id is None else _subject(form.rule)
    context = {"form": form, "subject": subject, "rule": form.rule, **_names()}
    return htmx.dialog("inbound/_keyword_form.html", status, page_title=_("Keywords"), **context)
