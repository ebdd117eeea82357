"""The ValidatingAdmissionPolicies that come with the operator: `deploy/base/admission-policies.yaml` is made from them.

They say what may not be deleted, what is the operator's alone to write, and what the operator itself may not do. None
names a namespace: the operator is told by its ServiceAccount's name and by a right that only its ClusterRole gives.
"""
