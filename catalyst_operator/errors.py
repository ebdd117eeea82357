"""The errors that cross module borders.

CatalystError
├── SettingsError          the operator's own configuration is wrong: it does not start
├── ApiError               the Kubernetes API said no, or nothing
│   ├── NotFound           404
│   ├── Conflict           409: the resourceVersion is stale, or others write at the same time
│   │   └── AlreadyExists  an object of that name is there
│   ├── Refused            400, 403, 422: repeating it unchanged will not help
│   │   └── Unauthorized   401: the server does not know who asks
│   ├── Untrusted          whoever answered is not the server that was meant
│   └── Unavailable        429, 5xx, or no answer: try again later
│       ├── Gone           410: what was watched from is too old to go on from
│       └── TooMuch        it answers with more than is read
├── CloudError             the cloud's API said no, or nothing
│   ├── CloudUnauthorized  it does not accept the token
│   ├── CloudRateLimited   the project has used up its requests
│   ├── CloudNotFound      the project has no such object
│   └── CloudUnavailable   it is broken, out of reach, or not understood
├── GitError               a Git repository could not be read or written
│   ├── GitDenied          it does not accept the credentials, or they may not push
│   ├── GitMissing         there is no such repository
│   ├── GitRejected        it refused the commit, in its own words
│   │   └── GitTooLarge    its newest commit is more than is read
│   └── GitUnavailable     it is broken, out of reach, or not trusted
├── DnsError               the DNS server's API said no, or nothing
│   ├── DnsDenied          it does not accept the key
│   ├── DnsConflict        the zone exists already, or a record cannot stand beside another
│   ├── DnsRefused         it does not accept what was asked for
│   └── DnsUnavailable     it is broken, out of reach, or not understood
├── RegistrarError         a registrar's API said no, or nothing
│   ├── RegistrarUnauthorized  it does not accept the credentials
│   │   └── RegistrarCredentialsIncomplete  the Secret lacks a key, so nobody was asked
│   ├── RegistrarForbidden     they are accepted, but lack a right
│   ├── RegistrarRefused       the change, or the domain, is not acceptable to it
│   ├── RegistrarRateLimited   too many requests
│   └── RegistrarUnavailable   it is broken, out of reach, or not understood
├── TofuError              OpenTofu did not do what the operator itself asked it for
│   └── TofuUnavailable    it could not be run: try again later
│       └── TofuTimeout    it did not come to an end
├── LeaseLost              another operator may act by now: this one writes nothing any more
└── CorruptRecord          the record ConfigMap does not parse
"""

from __future__ import annotations

from datetime import datetime

from catalyst_operator.core.redact import visible


class CatalystError(Exception):
    """Root of all errors raised on purpose. The message may quote what came from outside: only what can be seen of it
    is kept."""

    def __init__(self, message: str = "") -> None:
        super().__init__(visible(message))


class SettingsError(CatalystError):
    """A setting is missing or does not parse; the message names the variable, its value and what is expected."""


class ApiError(CatalystError):
    """A request to a Kubernetes API failed. `status` is the HTTP status, 0 when there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotFound(ApiError):
    """The object, or its kind, is not there."""


class Conflict(ApiError):
    """It was changed since it was read, or others change something at the same time."""


class AlreadyExists(Conflict):
    """An object of this name is there, so none was created."""


class Refused(ApiError):
    """The request itself is not acceptable to the server."""


class Unauthorized(Refused):
    """The server does not accept the credentials."""


class Untrusted(ApiError):
    """The server's certificate is not of the authority that was expected, or for another name."""


class Unavailable(ApiError):
    """The server is overloaded, broken or out of reach."""


class Gone(Unavailable):
    """The resourceVersion that was to be watched from is not kept any more: list again."""


class TooMuch(Unavailable):
    """The answer is larger, longer or more frequent than the operator reads. The message says of what, as a noun: what
    was read of it says nothing."""

    def __init__(self, what: str) -> None:
        super().__init__(200, what)


class CloudError(CatalystError):
    """A request to the cloud's API failed. No message of these ever holds the token."""


