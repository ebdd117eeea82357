"""Shapes that both resources share: metadata, conditions, references."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from catalyst_operator.api.scalars import ObjectName, Time
from catalyst_operator.api.schema import VALIDATIONS, Rule, wire_name

Truth = Literal["True", "False", "Unknown"]
Message = Annotated[str, Field(max_length=2048)]


class Model(BaseModel):
    """Base of all API objects: immutable, snake_case in Python, camelCase on the wire, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=wire_name,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        if cls.cel_rules:
            schema[VALIDATIONS] = [rule.to_schema() for rule in cls.cel_rules]
        return schema

    def to_wire(self) -> dict[str, Any]:
        """The object as the API server takes it; None and empty collections are left out, as `omitempty` does."""
        return _without_empty(self.model_dump(mode="json", by_alias=True))


class Tolerant(Model):
    """Base of what the operator only reads, or wrote itself: fields of other versions are ignored."""

    model_config = ConfigDict(extra="ignore")


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """A pass does it with several thousand values, most of which are texts: these cost no call."""
    found = {}
    for key, item in value.items():
        if isinstance(item, dict | list):
            if kept := _without_empty(item) if isinstance(item, dict) else _items(item):
                found[key] = kept
        elif item is not None:
            found[key] = item
    return found


def _items(value: list[Any]) -> list[Any]:
    return [_without_empty(item) if isinstance(item, dict) else item for item in value]


class SecretRef(Model):
    """Names a Secret in the namespace of the object that refers to it."""

    name: ObjectName
    """Name of the Secret."""


class ObjectMeta(Tolerant):
    """The part of an object's metadata that the operator looks at."""

    name: str
    namespace: str = ""
    uid: str = ""
    object_uid: str = ""
    """The API server's UID of an object that was restored, and that has its old one as `uid`; else empty."""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @property
    def uid_here(self) -> str:
        """The UID that this API server knows the object by."""
        return self.object_uid or self.uid


class Condition(Tolerant):
    """One observation about an object, as metav1.Condition: what holds, since when, why, and in words."""

    type: Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Z][A-Za-z0-9]*$")]
    """Type of the condition, in CamelCase."""

    status: Truth
    """Whether it holds: True, False, or Unknown while it cannot be said."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec this was concluded from; older than metadata.generation means out of date."""

    last_transition_time: Time
    """When status last changed."""

    reason: Annotated[str, Field(min_length=1, max_length=128, pattern="^[A-Z][A-Za-z0-9]*$")]
    """Why, in one CamelCase word that programs may rely on."""

    message: Annotated[str, Field(max_length=4096)] = ""
    """Why, in a sentence for people: what happened, and what to do if something is to be done."""


class Resource(Tolerant):
    """What both resources have in common; `parse` reads one as the API server returns it."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Self:
        """Read an object from its wire form; raise pydantic.ValidationError, which names each wrong field."""
        return cls.model_validate(raw)

    def known_as(self, uid: str) -> Self:
        """The object under the UID that it was made with; the API server's own stays in `object_uid`."""
        if uid == self.metadata.uid:
            return self
        metadata = self.metadata.model_copy(update={"uid": uid, "object_uid": self.metadata.uid})
        return self.model_copy(update={"metadata": metadata})


class LastError(Tolerant):
    """Something that went wrong, with what to do about it."""

    code: Annotated[str, Field(min_length=1, max_length=64, pattern="^ERR_[A-Z0-9_]+$")]
    """Stable code, such as ERR_TOKEN_READONLY."""

    message: Message
    """What happened."""

    remedy: Message = ""
    """What to do about it."""

    command: Annotated[str, Field(max_length=1024)] = ""
    """One line to run, which shows more or mends it."""

    affected: Annotated[tuple[Annotated[str, Field(max_length=253)], ...], Field(max_length=10)] = ()
    """What it is about, such as the addresses of resources in the plan; ten at most."""

    runbook: Annotated[str, Field(max_length=512)] = ""
    """Chapter of the runbook."""
