"""Writes `deploy/base/admission-policies.yaml`; with `--check`, only compares.

python -m catalyst_operator.admission.generate [--check] [--root DIR]

An installation whose ServiceAccount has another name, as with a namePrefix of kustomize, needs policies of its own:

python -m catalyst_operator.admission.generate --service-account NAME > admission-policies.yaml
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from catalyst_operator.admission import deletions, limits, requests, reserved
from catalyst_operator.admission.policy import Manifest
from catalyst_operator.api import labels
from catalyst_operator.api.generate.files import to_yaml

PATH = Path("deploy/base/admission-policies.yaml")
_HEADER = "# Generated from catalyst_operator/admission by `make generate`; edit that, not this file.\n"


def manifests(service_account: str = labels.OPERATOR_NAME) -> list[Manifest]:
    """Every policy with its binding, for an operator whose ServiceAccount is called so."""
    modules = (deletions, reserved, limits, requests)
    policies = (policy for module in modules for policy in module.policies(service_account))
    return [manifest for policy in policies for manifest in policy.manifests()]


def text(service_account: str = labels.OPERATOR_NAME) -> str:
    """The manifests as one YAML file."""
    return _HEADER + "---\n".join(map(to_yaml, manifests(service_account)))


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 if `--check` found drift."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the file is out of date")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="root of the repository")
    parser.add_argument("--service-account", help="print the policies for an operator of this name instead")
    options = parser.parse_args(arguments)
    if options.service_account:
        print(text(options.service_account), end="")
        return 0
    path: Path = options.root / PATH
    if not options.check:
        path.write_text(text(), "utf-8")
        return 0
    if path.exists() and path.read_text("utf-8") == text():
        return 0
    print(f"{PATH} is out of date: run `make generate`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
