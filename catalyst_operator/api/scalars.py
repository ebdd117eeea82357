"""Scalar types of the API: strings, times and durations with their bounds and the sentence that refuses them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from catalyst_operator.api import sizes
from catalyst_operator.api.schema import VALIDATIONS, Format, ListSet, Rule

# A Sovereign's name ends up in the names of its run namespace (`sov-<name>-<hash5>`) and of every cloud object.
SOVEREIGN_NAME_MAX = 40
# Flux object names on the new cluster, `<fqdn>-bootstrap-kit`, end up in label values, which take 63 characters.
FQDN_MAX = 49

DNS_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_DNS_LABEL_63 = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_DURATION = "(?:[0-9]{1,6}[hms]){1,3}"
_DURATION_MESSAGE = 'must be a duration such as "90s", "15m" or "1h30m"'


def parse_duration(text: str) -> timedelta:
    """Parse `90s`, `15m`, `1h30m`; raise ValueError with a sentence that helps."""
    if not re.fullmatch(_DURATION, text):
        raise ValueError(f"{text!r}: {_DURATION_MESSAGE}")
    seconds = {"h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"([0-9]+)([hms])", text)
    return timedelta(seconds=sum(int(number) * seconds[unit] for number, unit in parts))


def format_duration(value: timedelta) -> str:
    """The spelling that `parse_duration` reads back, in whole seconds: 5400 s is `1h30m`, 90 s is `1m30s`."""
    hours, rest = divmod(max(0, int(value.total_seconds())), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number]
    return "".join(parts) or "0s"


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as metav1.Time is written."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole_seconds(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(microsecond=0)


Time = Annotated[
    AwareDatetime,
    AfterValidator(_whole_seconds),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 64}),
]


class Duration:
    """Marks a `timedelta` that is a duration string on the wire, bounded on both sides (`Duration("1s", "24h")`).

    The bounds are for the API server to refuse; of an object that is older than a bound, the nearest that it allows is
    read: a Sovereign does not stop for that.
    """

    def __init__(self, at_least: str, at_most: str) -> None:
        self._low, self._high = parse_duration(at_least), parse_duration(at_most)
        shape = Format(_DURATION, _DURATION_MESSAGE).rule
        # The shape is tested again because duration() of malformed text is an evaluation error, not false.
        bounds = Rule(
            f"!({shape.expression}) || "
            f"(duration(self) >= duration('{at_least}') && duration(self) <= duration('{at_most}'))",
            f"must be a duration from {at_least} to {at_most}",
        )
        self._rules = [shape.to_schema(), bounds.to_schema()]

    def _nearest(self, value: timedelta) -> timedelta:
        return min(max(value, self._low), self._high)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        parsed = core_schema.no_info_before_validator_function(_to_timedelta, handler(source))
        text = core_schema.plain_serializer_function_ser_schema(format_duration, return_schema=core_schema.str_schema())
        return core_schema.no_info_after_validator_function(self._nearest, parsed, serialization=text)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1, "maxLength": 24, VALIDATIONS: list(self._rules)}


def _to_timedelta(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Format(
        rf"{DNS_LABEL}(?:\.{DNS_LABEL})*",
        "must be the name of an object: lower-case letters, digits, '-' and '.', "
        "starting and ending with a letter or digit",
    ),
]
NamespaceName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Format(DNS_LABEL, "must be the name of a namespace: lower-case letters, digits and '-'"),
]
Slug = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Format(
        DNS_LABEL,
        "must consist of lower-case letters, digits and '-', starting and ending with a letter or digit",
    ),
]
# Text for people. No organization's name contains what shells, templates and Flux's substitution act on.
Text = Annotated[
    str,
    Format(
        r"[^\x00-\x1f\x7f$`\"\\{}<>]+",
        'must be one line of text without control characters and without any of $ ` " \\ { } < >',
    ),
]
Uid = Annotated[
    str,
    Field(min_length=1, max_length=64),
    Format("[A-Za-z0-9-]+", "must be the UID of an object, from its metadata.uid"),
]
HostName = Annotated[
    str,
    Field(min_length=1, max_length=254),
    Format(rf"(?:{_DNS_LABEL_63}\.)*{_DNS_LABEL_63}\.?", "must be a host's name, such as ns1.example.net"),
]
Fqdn = Annotated[
    str,
    Field(min_length=4, max_length=FQDN_MAX),
    Format(
        rf"(?:{_DNS_LABEL_63}\.)+[a-z](?:[-a-z0-9]{{0,61}}[a-z0-9])?",
        "must be a lower-case DNS name of at least two labels without a trailing dot, such as "
        "omantel.omani.works; an internationalised name is written in its xn-- form",
    ),
]
Email = Annotated[
    str,
    Field(min_length=6, max_length=254),
    Format(
        r"[A-Za-z0-9_](?:[A-Za-z0-9._%+'-]*[A-Za-z0-9_+-])?"
        r"@(?:[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])",
        "must be one e-mail address, such as admin@omantel.om",
    ),
]
HttpsUrl = Annotated[
    str,
    Field(min_length=12, max_length=512),
    Format(
        r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/%+=:,@-]*)?",
        "must be an https:// URL without user name, query or fragment",
    ),
]
GitUrl = Annotated[
    str,
    Field(min_length=8, max_length=512),
    Format(
        r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/(?:[A-Za-z0-9._~/+-]|%[0-9A-Fa-f]{2})+",
        "must be an https:// URL of a Git repository, without user name or password: "
        "credentials belong in the Secret of gitops.credentialsSecretRef",
    ),
    Rule(
        "!self.startsWith('http://')",
        "must be https://: over http anybody on the way could change what the new cluster applies",
    ),
]
GitBranch = Annotated[
    str,
    Field(min_length=1, max_length=128),
    Format(r"[A-Za-z0-9_](?:[A-Za-z0-9._/-]*[A-Za-z0-9_-])?", "must be the name of a branch, such as main"),
]
GitTag = Annotated[
    str,
    Field(min_length=1, max_length=128),
    Format(r"[A-Za-z0-9_](?:[A-Za-z0-9._/+-]*[A-Za-z0-9_+-])?", "must be the name of a tag, such as v1.0.0"),
]
GitCommit = Annotated[
    str,
    Field(min_length=40, max_length=40),
    Format("[0-9a-f]{40}", "must be the whole name of a commit: 40 hexadecimal digits in lower case"),
]
GitPath = Annotated[
    str,
    Field(min_length=1, max_length=256),
    Format(
        r"(?:\./)?[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*",
        "must be a folder inside the repository, such as clusters/_template: neither absolute nor with ..",
    ),
]
BucketName = Annotated[
    str,
    Field(min_length=3, max_length=63),
    Format(
        "[a-z0-9][a-z0-9.-]*[a-z0-9]",
        "must be a bucket's name: lower-case letters, digits, '.' and '-', starting and ending with a letter or digit",
    ),
]
ProjectId = Annotated[
    str,
    Field(min_length=1, max_length=64),
    Format("[A-Za-z0-9][A-Za-z0-9_-]*", "must consist of letters, digits, '-' and '_'"),
]
Sha256 = Annotated[
    str,
    Field(min_length=64, max_length=64),
    Format("[0-9a-f]{64}", "must be 64 lower-case hex digits, as sha256sum prints them"),
]
PlanDigest = Annotated[
    str,
    Field(min_length=8, max_length=80),
    Format("(?:sha256:)?[0-9a-f]{8,64}", "must be the digest in status.plan.digest"),
]
SizeName = Annotated[
    str,
    Field(min_length=1, max_length=32),
    Format(DNS_LABEL, "must be the name of a server type in lower case, such as cx33"),
    Rule(f"!self.startsWith('{sizes.ARM}')", sizes.ARM_TOLD),
    Rule(
        f"self.lowerAscii().matches('{sizes.FAMILIES}') || self.startsWith('{sizes.ARM}')",
        sizes.NO_SERVER_TYPE,
        message_expression=f"self + ' {sizes.NO_SERVER_TYPE}'",
    ),
]
SizeFallbacks = Annotated[tuple[SizeName, ...], Field(max_length=5), ListSet()]
# Base64 of 32 bytes that are all printable ASCII, so that it is somebody's text and no key; one of 10^12 keys looks so.
# The first character of four has the upper six bits of a byte, the second its lower two and the upper four of the next.
_READABLE = "[C-H]{third}{any}([I-Za-f]{second}{third}{any}){{10}}".format(
    second="[C-HS-Xi-ny-z0-3]", third="[ABEFIJMNQRUVYZcdghklopstwx014589]", any="[0-9A-Za-z+/]"
)
SshPublicKey = Annotated[
    str,
    Field(min_length=1, max_length=4096),
    Format(
        r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)"
        r"|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
        r" AAAA[0-9A-Za-z+/]+={0,2}(?: [^\x00-\x1f\x7f]*)?",
        "must be one line of an OpenSSH public key: type (ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp..., sk-...), "
        "base64 and an optional comment",
    ),
    Rule(
        "!self.startsWith('ssh-ed25519 ')"
        " || self.matches('^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-P][0-9A-Za-z+/]{42}( |$)')",
        "is not a whole ed25519 key, which has 68 characters after its type: copy the .pub file again",
    ),
    Rule(
        "!self.startsWith('ssh-rsa ') || self.matches('^ssh-rsa AAAAB3NzaC1yc2E[0-9A-Za-z+/]{340,}={0,2}( |$)')",
        "is not a whole RSA key of 2,048 bits or more: copy the .pub file again, or make a new key with "
        "`ssh-keygen -t ed25519`",
    ),
    # The body repeats the type, and then the length of what follows.
    Rule(
        "!self.matches('^(ecdsa|sk)-') || self.matches('^("
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB[0-9A-Za-z+/]{87}="
        "|ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABh[0-9A-Za-z+/]{130}=="
        "|ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACF[0-9A-Za-z+/]{178}=="
        "|sk-ssh-ed25519@openssh[.]com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAI[0-9A-Za-z+/]{49,}={0,2}"
        "|sk-ecdsa-sha2-nistp256@openssh[.]com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20"
        "AAAAIbmlzdHAyNTYAAABB[0-9A-Za-z+/]{93,}={0,2}"
        ")( |$)')",
        "is not a whole key of the type that it begins with: copy the .pub file again",
    ),
    Rule(
        f"!self.matches('^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI(A{{43}}|{_READABLE})( |$)')",
        "is a placeholder, to which nobody has the private half: put in the contents of your .pub file, or leave "
        "sshPublicKeys out",
    ),
    Rule(
        "!self.contains('PRIVATE KEY')",
        "is a private key: give the public half (the .pub file), and make a new key pair, because this one was "
        "sent over the network",
    ),
]
Cidr = Annotated[
    str,
    Field(min_length=1, max_length=43),
    Rule("isCIDR(self)", "must be a network in CIDR notation, such as 203.0.113.0/24 or 2001:db8::/32"),
    Rule(
        "!isCIDR(self) || cidr(self).masked() == cidr(self)",
        "has bits set behind the prefix; write the network's own address, such as 203.0.113.0/24 or 203.0.113.7/32",
    ),
]
ANYWHERE = ("0.0.0.0/0", "::/0")
"""All addresses there are."""
Ipv4 = Annotated[
    str,
    Field(min_length=7, max_length=15),
    Rule("isIP(self) && ip(self).family() == 4", "must be an IPv4 address, such as 203.0.113.7"),
]
