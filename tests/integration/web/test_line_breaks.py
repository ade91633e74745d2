"""How line breaks in templates are read."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, Environment, UndefinedError

from dashboard.pages.web.line_breaks import LineBreaks

TO = "{% macro to(name) %}<a>{{ caller() }}</a>{% endmacro %}<p>"


def render(text: str, name: str = "page.html") -> str:
    loader = DictLoader({name: text})
    environment = Environment(loader=loader, extensions=[LineBreaks], autoescape=True, trim_blocks=True)
    return environment.get_template(name).render(x="X")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<b>1</b>\n  <i>2</i>", "<b>1</b><i>2</i>"),
        ("<p>\n  a\n  b\n</p>", "<p>a\n  b</p>"),
        ("<p>\n  {{ x }}\n  {{ x }}\n</p>", "<p>XX</p>"),
        ('<p>a{{ " " }}\n  <b>b</b></p>', "<p>a <b>b</b></p>"),
        ("<p>{% if x %}\n  a\n  {% endif %}\n</p>", "<p>a</p>"),
        ('<a href="1"\n   class="2">', '<a href="1" class="2">'),
        ('<a href="1"{% if x > "A" %}\n     class="{{ x }}"{% endif %}>', '<a href="1" class="X">'),
        ("{{ {\n  'a': x\n}['a'] }}", "X"),
        ("{# <b>\n</b> #}<b>1</b>", "<b>1</b>"),
    ],
)
def test_a_line_break_is_a_space_between_words_and_attributes_alone(written: str, read: str) -> None:
    assert render(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<p>avec\n<code>email</code></p>", "<p>avec <code>email</code></p>"),
        ("<p>la page\n<i>Routes</i>\ndit</p>", "<p>la page <i>Routes</i> dit</p>"),
        ('<p>côté\xa0:\n  <a href="/x">x</a>\nest</p>', '<p>côté\xa0: <a href="/x">x</a> est</p>'),
        ("<p>\n<b>1</b>\n</p>\n<p>2</p>", "<p><b>1</b></p><p>2</p>"),
        (f"{TO}voir\n{{% call to('x') %}}x{{% endcall %}}\net</p>", "<p>voir <a>x</a> et</p>"),
        ("<b>1</b>\n<i>2</i>", "<b>1</b><i>2</i>"),
        ("a\n<article>b</article>\nc", "a<article>b</article>c"),
        ("{{ {\n'a': '1\n<b>'}['a'] | length }}", "5"),
    ],
)
def test_in_the_documentation_a_tag_beside_a_word_is_a_word(written: str, read: str) -> None:
    assert render(written, "docs/fr/page.html") == read


def test_what_is_no_page_is_left_as_it_is() -> None:
    assert render("<b>\n</b>", "verify.php") == "<b>\n</b>"


def test_an_error_names_its_line() -> None:
    with pytest.raises(UndefinedError) as caught:
        render('<p>\n  <b\n    id="1">\n  a\n  </b>\n{{ nothing.at_all }}\n</p>')
    assert 6 in [entry.lineno + 1 for entry in caught.traceback if "template" in str(entry.name)]
