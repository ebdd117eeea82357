"""Settings: read once, whole, and a wrong one stops the operator with a sentence that helps."""

from __future__ import annotations

from datetime import timedelta

import pytest

from catalyst_operator.core.queue.order import RunLimits
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.errors import SettingsError
from catalyst_operator.settings import Settings

LEAST = {"CATALYST_IMAGE": "registry.example/catalyst-operator:1"}


def test_the_least_that_is_needed() -> None:
    settings = Settings.from_env(LEAST)
    assert settings.core.image == LEAST["CATALYST_IMAGE"]
    assert settings.core.hcloud_endpoint == "", "the provider's own default"
    assert (settings.core.poll, settings.core.retry_base) == (timedelta(seconds=10), timedelta(seconds=20))
    assert (settings.core.operator_namespace, settings.log_level) == ("catalyst-system", "INFO")
    assert (settings.core.max_attempts, settings.core.preflight_interval) == (5, timedelta(minutes=1))
    assert (settings.core.create_warning, settings.core.create_limit) == (timedelta(minutes=10), timedelta(minutes=15))
    assert settings.core.run_memory_limit == "512Mi"


def test_what_is_not_set_is_what_the_core_assumes() -> None:
    """Two places name defaults; tests that build the core's settings must see what operators get."""
    assert Settings.from_env(LEAST).core == CoreSettings(image=LEAST["CATALYST_IMAGE"])


def test_every_setting_is_taken_over() -> None:
    settings = Settings.from_env(
        LEAST
        | {
            "CATALYST_IMAGE_PULL_POLICY": "Never",
            "CATALYST_POD": "catalyst-operator-0",
            "CATALYST_RELEASE": "2026-04",
            "HCLOUD_ENDPOINT": "http://emulator/v1",
            "CATALYST_SERVICE_ACCOUNT": "sa",
            "CATALYST_NAMESPACE": "ns",
            "CATALYST_POLL_INTERVAL": "2s",
            "CATALYST_RETRY_BASE": "1m30s",
            "CATALYST_RETRY_CAP": "1h",
            "CATALYST_MAX_ATTEMPTS": "1",
            "CATALYST_MAX_RUNS": "8",
            "CATALYST_MAX_RUNS_PER_PROJECT": "1",
            "CATALYST_MAX_RUNS_PER_NAMESPACE": "2",
            "CATALYST_PREFLIGHT_INTERVAL": "5s",
            "CATALYST_CREATE_WARNING": "2m",
            "CATALYST_CREATE_LIMIT": "3m",
            "CATALYST_RUN_MEMORY_LIMIT": "1Gi",
            "CATALYST_EGRESS_CIDRS": "203.0.113.7/32, 2001:DB8::/48",
            "CATALYST_GIT_URL": "https://git.example/kit",
            "CATALYST_PULL_SECRET": "registry-login",
            "CATALYST_ADOPTION_PROVIDER": "mirror.example:5000/provider-opentofu:v1.1.5",
            "CATALYST_HEALTH_PORT": "1",
            "CATALYST_METRICS_PORT": "65535",
            "CATALYST_LOG_LEVEL": "DEBUG",
        }
    )
    core = settings.core
    assert (core.image_pull_policy, core.default_release, settings.pod) == ("Never", "2026-04", "catalyst-operator-0")
    assert (core.hcloud_endpoint, core.default_git_url) == ("http://emulator/v1", "https://git.example/kit")
    assert core.limits == RunLimits(operator=8, project=1, namespace=2)
    assert core.pull_secret == "registry-login"
    assert core.adoption_provider == "mirror.example:5000/provider-opentofu:v1.1.5"
    assert core.egress_cidrs == ("203.0.113.7/32", "2001:db8::/48")
    assert (core.operator_service_account, core.operator_namespace) == ("sa", "ns")
    assert (core.poll, core.retry_base, core.retry_cap) == (
        timedelta(seconds=2),
        timedelta(seconds=90),
        timedelta(hours=1),
    )
    assert (core.max_attempts, core.run_memory_limit) == (1, "1Gi")
    assert (core.preflight_interval, core.create_warning, core.create_limit) == (
        timedelta(seconds=5),
        timedelta(minutes=2),
        timedelta(minutes=3),
    )
    assert (settings.health_port, settings.metrics_port, settings.log_level) == (1, 65535, "DEBUG")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CATALYST_IMAGE_PULL_POLICY", "Sometimes"),
        ("CATALYST_EGRESS_CIDRS", "203.0.113.7/24"),
        ("CATALYST_POLL_INTERVAL", "soon"),
        ("CATALYST_POLL_INTERVAL", "0s"),
        ("CATALYST_RETRY_BASE", "0s"),
        ("CATALYST_RELEASE", "no-such-release"),
        ("CATALYST_POLL_INTERVAL", ""),
        ("CATALYST_RETRY_BASE", "20"),
        ("CATALYST_RETRY_CAP", "-1s"),
        ("CATALYST_MAX_ATTEMPTS", "0"),
        ("CATALYST_MAX_RUNS", "0"),
        ("CATALYST_MAX_RUNS_PER_PROJECT", "none"),
        ("CATALYST_MAX_RUNS_PER_NAMESPACE", "-1"),
        ("CATALYST_MAX_ATTEMPTS", "-1"),
        ("CATALYST_MAX_ATTEMPTS", "1.5"),
        ("CATALYST_MAX_ATTEMPTS", "many"),
        ("CATALYST_MAX_ATTEMPTS", ""),
        ("CATALYST_PREFLIGHT_INTERVAL", "0s"),
        ("CATALYST_PREFLIGHT_INTERVAL", "often"),
        ("CATALYST_CREATE_WARNING", "10"),
        ("CATALYST_CREATE_LIMIT", "never"),
        ("CATALYST_RUN_MEMORY_LIMIT", "512"),
        ("CATALYST_RUN_MEMORY_LIMIT", "0Mi"),
        ("CATALYST_RUN_MEMORY_LIMIT", "512MB"),
        ("CATALYST_RUN_MEMORY_LIMIT", "512Mi "),
        ("CATALYST_RUN_MEMORY_LIMIT", "lots"),
        ("CATALYST_RUN_MEMORY_LIMIT", "64Mi"),  # Less than a run requests: the API server would refuse every Job.
        ("CATALYST_LEASE_DURATION", "4s"),
        ("CATALYST_LEASE_DURATION", "6m"),
        ("CATALYST_LEASE_DURATION", "15"),
        ("CATALYST_HEALTH_PORT", "0"),
        ("CATALYST_METRICS_PORT", "65536"),
        ("CATALYST_METRICS_PORT", "http"),
        ("CATALYST_LOG_LEVEL", "LOUD"),
        ("CATALYST_GIT_URL", "git@git.example:acme/kit.git"),
        ("CATALYST_GIT_URL", "http://git.example/acme/kit.git"),
        ("CATALYST_GIT_URL", "https://user@git.example/acme/kit.git"),
        ("CATALYST_GIT_URL", "https://git.example/"),
        (
            "CATALYST_ADOPTION_PROVIDER",
            "provider-opentofu:v1.1.5",
        ),  # Crossplane would ask its own registry.
        ("CATALYST_ADOPTION_PROVIDER", "mirror.example/provider-opentofu"),  # No version.
        ("CATALYST_ADOPTION_PROVIDER", "https://mirror.example/provider-opentofu:v1.1.5"),
        ("CATALYST_PULL_SECRET", "Registry"),
        ("CATALYST_PULL_SECRET", ""),
        ("CATALYST_PULL_SECRET", "catalyst-git"),  # It would be wiped by what is delivered under its name.
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match="expected") as refused:
        Settings.from_env(LEAST | {name: value})
    assert name in str(refused.value)
    assert repr(value) in str(refused.value)


