"""DomainReservations: observe, decide, apply, in modules of their own."""
