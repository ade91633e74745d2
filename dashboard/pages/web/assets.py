"""Static files: each address bears a hash of the content, so that browsers may keep it for good.

Style sheets and scripts are written by part and served as one, so that a page waits for one request of each kind.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache as remember
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, current_app, g, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.pages.web import compression

FOREVER = "public, max-age=31536000, immutable"
HASH_LENGTH = 10
SHEETS = {  # what each is made of, in the order of the cascade
    "site": ("base.css", "layout.css", "components/*.css", "pages/*.css", "utilities.css"),
    "docs": ("docs/*.css",),
}
SCRIPTS = ("main", "charts", "samples")  # the modules that pages ask for; each is served with what it imports
IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)


def register(app: Flask) -> None:
    """Serve the sheets and scripts, and give templates the functions that name them."""
    app.add_url_rule("/static/css/<name>.css", "style_sheet", cached(_send_style_sheet))
    app.add_url_rule("/static/js/<name>.js", "script", cached(_send_script))
    app.jinja_env.globals.update(asset=asset, style_sheet=style_sheet, script=script)


def asset(name: str) -> str:
    """The address of a file under static/. Looked up once a request: a page names its icons' file dozens of times."""
    known: dict[str, str] = g.setdefault("assets", {})
    if name not in known:
        known[name] = url_for("static", filename=name, v=_hash_of(_static(name)))
    return known[name]


def style_sheet(name: str) -> str:
    """The address of a style sheet, of those in SHEETS."""
    return url_for("style_sheet", name=name, v=_hash_of(*_parts(name)))


def script(name: str) -> str:
    """The address of a script, of those in SCRIPTS."""
    return url_for("script", name=name, v=_hash_of(*_modules()))


def cached(view: Callable[..., Any]) -> Callable[..., Response]:
    """A view of static files, which lets browsers keep a file for good that was asked for by its hash."""

    def send(**args: str) -> Response:
        response = current_app.make_response(view(**args))
        response.headers["X-Content-Type-Options"] = "nosniff"
        compression.compress_file(response)
        if _is_current():
            response.headers["Cache-Control"] = FOREVER
        return response

    return send


def _is_current() -> bool:
    args = request.view_args or {}
    if request.endpoint == "style_sheet":
        files = _parts(args["name"])
    elif request.endpoint == "script":
        files = _modules()
    else:
        files = [_static(args["filename"])]
    return request.args.get("v") == _hash_of(*files)


def _send_style_sheet(name: str) -> ResponseReturnValue:
    if name not in SHEETS:
        abort(404)
    content = b"".join(path.read_bytes() for path in _parts(name))
    return _send(content, "text/css", _hash_of(*_parts(name)))


def _send_script(name: str) -> ResponseReturnValue:
    if name not in SCRIPTS:
        abort(404)
    content = "".join(_without_imports(path) for path in _imported(name))
    return _send(content.encode(), "text/javascript", _hash_of(*_modules()))


def _send(content: bytes, mimetype: str, etag: str) -> ResponseReturnValue:
    response = Response(content, mimetype=mimetype)
    response.set_etag(etag)
    response.cache_control.no_cache = True
    response.make_conditional(request)
    return response


def _imported(name: str) -> list[Path]:
    """A module after all that it imports, itself or through another: the order in which a browser would run them."""
    path = _static(f"js/{name}.js")
    earlier = [other for other_name in IMPORT.findall(path.read_text()) for other in _imported(other_name)]
    return list(dict.fromkeys([*earlier, path]))


def _without_imports(path: Path) -> str:
    """A module's text for one scope that it shares with what it imports."""
    return EXPORT.sub("", IMPORT.sub("", path.read_text()))


def _static(name: str) -> Path:
    return Path(current_app.static_folder or "", name)


def _parts(sheet: str) -> list[Path]:
    return [path for pattern in SHEETS[sheet] for path in sorted(_static("css").glob(pattern))]


def _modules() -> list[Path]:
    return sorted(_static("js").glob("*.js"))


def _hash_of(*files: Path) -> str:
    return _digest(tuple((path, path.stat().st_mtime_ns) for path in files))


@remember
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    content = hashlib.sha256()
    for path, _changed in files:
        content.update(path.read_bytes())
    return content.hexdigest()[:HASH_LENGTH]
