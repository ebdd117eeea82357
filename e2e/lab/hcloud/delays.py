"""How long the emulated cloud takes for what it does, in seconds. Small, but not zero: progress must be visible."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat


class Delays(BaseModel):
    """Set by `POST /_lab/delays`; what a request does not name goes back to its default."""

    model_config = ConfigDict(extra="forbid")

    server_create_seconds: NonNegativeFloat = 3.0
    server_start_seconds: NonNegativeFloat = 0.3
    server_delete_seconds: NonNegativeFloat = 0.3
    load_balancer_create_seconds: NonNegativeFloat = 1.0
    volume_create_seconds: NonNegativeFloat = 0.3
    action_seconds: NonNegativeFloat = 0.2
    # The real API answers a DELETE with 204 while the object can be read for some seconds more.
    delete_linger_seconds: NonNegativeFloat = 0.0
    # How much of its waiting between tries the stand-in provider really waits: 1 is what the real one does.
    provider_retry_share: Annotated[float, Field(ge=0, le=1)] = 1.0
