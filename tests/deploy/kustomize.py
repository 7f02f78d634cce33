"""What `kubectl kustomize` makes of a folder, for the few fields that ours use; everything else is refused, not skipped.

Patches are strategic merges of named objects: maps are merged, lists by the key that Kubernetes' own schema names for
them, and other lists are replaced. Where `kubectl` is installed, a test compares the outcome with its.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.deploy.reading import SCHEMAS, documents

Manifest = dict[str, Any]
_FIELDS = frozenset({"apiVersion", "kind", "resources", "images", "replicas", "patches"})


class BadKustomization(ValueError):
    """Says something that is not known here, or names what is not there."""


@cache
def schema() -> dict[str, Any]:
    """Our kinds, and what they refer to."""
    return dict(json.loads((SCHEMAS / "kubernetes.json").read_text(encoding="utf-8")))


def identity(manifest: Manifest) -> tuple[str, str]:
    """(kind, name)."""
    return manifest["kind"], manifest["metadata"]["name"]


def _whole_identity(manifest: Manifest) -> tuple[str, str, str]:
    return manifest["apiVersion"], *identity(manifest)


def build(folder: Path, changed: Mapping[Path, str] | None = None) -> list[Manifest]:
    """Every object of a kustomization. `changed`: files that are read from here instead."""
    changed = changed or {}

    def text(path: Path) -> str:
        path = path.resolve()
        if path in changed:
            return changed[path]
        if not path.is_file():
            raise BadKustomization(f"there is no {path.name}")
        return path.read_text(encoding="utf-8")

    (kustomization,) = documents(text(folder / "kustomization.yaml"))
    if unknown := kustomization.keys() - _FIELDS:
        raise BadKustomization(f"{min(unknown)} is not known here")
    found: list[Manifest] = []
    for each in kustomization["resources"]:
        path = folder / each
        found += build(path, changed) if path.is_dir() else documents(text(path))
    if len({identity(each) for each in found}) != len(found):
        raise BadKustomization("an object is there twice")
    for patch in kustomization.get("patches", []):
        if patch.keys() != {"path"}:
            raise BadKustomization(f"a patch says {sorted(patch)}")
        for each in documents(text(folder / patch["path"])):
            found = _patched(found, each)
    for image in kustomization.get("images", []):
        for container in (one for each in found for one in containers(each)):
            _rename(container, image)
    for wanted in kustomization.get("replicas", []):
        targets = [each for each in found if each["kind"] == "Deployment" and identity(each)[1] == wanted["name"]]
        if len(targets) != 1:
            raise BadKustomization(f"there is no Deployment {wanted['name']}")
        targets[0]["spec"]["replicas"] = wanted["count"]
    return found


def containers(manifest: Manifest) -> list[dict[str, Any]]:
    """Of the pods that it makes."""
    spec = pod(manifest)
    return [] if spec is None else [*spec.get("initContainers", []), *spec["containers"]]


def pod(manifest: Manifest) -> dict[str, Any] | None:
    """The `spec` of the pods that it makes, if it makes any."""
    if manifest["kind"] not in {"Deployment", "Job"}:
        return None
    return dict(manifest["spec"]["template"]["spec"])


def _rename(container: dict[str, Any], image: Mapping[str, str]) -> None:
    name, _, tag = container["image"].partition(":")
    if name == image["name"]:
        container["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"


def _patched(found: list[Manifest], patch: Manifest) -> list[Manifest]:
    places = [place for place, each in enumerate(found) if _whole_identity(each) == _whole_identity(patch)]
    if len(places) != 1:
        raise BadKustomization(f"there is no {' '.join(identity(patch))} to be changed")
    whole = schema()["kinds"][f"{patch['apiVersion']} {patch['kind']}"]
    return [_merged(each, patch, whole) if place == places[0] else each for place, each in enumerate(found)]


def _merged(old: Any, new: Any, shape: Mapping[str, Any]) -> Any:
    shape = _resolved(shape)
    if isinstance(new, dict) and isinstance(old, dict):
        if any(str(key).startswith("$") or value is None for key, value in new.items()):
            raise BadKustomization("a patch takes something away, which is not known here")
        result = copy.deepcopy(old)
        for key, value in new.items():
            below = shape.get("properties", {}).get(key, shape.get("additionalProperties") or {})
            result[key] = _merged(old[key], value, below) if key in old else copy.deepcopy(value)
        return result
    if isinstance(new, list) and isinstance(old, list) and shape.get("x-kubernetes-patch-strategy") == "merge":
        return _merged_by(shape["x-kubernetes-patch-merge-key"], old, new, shape["items"])
    return copy.deepcopy(new)


def _merged_by(key: str, old: list[Any], new: list[Any], items: Mapping[str, Any]) -> list[Any]:
    result = copy.deepcopy(old)
    for each in new:
        places = [place for place, one in enumerate(result) if one[key] == each[key]]
        if not places:
            raise BadKustomization(f"a patch adds {each[key]} to a list, whose place is not known here")
        result[places[0]] = _merged(result[places[0]], each, items)
    return result


def _resolved(shape: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in shape:
        shape = {
            **schema()["$defs"][shape["$ref"].rpartition("/")[2]],
            **{k: v for k, v in shape.items() if k != "$ref"},
        }
    return shape
