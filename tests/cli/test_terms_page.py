"""docs/terms.md says what the code says of every field, and its example is a study that fits."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from troth.domain import terms


@pytest.fixture(scope="module")
def page(project):
    return (project / "docs/terms.md").read_text(encoding="utf-8")


def fields(node: ast.ClassDef) -> Iterator[tuple[str, str | None]]:
    """Names of a class's fields, each with its own docstring or None."""
    for item, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            text = ast.literal_eval(following.value) if isinstance(following, ast.Expr) else None
            yield item.target.id, text and " ".join(text.split())


def documented(page):
    """Fields and sentences of the page, part by part."""
    parts = re.split(r"^## ", page, flags=re.MULTILINE)[1:-1]
    return {
        part.splitlines()[0].strip("`[]"): re.findall(
            r"^\| `(\w+)` \| (.+) \|$", part, re.MULTILINE
        )
        for part in parts
    }


def test_every_field_has_a_sentence_and_it_is_that_of_the_code(page):
    tree = ast.parse(Path(terms.__file__).read_text(encoding="utf-8"))
    classes = {
        node.name: list(fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)
    }
    shown = documented(page)
    assert len(shown) == len(classes) == 10
    named = {"The document": "Terms", "model` of an evaluation": "EvaluationTerms"}
    for title, rows in shown.items():
        name = named.get(title) or title.rstrip("s").capitalize() + "Terms"
        known = classes.get(name) or classes[title.capitalize() + "Terms"]
        assert [field for field, _ in rows] == [field for field, _ in known]
        for (field, sentence), (_, said) in zip(rows, known, strict=True):
            assert sentence.strip().endswith("."), field
            assert said is None or sentence == said.replace("``", "`"), field


def test_the_example_fits(troth, page, tmp_path):
    example = re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0]
    (tmp_path / "terms.json").write_text(example, encoding="utf-8")
    (command,) = re.findall(r"^ {4}troth (plan .*)$", page, re.MULTILINE)
    ran = troth(*command.split())
    assert ran.code == 0, ran.err
    written = (tmp_path / "canonical.json").read_bytes()
    assert terms.decode(written).encode() == written
    assert json.loads(written) == json.loads(example)
