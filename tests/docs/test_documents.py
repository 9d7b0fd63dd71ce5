"""The documents are held to the code: links, settings, commands."""

import re
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from hub import cli
from hub.settings import HubSettings

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/**/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page is a file of the tree."""
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_settings_page_shows_every_default() -> None:
    """The TOML block of docs/settings.md is exactly what the hub takes when no file is given."""
    block = re.search(
        r"```toml\n(.*?)```", (ROOT / "docs/settings.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert block is not None
    shown = tomllib.loads(block[1])
    defaults = asdict(HubSettings())
    defaults["hub"]["data"] = str(defaults["hub"]["data"])
    defaults["hub"]["names"] = list(defaults["hub"]["names"])
    defaults["notify"]["allow_private"] = list(defaults["notify"]["allow_private"])
    assert shown == defaults


def test_make_targets_of_the_documents_exist() -> None:
    """Every `make` target that a page names stands in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            for target in re.findall(r"(?:^|`)make ([a-z-]+)", line):
                assert target in targets, f"{page.name}: make {target}"


def test_commands_of_the_readme_are_understood() -> None:
    """Every `printwarden` command line of the README is parsed by the command line itself."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\.venv/bin/printwarden (.+?)(?:\s+#.*)?$", text, re.MULTILINE)
    assert lines
    parser = cli._parser(lambda hub: None)
    for line in lines:
        words = [word.strip('"') for word in re.findall(r'"[^"]+"|\S+', line)]
        assert callable(parser.parse_args(words).run)
