"""Records of other versions: an older one is read in full, a newer one is refused before anything of it is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from catalyst_operator.core import record
from tests.support import gen
from tests.support.samples import SAMPLES, holds, of_versions

RECORDS = of_versions("records")
"""Records with every field that there was, as operators of their time wrote them."""
TODAY = SAMPLES / "records" / "0.1.0.json"


@pytest.mark.parametrize("sample", RECORDS, ids=[path.stem for path in RECORDS])
def test_what_an_older_operator_wrote_is_read_and_nothing_of_it_is_lost(sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    found = record.from_json(text)
    assert found.uid == gen.UID
    assert holds(json.loads(text), json.loads(record.to_json(found)))


def test_the_sample_of_this_version_has_every_field() -> None:
    """A field that was added is to be in the sample: an operator that does not know it any more would lose it."""
    text = TODAY.read_text(encoding="utf-8")
    assert holds(json.loads(record.to_json(record.from_json(text))), json.loads(text))


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where in a record there is an object with fields of its own."""
    found = [path] if (isinstance(value, dict) and not path) or (isinstance(value, dict) and "k" not in value) else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, item in items for place in places(item, (*path, key))]


ALL = places(json.loads(TODAY.read_text(encoding="utf-8")))


def test_all_places_are_looked_at() -> None:
    assert len(ALL) == 17, (
        "a sample with other objects in it: count them, and see that each refuses what it does not know"
    )


@pytest.mark.parametrize("place", ALL, ids=lambda place: ".".join(map(str, place)) or "top")
def test_a_field_that_only_a_newer_operator_knows_is_not_dropped_but_refused(place: tuple[str | int, ...]) -> None:
    """Wherever it stands: read without it, the record would be written without it."""
    newer = json.loads(TODAY.read_text(encoding="utf-8"))
    inner = newer
    for key in place:
        inner = inner[key]
    inner["of_a_newer_version"] = "x"
    with pytest.raises(ValidationError, match="of_a_newer_version"):
        record.from_json(json.dumps(newer))
