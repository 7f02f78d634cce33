"""The API's description of itself: what FastAPI makes of the routes, and how one signs in."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The admin token, or a personal one (`rbt_…`)."}
}


def describe(app: FastAPI, *, needs_sign_in: bool) -> dict[str, Any]:
    """OpenAPI 3.1. Where this machine needs no sign-in, the description says so, too."""
    if app.openapi_schema is None:
        document = app.openapi()
        document.setdefault("components", {})["securitySchemes"] = SECURITY
        document["security"] = [{"bearer": []}] if needs_sign_in else [{"bearer": []}, {}]
        app.openapi_schema = document
    return app.openapi_schema
