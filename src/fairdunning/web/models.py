"""What the parts of the API share: strict models, instants, the policy of a key."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict

from fairdunning import when
from fairdunning.policy import Policy
from fairdunning.service import Service
from fairdunning.store.keys import Key


class Model(BaseModel):
    """A body without unknown fields."""

    model_config = ConfigDict(extra="forbid")


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
