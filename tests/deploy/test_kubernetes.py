"""The manifests keep every rule of `kubernetes_rules.py`, and every rule finds the manifest that breaks it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.deploy.cluster import Cluster, example, quantity
from tests.deploy.kubernetes_rules import RULES
from tests.deploy.kustomize import BadKustomization, build, containers, identity
from tests.deploy.reading import ROOT, documents

FOLDER = ROOT / "deploy" / "kubernetes"
BASE, SCALE = FOLDER / "base", FOLDER / "overlays" / "scale"
# (the rule that must object, the file, what is replaced, by what); the scaled installation is looked at.
BREAKAGES = [
    ("they_keep_the_schema_of_kubernetes", "base/web.yaml", "serviceAccountName:", "serviceAccount_name:"),
    ("they_keep_the_schema_of_kubernetes", "base/migrate.yaml", "backoffLimit: 3", "backoffLimit: three"),
    ("they_keep_the_schema_of_kubernetes", "overlays/scale/ingress.yaml", "            pathType: Exact\n", ""),
    ("they_keep_the_schema_of_kubernetes", "base/settings.yaml", 'PORT: "9100"', "PORT: 9100"),
    ("they_keep_the_schema_of_kubernetes", "overlays/scale/web-autoscaler.yaml", "autoscaling/v2", "autoscaling/v2beta2"),
    ("they_belong_to_no_namespace_and_say_what_they_are", "base/service-account.yaml", "  name: reelbot\n", "  name: reelbot\n  namespace: reelbot\n"),
    ("they_belong_to_no_namespace_and_say_what_they_are", "base/ingress.yaml", "  labels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: ingress}\n", ""),
    ("every_name_leads_somewhere", "base/worker.yaml", "configMapRef: {name: reelbot-settings}", "configMapRef: {name: reelbot-setting}"),
    ("every_name_leads_somewhere", "base/worker.yaml", "secretRef: {name: reelbot-secrets}", "secretRef: {name: reelbot-secret}"),
    ("every_name_leads_somewhere", "base/worker.yaml", "serviceAccountName: reelbot", "serviceAccountName: default"),
    ("every_name_leads_somewhere", "base/worker.yaml", "- {name: tmp, mountPath", "- {name: temp, mountPath"),
    ("every_name_leads_somewhere", "overlays/scale/ingress.yaml", "name: reelbot-slack", "name: reelbot-slacks"),
    ("every_name_leads_somewhere", "overlays/scale/ingress.yaml", "name: reelbot-slack, port: {name: http}", "name: reelbot-slack, port: {name: web}"),
    ("every_name_leads_somewhere", "overlays/scale/web-autoscaler.yaml", "kind: Deployment, name: reelbot-web", "kind: Deployment, name: web"),
    ("every_selector_finds_its_pods", "base/web.yaml", "  selector: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: web}", "  selector: {app.kubernetes.io/name: reelbot}"),
    ("every_selector_finds_its_pods", "base/web.yaml", "targetPort: http", "targetPort: https"),
    ("every_selector_finds_its_pods", "base/worker.yaml", "    metadata:\n      labels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: worker}", "    metadata:\n      labels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: work}"),
    ("every_selector_finds_its_pods", "base/worker.yaml", "labelSelector: {matchLabels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: worker}}", "labelSelector: {matchLabels: {app.kubernetes.io/name: reelbot}}"),
    ("every_selector_finds_its_pods", "base/disruption.yaml", "    matchLabels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: worker}", "    matchLabels: {app.kubernetes.io/name: reelbot}"),
    ("every_selector_finds_its_pods", "base/network.yaml", "{protocol: TCP, port: metrics}", "{protocol: TCP, port: metric}"),
    ("every_setting_exists_and_is_understood", "base/settings.yaml", "REELBOT_LOG__FORMAT", "REELBOT_LOG_FORMAT"),
    ("every_setting_exists_and_is_understood", "base/settings.yaml", "REELBOT_LOG__FORMAT: json", "REELBOT_LOG__FORMAT: xml"),
    ("every_setting_exists_and_is_understood", "base/settings.yaml", "REELBOT_LOG__FORMAT: json", "REELBOT_DISCORD__TOKEN: abc"),
    ("every_setting_exists_and_is_understood", "base/web.yaml", "          ports:\n            - {name: http,", "          env: [{name: REELBOT_SECRET_KEY, value: abc}]\n          ports:\n            - {name: http,"),
    ("every_setting_exists_and_is_understood", "base/web.yaml", "            - secretRef: {name: reelbot-secrets}\n", ""),
    ("nobody_can_do_more_than_he_must", "base/web.yaml", "runAsUser: 10001", "runAsUser: 1000"),
    ("nobody_can_do_more_than_he_must", "base/worker.yaml", "        seccompProfile: {type: RuntimeDefault}\n", ""),
    ("nobody_can_do_more_than_he_must", "base/migrate.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
    ("nobody_can_do_more_than_he_must", "overlays/scale/slack.yaml", "capabilities: {drop: [ALL]}", "capabilities: {drop: [NET_RAW]}"),
    ("nobody_can_do_more_than_he_must", "base/worker.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true"),
    ("nobody_can_do_more_than_he_must", "base/service-account.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true"),
    ("nobody_can_do_more_than_he_must", "base/worker.yaml", "emptyDir: {sizeLimit: 10Gi}", "hostPath: {path: /srv}"),
    ("what_other_services_are_called_does_not_get_in", "overlays/scale/discord.yaml", "enableServiceLinks: false", "enableServiceLinks: true"),
    ("what_other_services_are_called_does_not_get_in", "base/migrate.yaml", "      enableServiceLinks: false\n", ""),
    ("there_is_room_where_it_writes", "base/worker.yaml", "mountPath: /tmp", "mountPath: /temp"),
    ("there_is_room_where_it_writes", "base/worker.yaml", "emptyDir: {sizeLimit: 10Gi}", "emptyDir: {}"),
    ("everything_asks_for_what_it_needs_and_is_limited", "base/migrate.yaml", 'limits: {cpu: "1", memory: 512Mi}', 'limits: {cpu: "1"}'),
    ("everything_asks_for_what_it_needs_and_is_limited", "overlays/scale/resources.yaml", "requests: {cpu: 500m, memory: 1Gi}", "requests: {cpu: 500m, memory: 8Gi}"),
    ("there_is_time_to_finish", "base/worker.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30"),
    ("there_is_time_to_finish", "overlays/scale/discord.yaml", "      terminationGracePeriodSeconds: 45\n", ""),
    ("there_is_time_to_finish", "base/web.yaml", "seconds: 5}", "seconds: 15}"),
    ("there_is_time_to_finish", "overlays/scale/slack.yaml", "          lifecycle: {preStop: {sleep: {seconds: 5}}}\n", ""),
    ("commands_and_roles_exist", "base/worker.yaml", "args: [run, --roles, worker]", "args: [run, --roles, workers]"),
    ("commands_and_roles_exist", "base/worker.yaml", "args: [run, --roles, worker]", "args: [run]"),
    ("commands_and_roles_exist", "base/migrate.yaml", "args: [db, upgrade]", "args: [db, migrate]"),
    ("commands_and_roles_exist", "base/web.yaml", "          args: [run", "          command: [reelbot]\n          args: [run"),
    ("health_is_asked_where_it_is_told", "base/web.yaml", "livenessProbe:\n            httpGet: {path: /livez", "livenessProbe:\n            httpGet: {path: /readyz"),
    ("health_is_asked_where_it_is_told", "base/worker.yaml", "readinessProbe:\n            httpGet: {path: /readyz, port: metrics}", "readinessProbe:\n            httpGet: {path: /readyz, port: http}"),
    ("health_is_asked_where_it_is_told", "base/settings.yaml", 'PORT: "9100"', 'PORT: "9101"'),
    ("health_is_asked_where_it_is_told", "base/settings.yaml", "HOST: 0.0.0.0", "HOST: 127.0.0.1"),
    ("health_is_asked_where_it_is_told", "overlays/scale/slack.yaml", "containerPort: 8080", "containerPort: 8000"),
    ("health_is_asked_where_it_is_told", "base/worker.yaml", "failureThreshold: 60", "failureThreshold: 6"),
    ("nodes_can_be_emptied", "overlays/scale/slack.yaml", "maxUnavailable: 1\n", "minAvailable: 1\n"),
    ("nodes_can_be_emptied", "base/disruption.yaml", "    matchLabels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: worker}", "    matchLabels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: web}"),
    ("nodes_can_be_emptied", "base/web.yaml", "      topologySpreadConstraints:\n        - maxSkew: 1\n          topologyKey: kubernetes.io/hostname\n          whenUnsatisfiable: ScheduleAnyway\n          labelSelector: {matchLabels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: web}}\n", ""),
    ("nobody_is_counted_twice", "overlays/scale/discord.yaml", "replicas: 1", "replicas: 2"),
    ("nobody_is_counted_twice", "overlays/scale/discord.yaml", "{type: Recreate}", "{type: RollingUpdate}"),
    ("nobody_is_counted_twice", "base/web.yaml", "maxUnavailable: 0", "maxUnavailable: 1"),
    ("nobody_is_counted_twice", "overlays/scale/kustomization.yaml", "{name: reelbot-worker, count: 4}", "{name: reelbot-web, count: 4}"),
    ("nobody_is_counted_twice", "overlays/scale/web-autoscaler.yaml", "minReplicas: 2", "minReplicas: 8"),
    ("the_network_is_closed_but_for_what_is_named", "base/network.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]"),
    ("the_network_is_closed_but_for_what_is_named", "base/network.yaml", "port: 5432}", "port: 3306}"),
    ("the_network_is_closed_but_for_what_is_named", "base/network.yaml", ", except: [169.254.0.0/16]", ""),
    ("the_network_is_closed_but_for_what_is_named", "base/network.yaml", "{protocol: TCP, port: metrics}", "{protocol: TCP, port: http}"),
    ("the_network_is_closed_but_for_what_is_named", "base/network.yaml", "    - from:\n        # Yours: the namespace of Prometheus. Metrics are told to whoever can connect.\n        - namespaceSelector:\n            matchLabels: {kubernetes.io/metadata.name: monitoring}\n      ports:", "    - ports:"),
    ("the_database_is_brought_up_to_date_by_itself_and_first", "base/migrate.yaml", "name: reelbot-migrate\n  labels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: migrate}", "name: reelbot-migrate\n  labels: {app.kubernetes.io/name: reelbot, app.kubernetes.io/component: job}"),
    ("the_database_is_brought_up_to_date_by_itself_and_first", "base/service-account.yaml", "component: settings", "component: account"),
    ("the_database_is_brought_up_to_date_by_itself_and_first", "base/migrate.yaml", "restartPolicy: Never", "restartPolicy: OnFailure"),
    ("the_database_is_brought_up_to_date_by_itself_and_first", "base/migrate.yaml", "  activeDeadlineSeconds: 3600\n", ""),
    ("the_database_is_brought_up_to_date_by_itself_and_first", "base/migrate.yaml", "activeDeadlineSeconds: 3600", "activeDeadlineSeconds: 3600\n  ttlSecondsAfterFinished: 60"),
    ("the_address_is_the_same_everywhere", "overlays/scale/settings.yaml", "https://reelbot.example", "https://bot.example"),
    ("the_address_is_the_same_everywhere", "base/ingress.yaml", "hosts: [reelbot.example]", "hosts: [bot.example]"),
    ("the_address_is_the_same_everywhere", "overlays/scale/ingress.yaml", "/slack/events", "/slack"),
    ("images_are_ours_and_named_by_version", "overlays/scale/kustomization.yaml", "newTag: 0.1.0", "newTag: latest"),
    ("images_are_ours_and_named_by_version", "base/worker.yaml", "image: reelbot:dev", "image: reelbot-worker:dev"),
    ("metrics_are_where_they_are_said_to_be", "base/web.yaml", 'prometheus.io/port: "9100"', 'prometheus.io/port: "8080"'),
    ("metrics_are_where_they_are_said_to_be", "base/worker.yaml", '      annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9100", prometheus.io/path: /metrics}\n', ""),
]  # fmt: skip


def a_cluster(folder=SCALE, changed=None):
    return Cluster(build(folder, {(FOLDER / path).resolve(): text for path, text in (changed or {}).items()}))


def text_of(path):
    return (FOLDER / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("folder", [BASE, SCALE], ids=lambda folder: folder.name)
def test_the_manifests_keep_the_rule(rule, folder):
    """Whoever changes them is told which promise breaks."""
    assert rule(a_cluster(folder)) == []


@pytest.mark.parametrize(("name", "path", "old", "new"), BREAKAGES)
def test_the_rule_objects_when_it_is_broken(name, path, old, new):
    """A rule that cannot fail would promise nothing."""
    (rule,) = [each for each in RULES if each.__name__ == name]
    assert text_of(path).count(old) == 1, "the breakage names one place"

    assert rule(a_cluster(changed={path: text_of(path).replace(old, new)}))


def test_every_rule_has_a_breakage():
    """None is left untried."""
    assert {rule.__name__ for rule in RULES} == {each[0] for each in BREAKAGES}


def test_every_file_is_part_of_an_installation_but_the_example_of_the_secret():
    """A manifest that no kustomization names is applied by nobody; placeholders of secrets never are."""
    for folder in (BASE, SCALE):
        (found,) = documents((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        named = {*found["resources"], *(each["path"] for each in found.get("patches", []))}
        here = {each.name for each in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert here - named == ({"secret.example.yaml"} if folder == BASE else set())

    assert identity(example()) not in {identity(each) for each in a_cluster().manifests}


def test_the_scaled_installation_has_every_role_and_several_of_most():
    """Four workers, Slack twice, Discord once; the web's number is the autoscaler's."""
    found = {name: each["spec"].get("replicas") for name, each in a_cluster().deployments.items()}

    assert found == {"web": None, "worker": 4, "slack": 2, "discord": 1}


def test_the_plain_installation_is_one_web_and_one_worker():
    """No chat runs whose token nobody gave."""
    found = {name: each["spec"].get("replicas") for name, each in a_cluster(BASE).deployments.items()}

    assert found == {"web": None, "worker": None}


def test_the_overlay_sets_only_what_the_base_has():
    """A name that only the overlay knows would be a slip of the pen."""
    (patch,) = documents(text_of("overlays/scale/settings.yaml"))
    (base,) = documents(text_of("base/settings.yaml"))

    assert patch["data"].keys() <= base["data"].keys()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="compares our reader with kubectl's own, which is not here")
@pytest.mark.parametrize("folder", [BASE, SCALE], ids=lambda folder: folder.name)
def test_kubectl_makes_the_same_of_it(folder):
    """The reader that all of this rests on; `kubectl kustomize` asks no cluster."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], check=True, capture_output=True, text=True)

    theirs = {identity(each): each for each in documents(done.stdout)}
    assert theirs == {identity(each): each for each in build(folder)}


