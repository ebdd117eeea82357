"""What a new cluster trusts: read with the same library, judged by what k3s and strict clients ask for."""

from __future__ import annotations

import hashlib
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from catalyst_operator.adapters.new_cluster.authorities import AUTHORITIES, SERVICE_ACCOUNT_KEY, make
from tests.support.gen import NOW
from tests.support.paths import REPOSITORY

TRUST = make(NOW)
MODULE = REPOSITORY / "infra" / "hetzner" / "variables.tf"


def certificate(name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(TRUST.files[f"{name}.crt"].encode())


def test_the_files_are_those_that_the_module_takes() -> None:
    listed = re.search(r"ca_file_names = \[(.*?)\]", MODULE.read_text(), re.DOTALL)
    assert listed is not None
    assert set(TRUST.files) == set(re.findall(r'"([^"]+)"', listed[1]))


@pytest.mark.parametrize("name", AUTHORITIES)
def test_each_authority_is_one_and_its_own(name: str) -> None:
    found = certificate(name)
    found.verify_directly_issued_by(found)
    assert found.not_valid_before_utc < NOW < found.not_valid_after_utc
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, True)
    usage = found.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign) == (True, True)
    assert found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    key = serialization.load_pem_private_key(TRUST.files[f"{name}.key"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == found.public_key()


def test_no_two_share_a_key() -> None:
    keys = [text for name, text in TRUST.files.items() if name.endswith(".key")]
    assert SERVICE_ACCOUNT_KEY in TRUST.files
    assert len(set(keys)) == len(keys) == len(AUTHORITIES) + 1


def test_the_tokens_name_the_authority_and_differ() -> None:
    """Joiners verify whom they join by the hash of the file that the server shows them."""
    digest = hashlib.sha256(TRUST.files["server-ca.crt"].encode()).hexdigest()
    server, agent = TRUST.server_token, TRUST.agent_token
    assert re.fullmatch(f"K10{digest}::server:[0-9a-f]{{48}}", server)
    assert re.fullmatch(f"K10{digest}::node:[0-9a-f]{{48}}", agent)
    assert server.rpartition(":")[2] != agent.rpartition(":")[2]


def test_another_cluster_trusts_others() -> None:
    assert not set(make(NOW).files.values()) & set(TRUST.files.values())
