"""How much a browser that comes for the first time fetches for each page, in each language.

python -m tests.bench.first_load [ROWS]      (messages; 2000)
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dashboard.app import create_app
from dashboard.cli import migrate
from dashboard.extensions import db
from dashboard.pages.registry import PAGES
from dashboard.settings import Settings, prepare_home
from tests.bench.pages import fill, sign_in
from tests.support import first_load

DEMAND_KB = {"fr": 120, "en": 120, "ar": 150}
URLS = [f"/dashboard{page.url}/" for page in PAGES if page.blueprint.name != "manual"]


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="chinqit-bench-") as folder:
        home = Path(folder) / "home"
        prepare_home(home)
        settings = Settings.from_env({"CHINQIT_HOME": str(home)})
        migrate.upgrade(settings)
        app = create_app(settings)
        fill(settings, rows)
        client = app.test_client()
        print(f"{'first load, kB (of it the page itself)':42}" + "".join(f"{language:>16}" for language in DEMAND_KB))
        _print(
            "Sign in", {language: first_load.measure(client, "/dashboard/sign-in", language) for language in DEMAND_KB}
        )
        sign_in(client)
        for url in URLS:
            _print(url, {language: first_load.measure(client, url, language) for language in DEMAND_KB})
        with app.app_context():
            db.engine.dispose()
    print(f"\nDemand: {DEMAND_KB}")


def _print(name: str, loads: dict[str, first_load.FirstLoad]) -> None:
    shown = (
        f"{load.bytes / 1_000:8.1f} ({load.page / 1_000:4.1f})"
        + (" !" if load.bytes > DEMAND_KB[language] * 1_000 else "")
        for language, load in loads.items()
    )
    print(f"{name:42}" + "".join(f"{figure:>16}" for figure in shown))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
