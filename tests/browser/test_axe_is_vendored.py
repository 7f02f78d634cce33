"""The rules of accessibility that come along for the tests are the ones that were published."""

from __future__ import annotations

import base64
import hashlib
import json

from tests.browser.axe import FOLDER


def test_axe_is_what_was_published() -> None:
    """The hash written beside the file is the file's; its licence lies there, and stands in NOTICE."""
    written = json.loads((FOLDER / "vendor.json").read_text())

    content = (FOLDER / written["file"]).read_bytes()

    assert written["sha256"] == f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"
    assert f"axe v{written['version']}".encode() in content[:40]
    assert "Mozilla Public License" in (FOLDER / written["licence_file"]).read_text()
    assert "tests/assets/axe-core" in (FOLDER.parents[2] / "NOTICE").read_text()
