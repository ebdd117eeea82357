"""The Sovereign's own folder in a Git repository, for mode Commit and for people with a repository of their own.

The folder is small: it names the shared template and the components, and holds the Kustomization that Flux follows it
with, so that what the cluster is told lies in Git from then on.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, StrictUndefined, Template

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.kit.quoting import quoted
from catalyst_operator.core.kit.releases import Release
from catalyst_operator.core.kit.selection import folders
from catalyst_operator.core.kit.values import values
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, SOURCE, kit_name

_HEADER = """\
# Sovereign {{ fqdn }}, release {{ release }}.{% if place %} Flux follows it in {{ place }}.{% endif %}
# Written by catalyst-operator, which in mode Commit writes the whole folder again whenever the Sovereign changes: edit
# the Sovereign, and put what is your own into other folders.
"""
_KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../_template/bootstrap-kit
  - sync.yaml
{%- if components %}
components:
{%- for component in components %}
  - {{ component }}
{%- endfor %}
{%- endif %}
"""
# The spec that first boot gives the same object (infra/hetzner/cloudinit.tf). The values are no template. A folder that
# loses this file must not make Flux prune the Kustomization: with it would go all that it ever applied.
_SYNC = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: {{ name | quoted }}
  namespace: {{ namespace }}
  annotations:
    kustomize.toolkit.fluxcd.io/substitute: disabled
    kustomize.toolkit.fluxcd.io/prune: disabled
spec:
  interval: 10m
  retryInterval: 1m
  timeout: 5m
  prune: true
  path: {{ path | quoted }}
  sourceRef:
    kind: GitRepository
    name: {{ source }}
  postBuild:
    substitute:
{%- for variable, value in values | dictsort(case_sensitive=true) %}
      {{ variable }}: {{ value | quoted }}
{%- endfor %}
"""


def overlay_path(fqdn: str) -> str:
    """The Sovereign's folder, relative to the repository's top."""
    return f"clusters/{fqdn}"


def overlay(
    sovereign: Sovereign,
    release: Release,
    *,
    pull_secret: str,
    place: str = "",
    chart_registry: str = "",
    adoption_provider: str = "",
    module: str = "",
    chart_authorities: bool = False,
) -> dict[str, str]:
    """Path, relative to the repository's top, -> text of each file of the folder. Equal input gives equal text.

    `place` is what the cluster follows, in words; the files only tell it to people.
    """
    spec = sovereign.spec
    folder = overlay_path(spec.domain.fqdn)
    context = {
        "fqdn": spec.domain.fqdn,
        "release": release.name,
        "place": place,
        "name": kit_name(spec.domain.fqdn),
        "namespace": FLUX_NAMESPACE,
        "source": SOURCE,
        "path": spec.gitops.path or folder,
        "components": [path.replace("..", "../_template", 1) for path in folders(spec, release)],
        "values": values(
            sovereign,
            release,
            pull_secret=pull_secret,
            chart_registry=chart_registry,
            adoption_provider=adoption_provider,
            module=module,
            chart_authorities=chart_authorities,
        ),
    }
    files = {"kustomization.yaml": _KUSTOMIZATION, "sync.yaml": _SYNC}
    return {f"{folder}/{name}": _template(_HEADER + text).render(context) for name, text in files.items()}


@cache
def _template(text: str) -> Template:
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    environment.filters["quoted"] = quoted
    return environment.from_string(text)
