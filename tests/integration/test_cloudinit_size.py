"""user_data fits: Hetzner takes 32 KiB, and what does not fit would only be found out when a Sovereign is planned."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.kit import blueprints
from catalyst_operator.core.runs.tfvars import tfvars
from tests.integration.cloud_init import TRUST, render
from tests.integration.tofu import OpenTofu
from tests.support import gen

pytestmark = pytest.mark.integration

LIMIT = 32 * 1024
HIGHLY_AVAILABLE = gen.spec(controlPlane={"size": "cx33", "replicas": 3}, workers={"size": "cx43", "replicas": 2})
LETTERS = "".join(chr(code) for code in (*range(0x4E00, 0x9FA5), *range(0xAC00, 0xD7A3), *range(0x1F300, 0x1F5FF)))
ASCII = "abcdefghijklmnopqrstuvwxyz0123456789"


def user_data(folder: Path, sovereign: Sovereign) -> int:
    """Length of the longest user_data, given what the operator gives the module."""
    trust = {"ca_files": dict(TRUST.files), "server_token": TRUST.server_token, "agent_token": TRUST.agent_token}
    variables: dict[str, Any] = {**tfvars(sovereign, gen.SETTINGS), **trust}
    return max(len(boot.user_data) for boot in render(OpenTofu.without_provider(folder), variables).all)


def test_a_highly_available_sovereign_leaves_room(tmp_path: Path) -> None:
    """A third of the limit is free for what comes."""
    size = user_data(tmp_path, gen.sovereign(HIGHLY_AVAILABLE))
    print(f"user_data of a highly available Sovereign: {size} of {LIMIT} bytes")
    assert size < LIMIT * 2 / 3


def test_the_largest_sovereign_that_is_admitted_fits(tmp_path: Path) -> None:
    """Every text as long as its field takes, of letters that do not compress, and all components."""
    chance = random.Random(7)  # noqa: S311 - the same texts each time

    def text(length: int, letters: str = LETTERS) -> str:
        return "".join(chance.choices(letters, k=length))

    largest = gen.sovereign(
        HIGHLY_AVAILABLE,
        gen.spec(
            organization={
                "name": text(100),
                "industry": text(64),
                "size": text(32),
                "headquarters": text(100),
                "complianceFrames": [text(64) for _ in range(16)],
            },
            adminEmail=f"{text(64, ASCII)}@{text(60, ASCII)}.{text(60, ASCII)}.{text(50, ASCII)}.example",
            domain={"mode": "pool", "fqdn": f"{text(32, ASCII)}.omani.works"},
            federation={
                "issuerURL": f"https://issuer.example/{text(480, ASCII)}",
                "clientID": text(256),
                "clientSecretRef": {"name": "federation"},
            },
            objectStorage={
                "provider": "s3",
                "endpoint": f"https://s3.example/{text(480, ASCII)}",
                "bucket": text(63, ASCII),
                "credentialsSecretRef": {"name": "s3"},
            },
            gitops={
                "url": f"https://git.example/{text(480, ASCII)}",
                "ref": {"tag": text(128, ASCII)},
                "verify": {"mode": "TagAndHEAD", "secretRef": {"name": "keys"}},
                "credentialsSecretRef": {"name": "git"},
            },
            imagePullSecretRef={"name": "pull"},
            components=list(blueprints.load().blueprints),
        ),
    )
    size = user_data(tmp_path, largest)
    print(f"user_data of the largest Sovereign that is admitted: {size} of {LIMIT} bytes")
    assert size < LIMIT
