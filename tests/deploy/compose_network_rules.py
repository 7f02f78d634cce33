"""What our compose files promise of who reaches whom, one function per promise; see `compose_rules.py`."""

from __future__ import annotations

from bot.settings.names import all_settings
from tests.deploy.compose import Compose, awaited, command, environment, mounts
from tests.deploy.reading import documents

PUBLIC = frozenset({"80:80", "443:443", "443:443/udp"})


def the_database_is_out_of_reach(compose: Compose) -> list[str]:
    """It is on internal networks only, which nobody shares who can be reached from outside; only the proxy is public."""
    wrong = []
    for name, each in compose.services.items():
        for port in each.get("ports", []):
            if not port.startswith("127.0.0.1:") and not (name == "caddy" and port in PUBLIC):
                wrong.append(f"{name} opens {port} to everybody")
        if (
            "postgres" in compose.services
            and each.get("ports")
            and compose.networks(name) & compose.networks("postgres")
        ):
            wrong.append(f"{name} can be reached from outside and reaches the database")
    if "postgres" in compose.services:
        wrong += [f"{each} leads outside" for each in compose.networks("postgres") if not compose.is_internal(each)]
    return wrong


def everybody_reaches_whom_he_needs(compose: Compose) -> list[str]:
    """Ours the database, and all but the upgrade the world; what publishes a port is on a network where that works."""
    wrong = []
    for name, each in compose.ours.items():
        if "postgres" in compose.services and not compose.networks(name) & compose.networks("postgres"):
            wrong.append(f"{name} does not reach the database")
        if command(each)[0] == "run" and all(map(compose.is_internal, compose.networks(name))):
            wrong.append(f"{name} does not reach the world")
    for name, each in compose.services.items():
        if each.get("ports") and all(map(compose.is_internal, compose.networks(name))):
            wrong.append(f"the ports of {name} are published nowhere")
        for other in awaited(each):
            if other in compose.ours or compose.networks(other) == frozenset() or name in compose.ours:
                continue
            if not compose.networks(name) & compose.networks(other):
                wrong.append(f"{name} does not reach {other}")
    return wrong


def what_is_published_is_listened_on(compose: Compose) -> list[str]:
    """The port inside is Reelbot's own, which no setting here changes."""
    inside = str(all_settings()["REELBOT_WEB__PORT"].default)
    return [
        f"{name} publishes {port}"
        for name, each in compose.ours.items()
        for port in each.get("ports", [])
        if port.rpartition(":")[2] != inside or "REELBOT_WEB__PORT" in environment(each)
    ]


def only_the_proxy_says_whom_it_speaks_for(compose: Compose) -> list[str]:
    """The addresses whose word is taken are the proxy's network, on which are only the proxy and whom it asks."""
    edge = (compose.document.get("networks", {}).get("edge") or {}).get("ipam", {}).get("config", [])
    wrong = []
    for name, each in compose.ours.items():
        trusted = environment(each).get("REELBOT_WEB__TRUSTED_PROXIES")
        if trusted is not None and [{"subnet": trusted}] != edge:
            wrong.append(f"{name} believes {trusted}")
    for name in compose.services:
        if "edge" in compose.networks(name) and name not in {"caddy", "web", "slack"}:
            wrong.append(f"{name} is where only the proxy should be")
    return wrong


def prometheus_finds_every_process(compose: Compose) -> list[str]:
    """Each that runs has its metrics on a network with Prometheus, at the port that it asks; its rules are mounted."""
    if "prometheus" not in compose.services:
        return []
    inside = {target: source for source, target, _ in mounts(compose.services["prometheus"]) if source}
    (config,) = documents((compose.folder / inside["/etc/prometheus/prometheus.yml"]).read_text(encoding="utf-8"))
    wrong = [f"{each} is not mounted" for each in config["rule_files"] if f"/etc/prometheus/{each}" not in inside]
    (search,) = config["scrape_configs"][0]["dns_sd_configs"]
    running = {name for name, each in compose.ours.items() if command(each)[0] == "run"}
    wrong += [f"{name} is not asked, or does not exist" for name in sorted(running ^ set(search["names"]))]
    for name in sorted(running):
        port = environment(compose.ours[name]).get("REELBOT_METRICS__PORT")
        wrong += [] if port == str(search["port"]) else [f"{name} has its metrics at {port}"]
        wrong += [] if compose.networks(name) & compose.networks("prometheus") else [f"{name} is not reached"]
    return wrong


def grafana_shows_our_dashboard(compose: Compose) -> list[str]:
    """The folder that it looks into holds the dashboard, and the address of Prometheus is that of the service."""
    if "grafana" not in compose.services:
        return []
    inside = {target: source for source, target, _ in mounts(compose.services["grafana"]) if source}
    provisioning = compose.folder / inside["/etc/grafana/provisioning"]
    (boards,) = documents((provisioning / "dashboards" / "reelbot.yaml").read_text(encoding="utf-8"))
    (sources,) = documents((provisioning / "datasources" / "reelbot.yaml").read_text(encoding="utf-8"))
    folder, address = boards["providers"][0]["options"]["path"], sources["datasources"][0]["url"]
    wrong = [] if inside.get(f"{folder}/reelbot.json") == "./grafana/dashboard.json" else [f"nothing is in {folder}"]
    wrong += [] if address == "http://prometheus:9090" else [f"Prometheus is not at {address}"]
    return wrong + (
        [] if compose.networks("grafana") & compose.networks("prometheus") else ["Prometheus is not reached"]
    )


RULES = (
    the_database_is_out_of_reach,
    everybody_reaches_whom_he_needs,
    what_is_published_is_listened_on,
    only_the_proxy_says_whom_it_speaks_for,
    prometheus_finds_every_process,
    grafana_shows_our_dashboard,
)
