"""Registrars for the lab: five vendors' APIs as their documents say, refusals included, in one process."""
