"""What a toast of the pages offers."""

from __future__ import annotations

import re
from html import unescape


def offered(toast: str) -> tuple[str, dict[str, str]]:
    """The form that takes an act back: its address and fields."""
    form = toast.split("<form")[1].split("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', form))
    del fields["csrf_token"]
    return re.findall(r'action="([^"]+)"', form)[0], {name: unescape(value) for name, value in fields.items()}
