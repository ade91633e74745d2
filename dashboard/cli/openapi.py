"""Write the description of the API."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from dashboard.cli.core import example
from dashboard.resources import PACKAGE
from dashboard.settings import Settings

UNUSED = "-" * 32  # no secret: the document holds nothing of an installation


@click.command(epilog=example("chinqit openapi"))
def openapi() -> None:
    """Write openapi.json again; for people who change the API."""
    file = PACKAGE / "openapi.json"
    file.write_text(made(), encoding="utf-8")
    click.echo(file)


def made() -> str:
    """The text of openapi.json, as the endpoints are now."""
    from dashboard.api.openapi import document  # no other command needs the web's modules
    from dashboard.app import create_app

    with TemporaryDirectory() as home:
        settings = Settings(
            chinqit_home=Path(home),
            database_url=f"sqlite:///{home}/none.db",
            redis_url="unix:///none",
            secret_key=UNUSED,
            otp_secret=UNUSED,
            data_secret=UNUSED,
        )
        return document.text(create_app(settings))
