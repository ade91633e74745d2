"""Answers in gzip, for browsers that take it (RFC 9110, 8.4.1).

Compression lets whoever sees the length of answers guess a secret in them, if they can also choose a text that stands
beside it: BREACH, breachattack.com. Pages hold form tokens and numbers beside what was searched for. So a page is
compressed only when the browser says that no other site asked for it (Sec-Fetch-Site, which scripts cannot set), and
its length is blurred by a random name in gzip's header. Without TLS there is no length to guess from: all can be read,
and browsers leave that header out. Files hold no secret.
"""

from __future__ import annotations

import gzip
import io
import secrets
from functools import lru_cache

from flask import Response, request

from dashboard.extensions import services

LEAST_BYTES = 1_000  # below, headers and frames outweigh what is saved
PAGE_LEVEL = 5
BLUR_BYTES = 100
OWN_SITES = ("same-origin", "none")  # none: typed, or opened from a bookmark
TEXTS = ("text/", "image/svg+xml")


def compress_page(response: Response) -> Response:
    """Compress a page, unless another site asked for it. What is streamed, or is no text, stays as it is."""
    response.vary.add("Accept-Encoding")
    if _is_ours() and _takes_gzip(response):
        body = io.BytesIO()
        blur = "-" * secrets.randbelow(BLUR_BYTES)
        with gzip.GzipFile(blur, "wb", PAGE_LEVEL, body, mtime=0) as file:
            file.write(response.get_data())
        _replace(response, body.getvalue())
    return response


def compress_file(response: Response) -> Response:
    """Compress a static file; each is compressed once in a process."""
    response.vary.add("Accept-Encoding")
    if not (response.mimetype or "").startswith(TEXTS):  # fonts are compressed already
        return response
    response.direct_passthrough = False
    response.make_sequence()
    if _takes_gzip(response):
        _replace(response, _best(response.get_data()))
    return response


def _is_ours() -> bool:
    asked_from = request.headers.get("Sec-Fetch-Site")
    if asked_from is None:
        return not (request.is_secure or services().settings.secure)
    return asked_from in OWN_SITES


def _takes_gzip(response: Response) -> bool:
    return (
        response.status_code == 200
        and not response.is_streamed
        and (response.mimetype or "").startswith(TEXTS)
        and "Content-Encoding" not in response.headers
        and request.accept_encodings["gzip"] > 0
        and len(response.get_data()) >= LEAST_BYTES
    )


def _replace(response: Response, body: bytes) -> None:
    response.set_data(body)
    response.headers["Content-Encoding"] = "gzip"
    etag, _is_weak = response.get_etag()
    if etag:
        response.set_etag(etag, weak=True)  # the same content in other bytes: RFC 9110, 8.8.1


@lru_cache(maxsize=64)
def _best(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)
