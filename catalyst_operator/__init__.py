"""Catalyst operator: reconciles Sovereigns and DomainReservations on the management cluster."""
