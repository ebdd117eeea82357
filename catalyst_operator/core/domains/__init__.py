"""Domains as decisions see them: names, zones, delegation. Pure, as everything in core."""
