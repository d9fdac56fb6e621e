"""What the parts of the API share: strict models, instants, the policy of a key."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError

from fairdunning import when
from fairdunning.policy import Policy
from fairdunning.service import Service
from fairdunning.store.keys import Key


class Model(BaseModel):
    """A body without unknown fields."""

    model_config = ConfigDict(extra="forbid")


M = TypeVar("M", bound=Model)


def read_body(model: type[M], body: bytes) -> M:
    """A body in one step from its bytes; raises RequestValidationError."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def body_of(model: type[Model]) -> dict[str, Any]:
    """What the OpenAPI document says of an operation that reads its body by itself; models within stand where they are used."""
    schema = model.model_json_schema()
    parts, text = schema.pop("$defs", {}), json.dumps(schema)
    for name, part in parts.items():
        text = text.replace(json.dumps({"$ref": f"#/$defs/{name}"}), json.dumps(part))
    assert "$defs" not in text, "a model within a model within a model"
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": json.loads(text)}}}}


def instant(text: str, field: str) -> int:
    """UTC microseconds; raises RequestValidationError that names the field."""
    try:
        return when.parse_micros(text)
    except ValueError as error:
        raise RequestValidationError(
            [{"loc": ("body", field), "msg": "must be a time with its offset / 应为带时区偏移的时间", "type": "time"}]
        ) from error


def running(service: Service, key: Key) -> Policy:
    """The policy that a key runs now."""
    return service.policies.now(key.profile).policy
