"""Stand-in for Cilium's chart: it takes the values that first boot gives it, and installs objects that nobody runs.

It fails to render without the values on which a cluster of k3s without kube-proxy depends. A hook before the install
waits for a Job, as charts' hooks do.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile

VALUES = {
    "kubeProxyReplacement": True,
    "k8sServiceHost": "127.0.0.1",
    "k8sServicePort": 6444,
    "gatewayAPI.enabled": True,
    "ipam.mode": "kubernetes",
}
"""What is asked for."""
_REQUIRED = "{{- if ne (toString %s) %s }}{{ fail %s }}{{ end }}"
_OBJECTS = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cilium, namespace: {{ .Release.Namespace }}}
spec:
  selector: {matchLabels: {k8s-app: cilium}}
  template:
    metadata: {labels: {k8s-app: cilium}}
    spec: {containers: [{name: cilium-agent, image: "quay.io/cilium/cilium:v{{ .Chart.AppVersion }}"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cilium-operator, namespace: {{ .Release.Namespace }}}
spec:
  replicas: {{ .Values.operator.replicas }}
  selector: {matchLabels: {name: cilium-operator}}
  template:
    metadata: {labels: {name: cilium-operator}}
    spec: {containers: [{name: cilium-operator, image: "quay.io/cilium/operator:v{{ .Chart.AppVersion }}"}]}
"""
_HOOK = """\
---
apiVersion: batch/v1
kind: Job
metadata:
  name: cilium-hook
  namespace: {{ .Release.Namespace }}
  annotations: {helm.sh/hook: pre-install, helm.sh/hook-delete-policy: before-hook-creation}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: hook, image: quay.io/cilium/hook}]}
"""


def chart(version: str) -> bytes:
    """The packed chart."""
    about = {"apiVersion": "v2", "name": "cilium", "version": version, "appVersion": version}
    defaults = {"operator": {"replicas": 2}, "gatewayAPI": {"enabled": False}, "ipam": {"mode": "cluster-pool"}}
    demands = "\n".join(_demand(name, value) for name, value in VALUES.items())
    files = {
        "Chart.yaml": json.dumps(about),
        "values.yaml": json.dumps(defaults),
        "templates/cilium.yaml": f"{demands}\n{_OBJECTS}{_HOOK}",
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"cilium/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


def _demand(name: str, value: object) -> str:
    wanted = json.dumps(value).strip('"')
    return _REQUIRED % (f".Values.{name}", json.dumps(wanted), json.dumps(f"{name} is not {wanted}"))