class CloudUnauthorized(CloudError):
    """The token is not accepted. The message says why, as a clause."""


class CloudRateLimited(CloudError):
    """The project has used up its requests. `until` is when it is worth asking again."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"the project's request limit is used up until {until:%H:%M:%S} UTC")
        self.until = until


class CloudNotFound(CloudError):
    """The project has no object of that id."""


class CloudUnavailable(CloudError):
    """No answer, or none that can be used. The message says why, as a clause."""


class GitError(CatalystError):
    """A Git repository could not be read or written. The message is a clause, and never holds credentials."""


class GitDenied(GitError):
    """The credentials are not accepted, or may not push."""


class GitAnonymous(GitDenied):
    """It wants to know who asks, and was asked without a user name."""


class GitAuthorityUnreadable(GitDenied):
    """What is given as the authority's certificate is none."""


class GitMissing(GitError):
    """The repository does not exist, or is not shown to these credentials."""


class GitCommitMissing(GitMissing):
    """The repository does not give out the commit that was asked for by its name."""


class GitRejected(GitError):
    """The server refused the commit: a protected branch, a hook, or others who push all the time."""


class GitTooLarge(GitRejected):
    """The newest commit is more than the operator reads."""


class GitUnavailable(GitError):
    """The server is broken, out of reach, or its certificate is not trusted."""


class GitCommitUnclear(GitUnavailable):
    """The server hung up when it was asked for a commit by its name: it does not have it, or was cut off."""


class GitUntrusted(GitUnavailable):
    """The server's certificate is not trusted."""


class DnsError(CatalystError):
    """A request to PowerDNS' API failed. The message is a clause, and never holds the key."""


class DnsDenied(DnsError):
    """The API key is not accepted."""


class DnsConflict(DnsError):
    """A zone of the name exists, or a record set of the name stands in the way."""


class DnsRefused(DnsError):
    """What was asked for is not acceptable: repeating it unchanged will not help."""


class DnsUnavailable(DnsError):
    """No answer, or none that can be used."""


class RegistrarError(CatalystError):
    """A request to a registrar's API failed. The message is a clause, and never holds credentials. `remedy` is one or
    two sentences for the domain's owner, specific to the vendor."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class RegistrarUnauthorized(RegistrarError):
    """The credentials are not accepted: unknown, revoked, expired, or wrongly signed."""


class RegistrarCredentialsIncomplete(RegistrarUnauthorized):
    """The Secret lacks `keys`, or they are empty. The registrar was not asked."""

    def __init__(self, message: str, keys: tuple[str, ...], remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.keys = keys


class RegistrarForbidden(RegistrarError):
    """The credentials are known but lack a right: a scope, an address on an allow-list, a plan of the account."""


class RegistrarRefused(RegistrarError):
    """The domain is not in this account, is locked, or the change is not possible there: repeating it will not help."""


class RegistrarRateLimited(RegistrarError):
    """Too many requests. `until` is when it is worth asking again."""

    def __init__(self, message: str, until: datetime, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.until = until


class RegistrarUnavailable(RegistrarError):
    """No answer, or none that can be used. Whether a change was carried out is then not known: look before repeating
    it. `unclear`: there was an answer, in a way that nobody foresaw. That may pass or may last for ever, so it is asked
    again some times only."""

    def __init__(self, message: str, remedy: str = "", *, unclear: bool = False) -> None:
        super().__init__(message, remedy)
        self.unclear = unclear


class TofuError(CatalystError):
    """OpenTofu, run by the operator itself, ended with an error; the message has its last words."""


class TofuUnavailable(TofuError):
    """OpenTofu could not be run: that says nothing of what it was given."""


class TofuTimeout(TofuUnavailable):
    """OpenTofu did not come to an end with what it was given: the machine has little time, or it takes too much."""


class LeaseLost(CatalystError):
    """This operator does not hold the Lease, or not for certain."""


class CorruptRecord(CatalystError):
    """The record cannot be read; guessing what it said could create a cluster twice."""
