"""How a state is sealed: OpenTofu's own encryption, and a key in the form that its external key provider reads."""

from __future__ import annotations

import base64
import json


def configuration(key_file: str) -> str:
    """What OpenTofu takes as TF_ENCRYPTION, with the key in `key_file`. Nothing is ever written that is not sealed.

    The command of the key provider is `cat`: the file already holds what is to be read.
    """
    return f"""\
key_provider "external" "sovereign" {{
  command = ["cat", "{key_file}"]
}}
method "aes_gcm" "sovereign" {{
  keys = key_provider.external.sovereign
}}
state {{
  method   = method.aes_gcm.sovereign
  enforced = true
}}
plan {{
  method   = method.aes_gcm.sovereign
  enforced = true
}}
"""


def key_text(key: bytes) -> str:
    """A key of 32 random bytes as the external key provider reads it from a command's output."""
    encoded = base64.b64encode(key).decode()
    header = {"magic": "OpenTofu-External-Key-Provider", "version": 1}
    body = {"keys": {"encryption_key": encoded, "decryption_key": encoded}, "meta": {"external_data": {}}}
    return f"{json.dumps(header)}\n{json.dumps(body)}\n"
