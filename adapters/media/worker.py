"""The process that decodes: `python -m adapters.media.worker OPERATION TASK`, where TASK is JSON.

With a TASK that names no `arguments` it loads what the operation needs, and reads them as one line of stdin: what had to be
loaded is then not waited for. It still does one thing, and ends.

Says one line of JSON on stdout: `{"answer": …}` or `{"error": "bad_input" | "disk_full" | "memory", "message": …}`.
The message also comes as `packed`, and so do the `changes` of an answer: they can be said in any language.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
from typing import Any

from adapters.media.processes import confine, hold_lifeline

# Named, not imported: each operation pays only for the libraries it needs.
OPERATIONS = {
    "prepare_image": ("adapters.media.images", "prepare"),
    "prepare_audio": ("adapters.media.audio", "prepare_audio"),
    "probe": ("adapters.media.video", "probe"),
    "poster": ("adapters.media.video", "poster"),
    "last_frame": ("adapters.media.clips", "last_frame"),
    "contact_sheet": ("adapters.media.clips", "contact_sheet"),
    "remux": ("adapters.media.clips", "remux"),
    "mux_audio": ("adapters.media.clips", "mux_audio"),
    "fit": ("adapters.media.fitting", "fit"),
    "loop": ("adapters.media.looping", "looped"),
    "join": ("adapters.media.joining", "join"),
}


def main(operation: str, task: str) -> int:
    """Do one operation; returns the exit status."""
    # Codecs print where they like; the real stdout is kept for our one line.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    wish = json.loads(task)
    is_standby = "arguments" not in wish
    # Somebody waits for what was made ready: it steps back for nobody. What nobody waits for lets everything else go first.
    niceness = 0 if is_standby else 10
    confine(memory_bytes=wish["memory_bytes"], cpu_s=wish["cpu_s"], niceness=niceness, lifeline=not is_standby)
    if is_standby:
        getattr(importlib.import_module(OPERATIONS[operation][0]), "warm", _nothing)()
        line = sys.stdin.buffer.readline()
        if not line:
            # Nothing was wanted of us.
            return 0
        wish |= {"arguments": json.loads(line)}
        hold_lifeline()
    said = _attempt(operation, wish["arguments"])
    answers.write(json.dumps(said) + "\n")
    answers.flush()
    return 0 if "answer" in said else 1


def _nothing() -> None:
    """Importing it was all there is to load."""


def _attempt(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from bot.errors import NO_ROOM, BadInput
    from bot.languages.stored import pack

    module, function = OPERATIONS[operation]
    try:
        answer: dict[str, Any] = getattr(importlib.import_module(module), function)(**arguments)
        if "changes" in answer:
            answer["changes"] = [pack(each) for each in answer["changes"]]
        return {"answer": answer}
    except BadInput as error:
        return {"error": "bad_input", "message": str(error), "packed": pack(str(error))}
    except MemoryError:
        return {"error": "memory"}
    except OSError as error:
        if error.errno in NO_ROOM:
            return {"error": "disk_full"}
        if error.errno == errno.ENOMEM:
            return {"error": "memory"}
        raise


if __name__ == "__main__":
    status = main(sys.argv[1], sys.argv[2])
    sys.stderr.flush()
    # Leaves at once: a codec's tidying up at exit is time nobody needs, and it may hang.
    os._exit(status)
