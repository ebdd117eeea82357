"""An emulator of the Hetzner Cloud API: what the provider hetznercloud/hcloud calls, without servers behind it.

Nothing here boots. Shapes, order of checks, error codes and messages follow the public documentation and the SDK
hcloud-go, so that the real provider works against it unchanged; it is stricter than the real API where that catches
mistakes (a field that nobody documented is refused). `/_lab/` holds what the real API does not have: inventory, request
log, faults, delays.
"""
