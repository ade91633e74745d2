"""Where the files that are not Python lie: templates, static files, migrations, translations, gunicorn's settings."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent  # the folder that holds dashboard/, jobs/ and wsgi.py: the checkout, or site-packages


def resource(name: str) -> Path:
    """The path of a file or folder, named as in the checkout without `dashboard/`; raise FileNotFoundError.

    A wheel brings templates/, static/ and deploy/ inside the package (pyproject.toml, force-include); in a checkout
    they lie beside it. Jinja, Flask and Alembic read real files, so this gives a path and no `Traversable`.
    """
    for path in (PACKAGE / name, ROOT / name):
        if path.exists():
            return path
    raise FileNotFoundError(f"This installation of chinqit lacks {name}.")
