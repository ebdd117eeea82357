"""Which Flux' CRDs the lab's clusters serve."""

from __future__ import annotations

import yaml

from catalyst_operator.core.kit import releases
from e2e.lab import flux_crds

OLD = """\
kind: CustomResourceDefinition
spec:
  versions:
  - additionalPrinterColumns:
    - name: URL
    name: v1beta2
    served: true
    storage: true
"""
NEW = """\
kind: CustomResourceDefinition
spec:
  versions:
  - additionalPrinterColumns:
    - name: URL
    name: v1
    served: true
    storage: true
    subresources:
      status: {}
  - additionalPrinterColumns:
    - name: Old
    name: v1beta2
    served: true
    storage: false
"""


def test_they_are_of_the_flux_that_every_release_boots() -> None:
    """A release with another Flux needs another set here, or stories would pass that fail on a real cluster."""
    booted = {release.downloads.flux.version for release in releases.load().releases.values()}
    assert booted == {f"v{flux_crds.VERSION}"}


def test_a_version_that_came_later_is_served_and_not_stored() -> None:
    """What is stored stays what that Flux stores."""
    merged = yaml.safe_load(flux_crds.served_too(OLD, NEW, "v1"))
    found = {version["name"]: (version["served"], version["storage"]) for version in merged["spec"]["versions"]}
    assert found == {"v1beta2": (True, True), "v1": (True, False)}
    assert merged["spec"]["versions"][1]["subresources"] == {"status": {}}
