"""Discord's faults (see `faults`); a route is `POST /channels/*/messages`: it begins after `/api/v10`, without the query.

status:500|502|503|504…   an answer with that status       reset          a TCP reset instead of an answer
hang[:seconds]            nothing for so long (for ever)    429[:seconds]  throttled, with scope `shared`
error:CODE                one of Discord's codes            413            40005 without looking
banned                    Cloudflare's page for an address that asked too often: 429, HTML, no `Via`
"""

from __future__ import annotations

import re

WORDS = re.compile(r"status:[45]\d\d|reset|hang(:[\d.]+)?|429(:[\d.]+)?|error:\d+|413|banned")
