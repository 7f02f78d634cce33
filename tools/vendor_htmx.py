"""Copies htmx from its unpacked npm package into the studio, byte for byte, and writes down what lies there.

    python -m tools.vendor_htmx path/to/package

`npm pack htmx.org` makes the archive; a test compares what is written down with what is shipped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "adapters/chat/web/studio/static/vendor"
LICENCE = "htmx-LICENSE.txt"


def vendor(package: Path) -> Path:
    """Replace the shipped htmx by this package's; returns the file."""
    version = json.loads((package / "package.json").read_text())["version"]
    for old in VENDOR.glob("htmx-*.min.js"):
        old.unlink()
    script = VENDOR / f"htmx-{version}.min.js"
    script.write_bytes((package / "dist/htmx.min.js").read_bytes())
    (VENDOR / LICENCE).write_bytes((package / "LICENSE").read_bytes())
    written = {
        "name": "htmx.org",
        "version": version,
        "file": script.name,
        "sha384": sha384(script.read_bytes()),
        "licence": "0BSD",
        "licence_file": LICENCE,
        "source": "https://github.com/bigskysoftware/htmx",
    }
    (VENDOR / "vendor.json").write_text(json.dumps(written, indent=2) + "\n")
    return script


def sha384(content: bytes) -> str:
    """As Subresource Integrity writes it."""
    return f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"


if __name__ == "__main__":
    print(vendor(Path(sys.argv[1])))