def test_a_missing_one_is_named() -> None:
    with pytest.raises(SettingsError, match="neither CATALYST_POD nor CATALYST_IMAGE is set"):
        Settings.from_env({})


def test_in_a_cluster_the_pod_is_enough() -> None:
    """Its own image is what runs use; it is read from the Pod."""
    settings = Settings.from_env({"CATALYST_POD": "catalyst-operator-0"})
    assert (settings.pod, settings.core.image) == ("catalyst-operator-0", "")


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, ""),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "https://10.0.0.1:443"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}, "https://10.0.0.1:6443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, "https://[fd00::1]:443"),
    ],
)
def test_where_the_api_server_is(environ: dict[str, str], url: str) -> None:
    assert Settings.from_env(LEAST | environ).api_server == url


IN_POSTGRES = {"CATALYST_STATE_BACKEND": "pg", "CATALYST_STATE_BACKEND_CONFIG": "host=pg.example, database=states"}


def test_a_store_of_states_is_taken_over() -> None:
    found = Settings.from_env(LEAST | IN_POSTGRES | {"CATALYST_STATE_BACKEND_SECRET": "pg-login"}).core.state_backend
    assert found is not None
    assert (found.kind, found.secret, found.port) == ("pg", "pg-login", 5432)
    unnamed = Settings.from_env(LEAST | IN_POSTGRES).core.state_backend
    assert unnamed is not None
    assert unnamed.secret == "state-backend"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"CATALYST_STATE_BACKEND": "consul"}, "expected one of kubernetes, http, pg"),
        ({"CATALYST_STATE_BACKEND": "pg"}, "CATALYST_STATE_BACKEND_CONFIG for pg: host= is missing"),
        ({"CATALYST_STATE_BACKEND_CONFIG": "host=a"}, "but CATALYST_STATE_BACKEND is kubernetes"),
        (IN_POSTGRES | {"CATALYST_STATE_BACKEND_SECRET": "A_B"}, "expected the name of a Secret"),
    ],
)
def test_a_store_that_is_not_well_named_stops_the_operator(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Settings.from_env(LEAST | wrong)
