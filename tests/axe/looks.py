"""A page as everybody may see it: in both widths and both schemes, judged by every rule of axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from playwright.sync_api import Page

from tests.support.browser import AXE_OPTIONS, EVERY_RULE, FAULTS, NARROW, TOO_WIDE, WIDE

SCHEMES = ("light", "dark")
ACCEPTED_STATUS = re.compile(
    r"status of 4\d\d|net::ERR_FAILED|Failed to fetch"
)  # what the console says of refusals and silence that are meant


@dataclass
class Judge:
    """Looks at a page without loading it again; what the console says in between counts as a fault."""

    page: Page
    shells: set[str] = field(default_factory=set)  # the looks in which the menu and the top were judged
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", lambda message: self._hear(message.type, message.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not ACCEPTED_STATUS.search(text):
            self.said.append(text)

    def faults(self) -> list[str]:
        """What is wrong with the page as it is, each with the look that it was seen in."""
        found = list(self._in_every_look())
        found += [f"console: {line}" for line in self.said]
        self.said.clear()
        return found

    def _in_every_look(self) -> Iterator[str]:
        for viewport in (WIDE, NARROW):
            self.page.set_viewport_size(viewport)
            for scheme in SCHEMES:
                look = f"{scheme}, {viewport['width']} wide"
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # a Literal
                options = AXE_OPTIONS | {"runOnly": EVERY_RULE}
                broken, has_shell = self.page.evaluate(FAULTS, [options, look in self.shells])
                if has_shell:
                    self.shells.add(look)
                yield from (f"{look}: {fault}" for fault in broken)
            yield from (f"{viewport['width']} wide: {fault}" for fault in self.page.evaluate(TOO_WIDE))
        self.page.set_viewport_size(WIDE)
