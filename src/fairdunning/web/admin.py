"""The part of the API that changes how the service runs: policies in force, keys, erasure."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from pydantic import Field
from starlette.exceptions import HTTPException

from fairdunning import library
from fairdunning.service import Service
from fairdunning.store.keys import Key
from fairdunning.web.models import Model, running


class Published(Model):
    """The files of an organisation's own folder, by path."""

    profile: str = Field(min_length=1, max_length=200, examples=["house"])
    files: dict[str, str] = Field(max_length=500, examples=[{"profiles/house.yaml": "title: {en: Ours, zh: 本机构}\nuse: [cn.*]\n"}])


class NewKey(Model):
    """What a key may do, and for whom."""

    roles: list[Literal["checker", "reviewer", "policy_editor", "auditor", "admin"]] = Field(min_length=1, max_length=5)
    profile: str = Field(min_length=1, max_length=200, examples=["cn-consumer-finance-company"])
    collector: str | None = Field(None, max_length=200)
    mode: Literal["enforce", "observe"] = "enforce"
    shadow: str | None = Field(None, max_length=200)


class Erasure(Model):
    """Whose contents to delete, and for how many years records are kept."""

    debtor: str = Field(min_length=1, max_length=200)
    keep_years: float = Field(5.0, ge=0, le=200)


def add_policies(app: FastAPI, service: Service, reader: Any, editor: Any) -> None:
    """Adds what shows and what publishes policies."""

    @app.get("/v1/policies")
    def policies(key: Key = reader) -> dict[str, Any]:
        """The policy that this key runs."""
        found = running(service, key)
        return {"profile": found.profile, "digest": found.digest, "constraints": [c.id for c in found.constraints]}

    @app.post("/v1/policies")
    def publish(body: Published, key: Key = editor) -> dict[str, Any]:
        """Load a folder over the shipped law, run its cases and put it in force; what fails never replaces what runs."""
        with tempfile.TemporaryDirectory() as place:
            for name, text in body.files.items():
                path = (Path(place) / name).resolve()
                if "\0" in name or not path.is_relative_to(Path(place).resolve()) or path.suffix != ".yaml":
                    raise HTTPException(422, f"`{name[:200]}` is no name of a policy file / 不是策略文件名")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return service.policies.publish(body.profile, Path(place), key.id)

    @app.get("/v1/constraints/{name}")
    def constraint(name: str, key: Key = reader) -> dict[str, Any]:
        """One constraint in words."""
        try:
            return {lang: list(library.described(running(service, key), name, lang)) for lang in ("en", "zh")}
        except KeyError as error:
            raise HTTPException(404, str(error.args[0])) from error


def add_admin(app: FastAPI, service: Service, admin: Any) -> None:
    """Adds what only an admin may do."""

    @app.get("/v1/keys")
    def keys(_: Key = admin) -> list[dict[str, Any]]:
        """Every key without its secret."""
        return service.keys.listed()

    @app.post("/v1/keys")
    def new(body: NewKey, _: Key = admin) -> dict[str, str]:
        """Make a key; its secret is shown this once."""
        for name in (body.profile, body.shadow or body.profile):
            if name not in service.policies.names():
                raise HTTPException(422, f"there is no profile `{name}` / 没有机构配置 `{name}`")
        return {"key": service.keys.new([*body.roles], body.profile, body.collector, body.mode, body.shadow)}

    @app.post("/v1/keys/{number}:rotate")
    def rotate(number: str, _: Key = admin) -> dict[str, str]:
        """A new secret with the same roles; the old one ends at once."""
        return {"key": service.keys.rotate(number)}

    @app.post("/v1/keys/{number}:revoke")
    def revoke(number: str, _: Key = admin) -> dict[str, bool]:
        """End a key at once."""
        if not service.keys.revoke(number):
            raise HTTPException(404, "there is no such key / 没有该密钥")
        return {"revoked": True}

    @app.post("/v1/erasures")
    def erase(body: Erasure, key: Key = admin) -> dict[str, int]:
        """Delete the contents of a debtor's records; refused while a retention term runs."""
        return {"records": service.erase(body.debtor, body.keep_years, key.id)}
