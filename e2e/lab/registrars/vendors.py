"""All vendors that are emulated."""

from __future__ import annotations

from collections.abc import Sequence

from e2e.lab.registrars.cloudflare import Cloudflare
from e2e.lab.registrars.dynadot import Dynadot
from e2e.lab.registrars.emulator import Emulator
from e2e.lab.registrars.godaddy import GoDaddy
from e2e.lab.registrars.namecheap import Namecheap
from e2e.lab.registrars.ovh import Ovh


def all_vendors() -> Sequence[Emulator]:
    """One of each."""
    return (Cloudflare(), Dynadot(), GoDaddy(), Namecheap(), Ovh())
