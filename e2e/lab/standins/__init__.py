"""Stand-ins for what cannot run on a booted cluster of the lab: source-controller, helm-controller and the gateway.

One process per cluster, beside a real API server and a real kustomize-controller. What they write to Flux' objects is
what source-controller 1.8 and helm-controller 1.2 write, text for text where it is known; what they do behind it is not
Helm: no chart is fetched and nothing of it is installed. Git is real: a branch is fetched with git and served as
source-controller serves it, so that kustomize-controller cannot tell the difference; of signatures only the keys are
looked for.
"""
