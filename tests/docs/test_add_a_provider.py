"""The provider of the guide is a provider: it passes the suite that every provider passes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from tests.conformance.provider_suite import ProviderBench, ProviderSuite
from tests.factories import an_asset

pytestmark = pytest.mark.media

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "add-a-provider.md"


class GuideBench(ProviderBench):
    def __init__(self, folder: Path) -> None:
        picture = folder / "picture.jpg"
        Image.new("RGB", (320, 180), "teal").save(picture)

        async def locate(asset_id: str) -> Path:
            return picture

        source = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1]
        module = {}
        exec(compile(source, str(GUIDE), "exec"), module)
        self.provider = module["build"](SimpleNamespace(data_dir=folder, locate=locate))
        self.asset = an_asset(size_bytes=picture.stat().st_size)

    async def fetch(self, url: str, into: Path) -> None:
        shutil.copyfile(unquote(urlsplit(url).path), into)

    def is_clip(self, path: Path) -> bool:
        return path.read_bytes()[4:8] == b"ftyp"


class TestTheProviderOfTheGuide(ProviderSuite):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> ProviderBench:
        return GuideBench(tmp_path)
