"""The result's document and its schema say the same."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

SCHEMA = Path(__file__).resolve().parents[2] / "specs/demo-result.schema.json"


@pytest.fixture
def schema():
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


@pytest.fixture
def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def places(value, path=()):
    """Every place in a document."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


@pytest.mark.parametrize("name", ["made_up_result", "stopped_result", "outvoted_result"])
def test_a_result_follows_the_schema(request, name, validator):
    found = request.getfixturevalue(name)
    validator.validate(json.loads(json.dumps(found.to_json())))


def test_no_field_may_be_missing_or_of_another_type(outvoted_result, validator):
    whole = json.loads(json.dumps(outvoted_result.to_json()))
    for path in list(places(whole))[1:]:
        broken = copy.deepcopy(whole)
        at(broken, path[:-1])[path[-1]] = None
        assert not validator.is_valid(broken), path
        if isinstance(path[-1], str) and path[0] != "seconds":
            broken = copy.deepcopy(whole)
            del at(broken, path[:-1])[path[-1]]
            assert not validator.is_valid(broken), path


def test_nothing_may_be_added(outvoted_result, validator):
    whole = json.loads(json.dumps(outvoted_result.to_json()))
    for path in places(whole):
        if isinstance(at(whole, path), dict) and path != ("seconds",):
            broken = copy.deepcopy(whole)
            at(broken, path)["surprise"] = 1
            assert not validator.is_valid(broken), path


def test_every_field_is_described(schema):
    def look(node, path):
        assert node.get("description"), f"{path} is not described"
        for name, inner in node.get("properties", {}).items():
            look(inner, f"{path}.{name}")
        for name in ("items", "additionalProperties"):
            if isinstance(node.get(name), dict):
                look(node[name], f"{path}[]")
        if node.get("type") == "object" and "properties" in node:
            assert set(node["required"]) == set(node["properties"])
            assert node["additionalProperties"] is False

    look(schema, "result")
