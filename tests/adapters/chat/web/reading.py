"""Reading pages as a browser would: what they hold, what they would run, and which forms a person could send."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "img", "br", "hr", "path", "rect", "circle"})


@dataclass(slots=True)
class Form:
    """A form without any script."""

    action: str
    method: str
    fields: list[str] = field(default_factory=list)


class Read(HTMLParser):
    """A page, parsed. `dangers` are what the content policy would refuse; `open` are elements that were never closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.dangers: list[str] = []
        self.forms: list[Form] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self._script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "style" or (tag == "script" and not found.get("src")):
            self.dangers.append(f"<{tag}>")
        self.dangers += [f"{tag} {name}" for name in found if name.startswith("on") or name in ("style", "hx-on")]
        values = [str(value) for name, value in attrs if name in ("href", "src", "action", "hx-get", "hx-post")]
        self.dangers += [f"{tag} {value}" for value in values if value.startswith(("javascript:", "data:", "js:"))]
        trigger = found.get("hx-trigger") or ""
        if "[" in trigger.replace("[data-", ""):
            self.dangers.append(f"{tag} {trigger}")
        if name := found.get("id"):
            self.ids.append(name)
        if tag == "form":
            self.forms.append(Form(action=found.get("action") or "", method=(found.get("method") or "get").lower()))
        if tag in ("input", "select", "textarea") and self.forms and found.get("name"):
            self.forms[-1].fields.append(str(found["name"]))

    def handle_endtag(self, tag: str) -> None:
        """Close what is open."""
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        last = self.open.pop()
        assert last == tag, f"</{tag}> closes <{last}>"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<path/>` opens nothing."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        """What a person reads."""
        self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """The elements of a kind, with these attributes."""
        return [
            found for name, found in self.tags
            if name == tag and all(found.get(key.rstrip("_").replace("_", "-")) == value for key, value in attributes.items())
        ]  # fmt: skip


def read(text: str) -> Read:
    """A page that a strict policy lets be as it is; every id is there once."""
    page = Read(text)
    assert page.dangers == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids)), sorted(page.ids)
    return page
