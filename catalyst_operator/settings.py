"""The operator's settings: the only module that reads the environment.

A value that does not parse stops the operator at start, with the variable, the value and what is expected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from catalyst_operator.adapters import template
from catalyst_operator.api.scalars import parse_duration
from catalyst_operator.core import releases
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.errors import SettingsError

LEAST_RUN_MEMORY = 128
"""MiB that each container of a run asks for."""
PULL_POLICIES = ("Always", "IfNotPresent", "Never")


@dataclass(frozen=True)
class Settings:
    """What the composition needs."""

    core: CoreSettings
    """Its image is empty unless CATALYST_IMAGE is set: in a cluster, runs use the image of the operator's own Pod."""
    api_server: str
    """URL of the API server inside a cluster; empty outside, where a kubeconfig says it."""
    pod: str
    health_port: int
    metrics_port: int
    log_level: str
    template: Path
    """Folder of the bootstrap kit's shared template."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Raises SettingsError naming the first variable that is missing or wrong."""
        read = _Reader(environ)
        if not environ.get("CATALYST_IMAGE") and not environ.get("CATALYST_POD"):
            raise SettingsError(
                "neither CATALYST_POD nor CATALYST_IMAGE is set; the Deployment in deploy/base sets the first"
            )
        return cls(
            core=CoreSettings(
                image=read.text("CATALYST_IMAGE", ""),
                image_pull_policy=read.choice("CATALYST_IMAGE_PULL_POLICY", "IfNotPresent", PULL_POLICIES),
                hcloud_endpoint=read.text("HCLOUD_ENDPOINT", ""),
                operator_service_account=read.text("CATALYST_SERVICE_ACCOUNT", "catalyst-operator"),
                operator_namespace=read.text("CATALYST_NAMESPACE", "catalyst-system"),
                poll=read.duration("CATALYST_POLL_INTERVAL", "10s"),
                retry_base=read.duration("CATALYST_RETRY_BASE", "20s"),
                retry_cap=read.duration("CATALYST_RETRY_CAP", "10m"),
                max_attempts=read.count("CATALYST_MAX_ATTEMPTS", "5"),
                preflight_interval=read.duration("CATALYST_PREFLIGHT_INTERVAL", "1m"),
                create_warning=read.duration("CATALYST_CREATE_WARNING", "10m"),
                create_limit=read.duration("CATALYST_CREATE_LIMIT", "15m"),
                run_memory_limit=read.quantity("CATALYST_RUN_MEMORY_LIMIT", CoreSettings.run_memory_limit),
                first_seen_timeout=read.duration("CATALYST_PHASE1_FIRST_SEEN_TIMEOUT", "15m"),
                watch_timeout=read.duration("CATALYST_PHASE1_WATCH_TIMEOUT", "60m"),
                min_components=read.count("CATALYST_PHASE1_MIN_BOOTSTRAP_KIT_HRS", "11"),
                observer_lifetime=read.duration("CATALYST_OBSERVER_LIFETIME", "1h"),
                survey_interval=read.duration("CATALYST_SURVEY_INTERVAL", "10s"),
                settled_survey_interval=read.duration("CATALYST_SETTLED_SURVEY_INTERVAL", "60s"),
                console_check=read.choice("CATALYST_CONSOLE_CHECK", "true", ("true", "false")) == "true",
                default_git_url=read.text("CATALYST_GIT_URL", CoreSettings.default_git_url),
                chart_registry=read.text("CATALYST_CHART_REGISTRY", ""),
                default_release=read.release("CATALYST_RELEASE"),
            ),
            api_server=_api_server(environ),
            pod=read.text("CATALYST_POD", ""),
            health_port=read.port("CATALYST_HEALTH_PORT", "8080"),
            metrics_port=read.port("CATALYST_METRICS_PORT", "8081"),
            log_level=read.choice("CATALYST_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            template=Path(read.text("CATALYST_TEMPLATE", str(template.default_folder()))),
        )


def _api_server(environ: Mapping[str, str]) -> str:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    literal = f"[{host}]" if ":" in host else host
    return f"https://{literal}:{port}" if host else ""


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name, default)
        if value is None:
            raise SettingsError(f"{name} is not set; the operator's Deployment sets it")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise SettingsError(f"{name}={value!r}: expected one of {', '.join(choices)}")
        return value

    def duration(self, name: str, default: str) -> timedelta:
        """At least a second: a pause of none would be a hot loop."""
        value = self.text(name, default)
        try:
            found = parse_duration(value)
        except ValueError:
            found = timedelta(0)
        if found < timedelta(seconds=1):
            raise SettingsError(f"{name}={value!r}: expected a duration of a second or more, such as 90s, 15m or 1h30m")
        return found

    def count(self, name: str, default: str) -> int:
        value = self.text(name, default)
        if not value.isdecimal() or int(value) < 1:
            raise SettingsError(f"{name}={value!r}: expected a whole number of 1 or more")
        return int(value)

    def quantity(self, name: str, default: str) -> str:
        value = self.text(name, default)
        found = re.fullmatch(r"([1-9][0-9]*)(Mi|Gi)", value)
        if not found or int(found[1]) * {"Mi": 1, "Gi": 1024}[found[2]] < LEAST_RUN_MEMORY:
            raise SettingsError(f"{name}={value!r}: expected {LEAST_RUN_MEMORY}Mi or more, such as 512Mi or 1Gi")
        return value

    def release(self, name: str) -> str | None:
        value = self.text(name, "") or None
        try:
            releases.load().get(value)
        except releases.UnknownReleaseError as error:
            known = ", ".join(sorted(releases.load().releases))
            raise SettingsError(f"{name}={value!r}: expected one of {known}") from error
        return value

    def port(self, name: str, default: str) -> int:
        value = self.text(name, default)
        if not value.isdecimal() or not 0 < int(value) < 65536:
            raise SettingsError(f"{name}={value!r}: expected a port from 1 to 65535")
        return int(value)
