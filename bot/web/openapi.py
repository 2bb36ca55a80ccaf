"""The OpenAPI document of the application: its routes as they are, with what a file says of each by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from bot.web.problems import json
from bot.yaml_loader import Loader

_KINDS = {"json": "application/json", "html": "text/html", "text": "text/plain", "file": "application/octet-stream"}
_ERROR = {"$ref": "#/components/schemas/Error"}


def route(file: Path, *, title: str) -> web.RouteDef:
    """`/openapi.json` for the application that it stands in. `file` describes routes by name."""
    described: Mapping[str, Any] = yaml.load(file.read_bytes(), Loader=Loader)

    async def openapi(request: web.Request) -> web.Response:
        return json(document(request.config_dict[APP], described, title))

    return web.get("/openapi.json", openapi, name="openapi")


APP: web.AppKey[web.Application] = web.AppKey("parley_app", web.Application)
"""The application itself, for the document to read its routes."""


def named_routes(app: web.Application) -> dict[str, tuple[str, str]]:
    """Method and path of every route that has a name, those of applications within left out."""
    return {
        str(one.name): (one.method, one.resource.canonical)
        for one in app.router.routes()
        if one.name and one.resource is not None and one.method not in ("HEAD", "*")
    }


def document(app: web.Application, described: Mapping[str, Any], title: str) -> dict[str, Any]:
    """The document, OpenAPI 3.1: every named route that the file describes."""
    paths: dict[str, dict[str, Any]] = {}
    for name, (method, path) in named_routes(app).items():
        told = described["routes"].get(name)
        if told is not None:
            plain = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)
            paths.setdefault(plain, {})[method.lower()] = _operation(name, plain, told)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": described["components"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(name: str, path: str, told: Mapping[str, Any]) -> dict[str, Any]:
    given = [("path", one, True) for one in re.findall(r"\{(\w+)\}", path)]
    given += [("query", one, False) for one in told.get("query", ())]
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": told["summary"],
        "parameters": [
            {"in": place, "name": one, "required": required, "schema": {"type": "string"}}
            for place, one, required in given
        ],
        "responses": {str(status): _answer(kind) for status, kind in told["answers"].items()},
    }
    for status in told.get("errors", ()):
        operation["responses"].setdefault(str(status), _refusal())
    operation["responses"].setdefault("503", _refusal())
    if "body" in told:
        operation["requestBody"] = _content("application/json", told["body"])
    if "form" in told:
        fields = {"type": "object", "properties": {one: {"type": "string"} for one in told["form"]}}
        operation["requestBody"] = _content("application/x-www-form-urlencoded", fields)
    if told.get("bearer"):
        operation["security"] = [{"bearer": []}]
    return operation


def _content(kind: str, schema: Any) -> dict[str, Any]:
    return {"required": True, "content": {kind: {"schema": _schema(schema)}}}


def _schema(schema: Any) -> Any:
    return {"$ref": f"#/components/schemas/{schema}"} if isinstance(schema, str) else schema


def _answer(kind: str) -> dict[str, Any]:
    if kind == "empty":
        return {"description": "No content to speak of."}
    if kind in _KINDS:
        return {"description": kind, "content": {_KINDS[kind]: {}}}
    return {"description": kind, "content": {"application/json": {"schema": _schema(kind)}}}


def _refusal() -> dict[str, Any]:
    # A browser that asks for a page is answered by a page that says the same.
    return {"description": "Refused.", "content": {"application/json": {"schema": _ERROR}, "text/html": {}}}
