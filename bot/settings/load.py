"""Reading settings: flag > environment > secret file > `.env` > `reelbot.toml` > well-known names > default.

pydantic-settings merges the layers and checks the values; this module finds the layers, and says what is wrong with
them in one sentence each. Its own environment source is not used because it silently ignores misspelt names.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from bot.errors import ConfigurationError
from bot.settings.names import WELL_KNOWN, all_settings, did_you_mean, env_name, is_ours
from bot.settings.schema import Settings

TOML_FILE = "reelbot.toml"
DOTENV_FILE = ".env"
_SECRET_FILE_MAX_BYTES = 64_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Values from one place, by environment name; `origins` says of each where exactly."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]


def load_settings(
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """Read every layer and check it all.

    `overrides` are flags, by dotted name (`{"web.port": 9000}`) or nested (`{"web": {"port": 9000}}`); those that are
    None do not count. Raises
    `ConfigurationError` for unknown names, for values that cannot be, for a secret given twice, and for files that
    cannot be read; no secret is part of its message.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    dotenv = _read_dotenv(cwd / DOTENV_FILE)
    layers = [
        _flags(overrides or {}),
        _named(environ, "environment"),
        _secret_files(environ, "environment", beside={**dotenv, **environ}),
        _named(dotenv, DOTENV_FILE),
        _secret_files(dotenv, DOTENV_FILE, beside={**dotenv, **environ}),
        _toml(cwd / TOML_FILE),
        _well_known(environ, "environment"),
        _well_known(dotenv, DOTENV_FILE),
        Layer(values={env_name(("data_dir",)): _default_data_dir(environ)}, origins={}),
    ]
    data_dir = Path(str(next(layer.values[_DATA_DIR] for layer in layers if _DATA_DIR in layer.values))).expanduser()
    own = data_dir / TOML_FILE
    if own.resolve() != (cwd / TOML_FILE).resolve():
        inner = _toml(own)
        if _DATA_DIR in inner.values:
            raise ConfigurationError(
                f"{own} lies in the data directory and cannot say where that is; take data_dir out."
            )
        layers.insert(6, inner)
    layers[0] = Layer(
        values={**layers[0].values, _DATA_DIR: (cwd / data_dir).absolute()},
        origins={**layers[0].origins, **({_DATA_DIR: where} if (where := _origin(layers, _DATA_DIR)) else {})},
    )
    return _checked(layers)


_DATA_DIR = env_name(("data_dir",))


def _checked(layers: list[Layer]) -> Settings:
    origins = {name: where for name in all_settings() if (where := _origin(layers, name))}

    class Loaded(Settings):
        def model_post_init(self, context: Any, /) -> None:
            self._origins.update(origins)

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_unused: Any, **_also: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(InitSettingsSource(settings_cls, _nested(layer.values)) for layer in layers)

    try:
        return Loaded()
    except ValidationError as error:
        sentences = []
        for problem in error.errors(include_input=False, include_url=False):
            name = env_name(tuple(str(part) for part in problem["loc"][:2]))
            name = name if name in all_settings() else env_name((str(problem["loc"][0]),))
            where = _origin(layers, name)
            reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
            sentences.append(f"{name}{f' ({where})' if where else ''}: {reason[:1].lower()}{reason[1:]}.")
        raise ConfigurationError(" ".join(dict.fromkeys(sentences))) from None


def _origin(layers: list[Layer], name: str) -> str | None:
    return next((layer.origins.get(name) for layer in layers if name in layer.values), None)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *sections, last = all_settings()[name].path
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[last] = value
    return tree


def _flags(overrides: Mapping[str, object]) -> Layer:
    flat = _flat({name: value for name, value in overrides.items() if "." not in name})
    dotted = ((env_name(tuple(name.split("."))), value) for name, value in overrides.items() if "." in name)
    given = {name: value for name, value in (*flat, *dotted) if value is not None}
    for name in given:
        if name not in all_settings():
            raise ConfigurationError(f"There is no setting {name}{did_you_mean(name)}")
    return Layer(values=given, origins=dict.fromkeys(given, "flag"))


def _named(names: Mapping[str, str], place: str) -> Layer:
    values = {}
    for name, value in names.items():
        if not is_ours(name):
            continue
        if name in all_settings():
            # Compose files hand on empty variables; empty is not said.
            if value.strip():
                values[name] = value.strip()
        elif not _names_secret_file(name):
            raise ConfigurationError(_unknown(name, place))
    return Layer(values=values, origins=dict.fromkeys(values, place))


def _names_secret_file(name: str) -> bool:
    base = all_settings().get(name.removesuffix("_FILE"))
    return name.endswith("_FILE") and base is not None and base.is_secret


def _unknown(name: str, place: str) -> str:
    if name.endswith("_FILE") and name.removesuffix("_FILE") in all_settings():
        return f"{name} ({place}): only secrets are read from files; set {name.removesuffix('_FILE')} itself."
    return f"There is no setting {name} ({place}){did_you_mean(name.removesuffix('_FILE'))}"


def _secret_files(names: Mapping[str, str], place: str, *, beside: Mapping[str, str]) -> Layer:
    values, origins = {}, {}
    for name, path in names.items():
        if not (is_ours(name) and _names_secret_file(name) and path.strip()):
            continue
        base = name.removesuffix("_FILE")
        if beside.get(base, "").strip():
            raise ConfigurationError(f"{base} and {name} are both set ({place}); keep one of them.")
        values[base] = _read_secret(name, Path(path.strip()))
        origins[base] = f"file {path.strip()}"
    return Layer(values=values, origins=origins)


def _read_secret(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_SECRET_FILE_MAX_BYTES + 1)
        text = content.decode().strip()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise ConfigurationError(f"{name} names {path}, which cannot be read: {reason}.") from error
    if not text or len(content) > _SECRET_FILE_MAX_BYTES:
        raise ConfigurationError(f"{name} names {path}, which is {'empty' if not text else 'too large for a secret'}.")
    return text


def _well_known(names: Mapping[str, str], place: str) -> Layer:
    found = {
        ours: (theirs, names[theirs].strip()) for theirs, ours in WELL_KNOWN.items() if names.get(theirs, "").strip()
    }
    return Layer(
        values={ours: value for ours, (_, value) in found.items()},
        origins={ours: f"{theirs} ({place})" for ours, (theirs, _) in found.items()},
    )


def _read_dotenv(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    try:
        return {name: value or "" for name, value in dotenv_values(path, interpolate=False, encoding="utf-8").items()}
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}."
        ) from error


def _toml(path: Path) -> Layer:
    try:
        with path.open("rb") as file:
            tree = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        tree = {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    values = dict(_flat(tree))
    for name, value in values.items():
        if name not in all_settings() or isinstance(value, dict):
            meant = did_you_mean(name)
            raise ConfigurationError(f"{path} sets {_dotted(name)}, which is no setting{meant}")
    return Layer(values=values, origins=dict.fromkeys(values, str(path)))


def _flat(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and not above:
            yield from _flat(value, (key,))
        else:
            yield env_name((*above, key)), value


def _dotted(name: str) -> str:
    return name.removeprefix("REELBOT_").replace("__", ".").lower()


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_DATA_HOME", "")
    # A relative XDG path is to be ignored (XDG Base Directory Specification).
    if base and Path(base).is_absolute():
        return Path(base) / "reelbot"
    home = environ.get("HOME", "") or os.path.expanduser("~")
    return Path(home) / ".local" / "share" / "reelbot"
