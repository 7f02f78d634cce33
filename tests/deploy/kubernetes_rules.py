"""What our manifests promise, one function per promise: each returns what is wrong, and nothing when all is well.

They look at what a kustomization makes, whichever it is. What is promised of the pods themselves: `pod_rules.py`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import jsonschema

from tests.deploy import pod_rules
from tests.deploy.cluster import COMPONENT, Cluster, example, labels, ports, spec_of
from tests.deploy.kustomize import containers, identity, schema
from tests.deploy.reading import is_secret_setting, sample, wrong_with_settings

NAME = "app.kubernetes.io/name"


def they_keep_the_schema_of_kubernetes(cluster: Cluster) -> list[str]:
    """Every field exists, and has the shape it must have."""
    wrong = []
    for each in cluster.manifests:
        kind = f"{each.get('apiVersion')} {each.get('kind')}"
        if kind not in schema()["kinds"]:
            wrong.append(f"{kind} is not known here")
            continue
        validator = jsonschema.Draft202012Validator(schema()["kinds"][kind] | {"$defs": schema()["$defs"]})
        wrong += [f"{identity(each)} {error.json_path}: {error.message}" for error in validator.iter_errors(each)]
    return wrong


def they_belong_to_no_namespace_and_say_what_they_are(cluster: Cluster) -> list[str]:
    """Whoever applies them chooses where; and finds them again."""
    wrong = [f"{identity(each)} names a namespace" for each in cluster.manifests if "namespace" in each["metadata"]]
    for each in cluster.manifests:
        if labels(each).get(NAME) != "reelbot" or COMPONENT not in labels(each):
            wrong.append(f"{identity(each)} is not labelled")
    return wrong


def every_name_leads_somewhere(cluster: Cluster) -> list[str]:
    """Settings, secrets, accounts, volumes, and whom the ingress and the autoscaler mean."""
    wrong = []
    for each in cluster.workloads:
        spec, who = spec_of(each), identity(each)[1]
        wanted = [("ServiceAccount", spec["serviceAccountName"])]
        for container in containers(each):
            for source in container.get("envFrom", []):
                wanted += [("ConfigMap", ref["name"]) for key, ref in source.items() if key == "configMapRef"]
                wanted += [("Secret", ref["name"]) for key, ref in source.items() if key == "secretRef"]
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            wrong += [f"{who}: volume {name}" for name in mounted ^ {one["name"] for one in spec["volumes"]}]
        wrong += [f"{who}: there is no {kind} {name}" for kind, name in wanted if not cluster.exists(kind, name)]
    for each in cluster.of("Ingress"):
        for path in (path for rule in each["spec"]["rules"] for path in rule["http"]["paths"]):
            service = path["backend"]["service"]
            found = [one for one in cluster.of("Service") if identity(one)[1] == service["name"]]
            names = {port["name"] for one in found for port in one["spec"]["ports"]}
            wrong += [] if service["port"]["name"] in names else [f"{path['path']} leads to {service}"]
    for each in cluster.of("HorizontalPodAutoscaler"):
        target = each["spec"]["scaleTargetRef"]
        wrong += [] if cluster.exists(target["kind"], target["name"]) else [f"nobody is {target}"]
    return wrong


def every_selector_finds_its_pods(cluster: Cluster) -> list[str]:
    """Its own for a Deployment, one Deployment's for a Service and a budget, somebody's for a policy."""
    wrong = []
    for each in cluster.of("Deployment"):
        found = [identity(one) for one in cluster.chosen(each["spec"]["selector"])]
        wrong += [] if found == [identity(each)] else [f"{identity(each)} chooses {found}"]
        for spread in spec_of(each).get("topologySpreadConstraints", []):
            if cluster.chosen(spread["labelSelector"]) != [each]:
                wrong.append(f"{identity(each)} spreads others")
    for each in cluster.of("Service"):
        found_by = cluster.chosen({"matchLabels": each["spec"]["selector"]})
        if len(found_by) != 1:
            wrong.append(f"{identity(each)} chooses {len(found_by)}")
        wrong += [
            f"{identity(each)}: no port {port['targetPort']}"
            for port in each["spec"]["ports"]
            if any(port["targetPort"] not in ports(one) for one in found_by)
        ]
    for each in cluster.of("PodDisruptionBudget"):
        if len(cluster.chosen(each["spec"]["selector"])) != 1:
            wrong.append(f"{identity(each)} protects nobody, or several as if they were one")
    for each in cluster.of("NetworkPolicy"):
        found_by = cluster.chosen(each["spec"]["podSelector"])
        wrong += [] if found_by else [f"{identity(each)} is about nobody"]
        for port in (port for rule in each["spec"].get("ingress", []) for port in rule["ports"]):
            if not any(port["port"] in ports(one) for one in found_by):
                wrong.append(f"{identity(each)}: no port {port['port']}")
    return wrong


def every_setting_exists_and_is_understood(cluster: Cluster) -> list[str]:
    """Reelbot itself is asked. What is secret is in the Secret, what is not in the ConfigMap, and nothing in the pods."""
    secret = example()["stringData"]
    wrong = [f"{name} is told to everybody" for name in cluster.settings if is_secret_setting(name)]
    wrong += [f"{name} is no secret" for name in secret if not is_secret_setting(name)]
    wrong += [f"the example says {name}={value}" for name, value in secret.items() if value]
    for each in cluster.workloads:
        wrong += [f"{identity(each)} sets {one['env']}" for one in containers(each) if "env" in one]
        if any([*source] != [kind] for one in containers(each) for source, kind in _sources(one)):
            wrong.append(f"{identity(each)} has not both settings and secrets")
    filled = {name: sample(name) for name in secret}
    with tempfile.TemporaryDirectory() as folder:
        return wrong + wrong_with_settings({**cluster.settings, **filled}, Path(folder))


def _sources(container: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    found = container.get("envFrom", [])
    kinds = ["configMapRef", "secretRef"]
    return list(zip(found, kinds, strict=True)) if len(found) == len(kinds) else [({}, "configMapRef")]


def nodes_can_be_emptied(cluster: Cluster) -> list[str]:
    """Whoever may be several has a budget, and no budget forbids to move the only one."""
    wrong = [
        f"{identity(each)} may never be moved"
        for each in cluster.of("PodDisruptionBudget")
        if each["spec"].get("maxUnavailable", 0) < 1
    ]
    protected = [one for each in cluster.of("PodDisruptionBudget") for one in cluster.chosen(each["spec"]["selector"])]
    several = [each for name, each in cluster.deployments.items() if name != "discord"]
    wrong += [f"{identity(each)[1]} has no budget" for each in several if each not in protected]
    return wrong + [
        f"{identity(each)[1]} may all be on one node"
        for each in several
        if not spec_of(each).get("topologySpreadConstraints")
    ]


def nobody_is_counted_twice(cluster: Cluster) -> list[str]:
    """Discord is answered by one; and who is scaled by load has no number that each `apply` would set back."""
    wrong = []
    if (discord := cluster.deployments.get("discord")) is not None:
        spec = discord["spec"]
        if spec.get("replicas") != 1 or spec["strategy"]["type"] != "Recreate":
            wrong.append("two may answer Discord at once")
    for name, each in cluster.deployments.items():
        if name != "discord" and each["spec"]["strategy"].get("rollingUpdate", {}).get("maxUnavailable") != 0:
            wrong.append(f"{name} goes before a new one is there")
    for each in cluster.of("HorizontalPodAutoscaler"):
        target = each["spec"]["scaleTargetRef"]["name"]
        scaled = [one for one in cluster.of("Deployment") if identity(one)[1] == target]
        wrong += [f"{target} has two numbers" for one in scaled if "replicas" in one["spec"]]
        if not 2 <= each["spec"]["minReplicas"] < each["spec"]["maxReplicas"]:
            wrong.append(f"{target} is not scaled")
    return wrong


def the_network_is_closed_but_for_what_is_named(cluster: Cluster) -> list[str]:
    """All pods are closed both ways; out go names, the database and port 443; in come requests and Prometheus."""
    policies = cluster.of("NetworkPolicy")
    wrong = []
    for each in cluster.workloads:
        about = [one["spec"] for one in policies if each in cluster.chosen(one["spec"]["podSelector"])]
        closing = [one for one in about if not one.get("ingress") and not one.get("egress")]
        if not any(set(one["policyTypes"]) == {"Ingress", "Egress"} for one in closing):
            wrong.append(f"{identity(each)[1]} is open")
        out = {port["port"] for one in about for rule in one.get("egress", []) for port in rule.get("ports", [None])}
        wrong += [] if out == {53, 443, 5432} else [f"{identity(each)[1]} reaches {out}"]
        into = {port["port"] for one in about for rule in one.get("ingress", []) for port in rule.get("ports", [None])}
        needed = set(ports(each)) if each["kind"] == "Deployment" else {"metrics"}
        wrong += [] if into == needed else [f"{identity(each)[1]} lets in {into}"]
    for each in policies:
        rules = [*each["spec"].get("ingress", []), *each["spec"].get("egress", [])]
        wrong += [f"{identity(each)} is for everybody" for rule in rules if not (rule.get("from") or rule.get("to"))]
        for rule in each["spec"].get("egress", []):
            for peer in rule["to"]:
                block = peer.get("ipBlock", {})
                if block.get("cidr") in {"0.0.0.0/0", "::/0"} and not block.get("except"):
                    wrong.append(f"{identity(each)} reaches the machine's own services")
    return wrong


def the_database_is_brought_up_to_date_by_itself_and_first(cluster: Cluster) -> list[str]:
    """One Job, applied before the rest by its label and that of the settings; whatever it needs has one of the two."""
    jobs = cluster.of("Job")
    if len(jobs) != 1 or containers(jobs[0])[0]["args"] != ["db", "upgrade"]:
        return [f"{len(jobs)} Jobs"]
    (job,) = jobs
    first = Cluster([each for each in cluster.manifests if labels(each)[COMPONENT] in {"settings", "migrate"}])
    wrong = [] if job in first.manifests else ["it is not applied first"]
    wrong += [f"applied first as well: {identity(each)}" for each in first.of("Deployment")]
    wrong += every_name_leads_somewhere(first)
    if spec_of(job).get("restartPolicy") != "Never" or not job["spec"].get("backoffLimit"):
        wrong.append("its failures cannot be read")
    wrong += ["it may last for ever"] if not job["spec"].get("activeDeadlineSeconds") else []
    return wrong + (["it would come again after it was removed"] if "ttlSecondsAfterFinished" in job["spec"] else [])


def the_address_is_the_same_everywhere(cluster: Cluster) -> list[str]:
    """In the settings, in the rule, in the certificate; and everything but Slack's calls goes to the web."""
    (ingress,) = cluster.of("Ingress")
    hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
    certified = [host for each in ingress["spec"]["tls"] for host in each["hosts"]]
    address = cluster.settings["REELBOT_WEB__PUBLIC_URL"]
    wrong = (
        [] if hosts == certified and [address] == [f"https://{host}" for host in hosts] else [f"{address} is {hosts}"]
    )
    paths = {
        path["path"]: path["backend"]["service"]["name"]
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    wanted = {"/": "reelbot-web"}
    if "slack" in cluster.deployments:
        wanted["/slack/events"] = "reelbot-slack"
    return wrong + ([] if paths == wanted else [f"it leads to {paths}"])


RULES = (
    they_keep_the_schema_of_kubernetes,
    they_belong_to_no_namespace_and_say_what_they_are,
    every_name_leads_somewhere,
    every_selector_finds_its_pods,
    every_setting_exists_and_is_understood,
    nodes_can_be_emptied,
    nobody_is_counted_twice,
    the_network_is_closed_but_for_what_is_named,
    the_database_is_brought_up_to_date_by_itself_and_first,
    the_address_is_the_same_everywhere,
    *pod_rules.RULES,
)
