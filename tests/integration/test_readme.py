"""What the README tells people to apply is taken by a real API server, with all rules and policies in force."""

import pytest

from tests.integration.apiserver import Api
from tests.support import readme

pytestmark = pytest.mark.integration


def test_the_sovereign_of_the_readme_is_admitted(api: Api, namespace: str) -> None:
    manifest = readme.manifest()
    manifest["metadata"]["namespace"] = namespace
    made = api.create(f"/apis/catalyst.openova.io/v1alpha1/namespaces/{namespace}/sovereigns", manifest)
    assert made["spec"]["deletionProtection"] is True
    assert made["spec"]["dryRun"] is True
