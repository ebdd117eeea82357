"""A browser as far as signing in needs one: it follows redirects, keeps cookies and sends forms."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPMessage
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import IO

_FORM = re.compile(r'<form[^>]* action="(?P<action>[^"]+)"')


@dataclass(frozen=True)
class Page:
    """Where a browser ended up, and what is shown there."""

    url: str
    text: str


class Browser:
    """Finds a public address at a local one, which has no TLS."""

    def __init__(self, public: str, local: str) -> None:
        cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self._where = _Where(public, local)
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies), self._where)

    def open(self, url: str, form: dict[str, str] | None = None) -> Page:
        body = urllib.parse.urlencode(form).encode() if form else None
        try:
            answer = self._opener.open(self._where.local_of(url), body, timeout=120)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Page(answer.url, answer.read().decode())

    def submit(self, page: Page, **fields: str) -> Page:
        form = _FORM.search(page.text)
        assert form, page.text
        return self.open(html.unescape(form["action"]), fields)


class _Where(urllib.request.HTTPRedirectHandler):
    def __init__(self, public: str, local: str) -> None:
        self._public, self._local = public, local

    def local_of(self, url: str) -> str:
        return self._local + url.removeprefix(self._public) if url.startswith(self._public) else url

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        return super().redirect_request(req, fp, code, msg, headers, self.local_of(newurl))
