"""The files pages are made of: what is vendored is what was written down, and an address names a file of the table or nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from adapters.chat.web.studio.files import STATIC, read_files
from tests.adapters.chat.web.web_house import a_web_house

VENDOR = STATIC / "vendor"


def test_htmx_is_shipped_as_it_was_published() -> None:
    """The hash beside the file is the file's, and the licence lies there too."""
    written = json.loads((VENDOR / "vendor.json").read_text())

    content = (VENDOR / written["file"]).read_bytes()

    assert written["sha384"] == f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"
    assert written["version"] in written["file"]
    assert b"sourceMappingURL" not in content
    assert "Zero-Clause BSD" in (VENDOR / written["licence_file"]).read_text()


def test_only_one_script_comes_from_elsewhere() -> None:
    """Whatever else lies in the folder for foreign files must be written down first."""
    written = json.loads((VENDOR / "vendor.json").read_text())

    assert {path.name for path in VENDOR.iterdir()} == {"vendor.json", written["file"], written["licence_file"]}


def test_our_scripts_write_no_markup() -> None:
    """What people wrote reaches the page as text only: no script of ours makes HTML of it, or runs it."""
    for path in STATIC.glob("*.js"):
        source = path.read_text()
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            ".style",
        ):
            assert word not in source, f"{path.name} says {word}"


def test_a_changed_file_has_another_address(tmp_path: Path) -> None:
    """One hash stands for all files, so that scripts that name each other are always of one version."""
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path / "b.js").write_text("b()")
    (tmp_path / "notes.txt").write_text("not served")
    before = read_files(tmp_path)

    (tmp_path / "b.js").write_text("c()")
    after = read_files(tmp_path)

    assert set(before) == {"a.css", "b.js"}
    assert before["a.css"].digest == before["b.js"].digest != after["a.css"].digest


async def test_files_are_served_for_ever_and_with_their_kind(tmp_path: Path) -> None:
    """An address that changes with the content may be kept as long as a browser likes; nobody signs in for it."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        for file in read_files().values():
            answer = await web.client.get(file.url)
            assert answer.status_code == 200
            assert answer.content == file.content
            assert answer.headers["content-type"] == file.kind
            assert "immutable" in answer.headers["cache-control"]


async def test_a_path_is_looked_up_and_never_opened(tmp_path: Path) -> None:
    """Nothing outside the table can be named, however it is written."""
    digest = next(iter(read_files().values())).digest
    paths = (
        "../files.py", "..%2ffiles.py", "vendor/../../files.py", "%2e%2e/files.py", "vendor/vendor.json", "nothing.css", "",
    )  # fmt: skip
    async with a_web_house(tmp_path) as web:
        for path in paths:
            answer = await web.client.get(f"/static/{digest}/{path}", follow_redirects=True)

            assert answer.status_code == 404, path
            assert "import" not in answer.text


async def test_an_old_address_is_gone(tmp_path: Path) -> None:
    """A page of an earlier version gets no file of this one by mistake."""
    async with a_web_house(tmp_path) as web:
        assert (await web.client.get("/static/000000000000/studio.css")).status_code == 404