def test_a_patch_changes_what_it_names_and_leaves_the_rest():
    """A container is found by its name; a list without a key is replaced as a whole."""
    found = {identity(each): each for each in build(SCALE)}

    (worker,) = containers(found["Deployment", "reelbot-worker"])
    paths = [path["path"] for path in found["Ingress", "reelbot"]["spec"]["rules"][0]["http"]["paths"]]
    assert worker["resources"]["limits"] == {"cpu": "4", "memory": "6Gi"}
    assert worker["args"] == ["run", "--roles", "worker"]
    assert paths == ["/slack/events", "/"]


@pytest.mark.parametrize(
    ("path", "old", "new", "why"),
    [
        ("overlays/scale/kustomization.yaml", "replicas:", "namePrefix: a-\nreplicas:", "namePrefix is not known"),
        ("overlays/scale/kustomization.yaml", "- web-autoscaler.yaml", "- web-scaler.yaml", "there is no web-scaler.yaml"),
        ("overlays/scale/kustomization.yaml", "- discord.yaml", "- slack.yaml", "there twice"),
        ("overlays/scale/kustomization.yaml", "reelbot-worker", "reelbot-work", "there is no Deployment reelbot-work"),
        ("overlays/scale/kustomization.yaml", "path: ingress.yaml", "patch: x", "a patch says"),
        ("overlays/scale/settings.yaml", "name: reelbot-settings", "name: settings", "ConfigMap settings to be changed"),
        ("base/ingress.yaml", "networking.k8s.io/v1", "networking.k8s.io/v1beta1", "Ingress reelbot to be changed"),
        ("overlays/scale/settings.yaml", "eu-central-1", "null", "takes something away"),
        ("overlays/scale/ingress.yaml", "  rules:", "  $patch: replace\n  rules:", "takes something away"),
        ("overlays/scale/resources.yaml", "name: reelbot\n          resources:\n            requests: {cpu: 500m", "name: other\n          resources:\n            requests: {cpu: 500m", "adds other to a list"),
    ],
)  # fmt: skip
def test_what_the_reader_does_not_know_it_refuses(path, old, new, why):
    """Rather than check something else than what is applied."""
    assert text_of(path).count(old) == 1

    with pytest.raises(BadKustomization, match=why):
        a_cluster(changed={path: text_of(path).replace(old, new)})


def test_quantities_are_read_as_kubernetes_writes_them():
    """And other units are refused."""
    assert (quantity("500m"), quantity("2"), quantity(1.5), quantity("1Gi")) == (0.5, 2, 1.5, 1 << 30)
    with pytest.raises(ValueError, match="'1G' is no quantity"):
        quantity("1G")
