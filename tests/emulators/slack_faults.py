"""Slack's faults (see `faults`). A route is a method, like `chat.postMessage` or `chat.*`; or one of the other doors:
`upload` (the bytes to an upload URL), `download` (a file), `response_url`.

    status:500|502|503…   an HTML page with that status      reset            a TCP reset instead of an answer
    hang[:seconds]        nothing for so long (for ever)      429[:seconds]    ratelimited, with Retry-After in whole seconds
    error:<slack error>   200, {"ok": false, "error": …}      html             200 with an HTML page
"""

from __future__ import annotations

import re

WORDS = re.compile(r"status:[45]\d\d|reset|hang(:[\d.]+)?|429(:[\d.]+)?|error:[a-z_]+|html")
