"""Options whose choices are the words of the vocabulary."""

from __future__ import annotations

import click
import pytest
from click import Context

from dashboard.cli.registry import main
from dashboard.vocabulary import Channel, Lane, Role, Scope


@pytest.mark.parametrize(
    ("command", "name", "words"),
    [
        ("keys create", "scopes", Scope),
        ("users create", "role", Role),
        ("worker", "lane", Lane),
        ("routes set", "channel", Channel),
        ("routes explain", "channel", Channel),
    ],
)
def test_a_choice_takes_the_values_of_its_enum(command: str, name: str, words: type[Role]) -> None:
    target: click.Command = main
    for part in command.split():
        assert isinstance(target, click.Group)
        target = target.commands[part]
    option = next(param for param in target.params if param.name == name)
    for word in words:
        assert option.type.convert(word.value, option, Context(target)) == word
