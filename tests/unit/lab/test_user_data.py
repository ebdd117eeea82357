"""What of user_data cloud-init acts on: read wrongly, a server that cannot come up would pass for one that does."""

from __future__ import annotations

import base64
import gzip

import pytest
import yaml

from e2e.lab.hcloud.boot import first_boot, user_data
from e2e.lab.hcloud.boot.first_boot import Role
from e2e.lab.hcloud.boot.user_data import NotCloudConfig


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def written(*files: dict[str, str], **more: object) -> str:
    return "#cloud-config\n" + yaml.safe_dump({"write_files": list(files), **more})


ENCODINGS = {
    "": "text",
    "text/plain": "text",
    "b64": base64.b64encode(b"text").decode(),
    "base64": base64.b64encode(b"text").decode(),
    "gz+b64": packed("text"),
    "gzip+base64": packed("text"),
}


@pytest.mark.parametrize(("encoding", "content"), ENCODINGS.items())
def test_a_file_is_written_decoded(encoding: str, content: str) -> None:
    """The module may choose any of cloud-init's encodings."""
    text = written({"path": "/a", "encoding": encoding, "content": content, "permissions": "0755"})
    assert user_data.read(text).files["/a"] == user_data.File("text", 0o755)


@pytest.mark.parametrize("order", [str, packed, lambda text: base64.b64encode(text.encode()).decode()])
def test_user_data_may_be_packed(order: object) -> None:
    """Hetzner hands out what was ordered; cloud-init finds out how it is packed."""
    assert callable(order)
    assert user_data.read(order(written({"path": "/a", "content": "x"}))).text("/a") == "x"


def test_commands_are_words_or_lines() -> None:
    """cloud-init takes both."""
    text = written(runcmd=[["systemctl", "enable", "--now", "a b.service"], "echo done"])
    assert user_data.read(text).commands == (("systemctl", "enable", "--now", "a b.service"), ("echo", "done"))


REFUSED = {
    "no header": "write_files: []\n",
    "header without its line break": "#cloud-config",
    "a list": "#cloud-config\n- a\n",
    "no YAML": "#cloud-config\n{",
    "a file without a path": written({"content": "x"}),
    "broken base64": written({"path": "/a", "encoding": "b64", "content": "x"}),
    "broken gzip": written({"path": "/a", "encoding": "gz+b64", "content": base64.b64encode(b"x").decode()}),
    "broken permissions": written({"path": "/a", "content": "x", "permissions": "rwx"}),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cloud_init_would_not_act_on_is_refused(text: str) -> None:
    """It is said so instead of booting a server of which half is missing."""
    with pytest.raises(NotCloudConfig, match="user_data"):
        user_data.read(text)


def boot(env: str = "", config: str = "") -> first_boot.FirstBoot:
    files = ({"path": first_boot.NODE_ENV, "content": env}, {"path": first_boot.K3S_CONFIG, "content": config})
    return first_boot.read(written(*files))


def test_variables_are_read_as_a_shell_does() -> None:
    """Values may hold quotes and line breaks."""
    found = boot("A='it'\\''s'\nB='two\nlines = 2'\nC=''\n").env
    assert found == {"A": "it's", "B": "two\nlines = 2", "C": ""}


@pytest.mark.parametrize(
    ("env", "config", "role"),
    [
        ("K3S_SERVICE='k3s.service'", "cluster-init: true", Role.FIRST),
        ("K3S_SERVICE='k3s.service'\nJOIN_ADDRESSES='10.0.1.10 10.0.1.11'", "", Role.JOINING),
        ("K3S_SERVICE='k3s-agent.service'\nJOIN_ADDRESSES='10.0.1.10'", "", Role.WORKER),
    ],
)
def test_the_role_is_what_k3s_is_told(env: str, config: str, role: Role) -> None:
    """A worker is told by its service alone: its configuration looks like that of a joining server."""
    assert boot(env, config).role is role


def test_whom_a_node_may_join_through() -> None:
    """In the order in which they are asked."""
    assert boot("JOIN_ADDRESSES='10.0.1.11 10.0.1.12'").join_addresses == ["10.0.1.11", "10.0.1.12"]
    assert boot().join_addresses == []


def test_what_cannot_be_read_is_empty() -> None:
    """So that the checks find it missing and say so."""
    found = boot("A='", "[")
    assert (dict(found.env), dict(found.k3s), found.kit, dict(found.cilium)) == ({}, {}, [], {})


def test_steps_are_those_the_script_runs() -> None:
    """Neither the function's definition nor a comment is a step."""
    script = "# step NAME COMMAND\nstep() { :; }\nstep api await_api\n  step inner no\nstep storage-class default\n"
    text = written({"path": f"{first_boot.SCRIPTS}x.sh", "content": script})
    assert first_boot.read(text).steps("x.sh") == ["api", "storage-class"]
