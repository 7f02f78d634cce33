"""Objects of Kubernetes that are applied together, and how they find each other."""

from __future__ import annotations

import re
from typing import Any

from tests.deploy.kustomize import Manifest, containers, identity, pod
from tests.deploy.reading import ROOT, documents

SECRET = ROOT / "deploy" / "kubernetes" / "base" / "secret.example.yaml"
COMPONENT = "app.kubernetes.io/component"
_UNITS = {"": 1.0, "m": 0.001, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


class Cluster:
    """Objects that are applied together, and how they find each other."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests

    def of(self, *kinds: str) -> list[Manifest]:
        """Those of a kind."""
        return [each for each in self.manifests if each["kind"] in kinds]

    @property
    def workloads(self) -> list[Manifest]:
        """Those that make pods."""
        return self.of("Deployment", "Job")

    @property
    def deployments(self) -> dict[str, Manifest]:
        """Those that run for ever, by component."""
        return {labels(each)[COMPONENT]: each for each in self.of("Deployment")}

    def exists(self, kind: str, name: str) -> bool:
        """Whether it is among them; the Secret is the operator's own."""
        return (kind, name) in {identity(each) for each in self.manifests} | {identity(example())}

    def chosen(self, selector: dict[str, Any]) -> list[Manifest]:
        """The workloads whose pods a selector chooses."""
        wanted = selector.get("matchLabels", {}).items()
        return [each for each in self.workloads if wanted <= pod_labels(each).items()]

    @property
    def settings(self) -> dict[str, str]:
        """What the ConfigMap says."""
        return {name: value for each in self.of("ConfigMap") for name, value in each["data"].items()}


def example() -> Manifest:
    """What the Secret has to hold."""
    (found,) = documents(SECRET.read_text(encoding="utf-8"))
    return dict(found)


def labels(manifest: Manifest) -> dict[str, str]:
    """Its own."""
    return dict(manifest["metadata"].get("labels", {}))


def pod_labels(manifest: Manifest) -> dict[str, str]:
    """Of the pods that it makes."""
    return dict(manifest["spec"]["template"]["metadata"]["labels"])


def ports(manifest: Manifest) -> dict[str, int]:
    """Of its containers, by name."""
    return {port["name"]: port["containerPort"] for each in containers(manifest) for port in each.get("ports", [])}


def spec_of(manifest: Manifest) -> dict[str, Any]:
    """Of its pods."""
    found = pod(manifest)
    assert found is not None
    return found


def quantity(text: str | float) -> float:
    """`500m` → 0.5, `1Gi` → 1073741824."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m|Ki|Mi|Gi|)", str(text))
    if found is None:
        raise ValueError(f"{text!r} is no quantity that is known here")
    return float(found[1]) * _UNITS[found[2]]
