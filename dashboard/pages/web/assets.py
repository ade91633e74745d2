"""Static files: each address bears a hash of the content, so that browsers may keep it for good.

Style sheets are written by part and served as one, so that a page waits for one request. Scripts are modules that
import each other by relative addresses, which a query does not reach: the hash of all is a folder of their address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache as remember
from pathlib import Path

from flask import Flask, Response, abort, current_app, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue

FOREVER = "public, max-age=31536000, immutable"
HASH_LENGTH = 10
SHEETS = {  # what each is made of, in the order of the cascade
    "site": ("base.css", "layout.css", "components/*.css", "pages/*.css", "utilities.css"),
    "docs": ("docs/*.css",),
}
ENTRIES = ("main", "charts", "samples")  # modules that pages ask for; the others are imported by main


def register(app: Flask) -> None:
    """Serve the sheets and modules, and give templates the functions that name them."""
    app.add_url_rule("/static/css/<name>.css", "style_sheet", _send_sheet)
    app.add_url_rule("/static/js/<version>/<name>.js", "module", _send_module)
    helpers = {"asset": asset, "style_sheet": style_sheet, "module": module, "imported_modules": imported_modules}
    app.jinja_env.globals.update(helpers)


def asset(name: str) -> str:
    """The address of a file under static/."""
    return url_for("static", filename=name, v=_hash_of(_static(name)))


def style_sheet(name: str) -> str:
    """The address of a style sheet, of those in SHEETS."""
    return url_for("style_sheet", name=name, v=_hash_of(*_parts(name)))


def module(name: str) -> str:
    """The address of a module, of those in ENTRIES."""
    return url_for("module", version=_hash_of(*_scripts()), name=name)


def imported_modules() -> list[str]:
    """The addresses of what main.js imports, itself or through another, for a browser to fetch all at once."""
    scripts = _scripts()
    version = _hash_of(*scripts)
    return [url_for("module", version=version, name=path.stem) for path in scripts if path.stem not in ENTRIES]


def cached(view: Callable[..., Response]) -> Callable[..., Response]:
    """The view of static files, which lets browsers keep a file for good that was asked for by its hash."""

    def send(filename: str) -> Response:
        response = view(filename=filename)
        response.headers["X-Content-Type-Options"] = "nosniff"
        if _is_current():
            response.headers["Cache-Control"] = FOREVER
        return response

    return send


def _is_current() -> bool:
    args = request.view_args or {}
    if request.endpoint == "module":
        return bool(args["version"] == _hash_of(*_scripts()))
    given = request.args.get("v")
    files = _parts(args["name"]) if request.endpoint == "style_sheet" else [_static(args["filename"])]
    return given is not None and given == _hash_of(*files)


def _send_sheet(name: str) -> ResponseReturnValue:
    if name not in SHEETS:
        abort(404)
    response = Response(b"".join(path.read_bytes() for path in _parts(name)), mimetype="text/css")
    response.set_etag(_hash_of(*_parts(name)))
    response.cache_control.no_cache = True
    return response.make_conditional(request)


def _send_module(version: str, name: str) -> ResponseReturnValue:
    return send_from_directory(_static("js"), f"{name}.js")


def _static(name: str) -> Path:
    return Path(current_app.static_folder or "", name)


def _parts(sheet: str) -> list[Path]:
    return [path for pattern in SHEETS[sheet] for path in sorted(_static("css").glob(pattern))]


def _scripts() -> list[Path]:
    return sorted(_static("js").glob("*.js"))


def _hash_of(*files: Path) -> str:
    return _digest(tuple((path, path.stat().st_mtime_ns) for path in files))


@remember
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    content = hashlib.sha256()
    for path, _changed in files:
        content.update(path.read_bytes())
    return content.hexdigest()[:HASH_LENGTH]
