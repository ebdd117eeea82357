"""A real git server over HTTPS for the lab: `git http-backend` behind a small web server.

It holds `openova/openova.git`, which everybody may read and which carries the bootstrap kit of the checkout, and the
private repositories that stories ask for.
"""
