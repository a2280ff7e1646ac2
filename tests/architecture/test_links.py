"""Links in documents lead somewhere, and a link that is named after a test leads to that test."""

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
OUTSIDE = ("https://", "http://", "mailto:")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def documents():
    skipped = {"node_modules", ".venv", ".git", ".pytest_cache", "out", "dist"}
    return sorted(
        path for path in PROJECT.rglob("*.md") if not skipped & set(path.relative_to(PROJECT).parts)
    )


DOCUMENTS = documents()
NAMES = [str(path.relative_to(PROJECT)) for path in DOCUMENTS]


def links(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return LINK.findall(text)


def anchors(path):
    """Headings as links name them: lower case, words joined by dashes, no punctuation."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ +(.+?)\s*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_main_documents_are_there():
    names = {str(path.relative_to(PROJECT)) for path in DOCUMENTS}
    assert {
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "docs/security.md",
        "docs/privacy.md",
        "docs/round.md",
        "docs/glossary.md",
    } <= names
    assert "Apache License" in (PROJECT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_links_lead_somewhere(path):
    broken = []
    for _, target in links(path):
        if target.startswith(OUTSIDE):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_a_link_named_after_a_test_leads_to_it(path):
    wrong = []
    for text, target in links(path):
        file = (path.parent / target.partition("#")[0]).resolve()
        if not re.fullmatch(r"test_\w+\.py", file.name) or not file.exists():
            continue
        name = text.strip("`")
        if name != file.name and name not in functions(file):
            wrong.append(f"{name} in {target}")
    assert wrong == []


@pytest.mark.parametrize("name", ["README.md", "docs/security.md"])
def test_claims_are_backed_by_tests(name):
    """Each row of a claims table, and each section that states something, links a test."""
    text = (PROJECT / name).read_text(encoding="utf-8")
    parts = re.split(r"^(?=\| C\d+ |### C\d+\. )", text, flags=re.MULTILINE)[1:]
    assert len(parts) >= 8
    unbacked = []
    for part in parts:
        own = re.split(r"\n(?=#{1,3} )|\n\n(?=[^|\n])", part)[0] if part.startswith("|") else part
        own = re.split(r"\n(?=## )", own)[0]
        if not re.search(r"\]\([^)]*tests/[\w/]*test_\w+\.py\)", own):
            unbacked.append(part.splitlines()[0])
    assert unbacked == []


def test_the_eleven_steps_name_files():
    text = (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    steps = re.split(r"^(?=\d+\. )", text.split("## The way of one update")[1], flags=re.MULTILINE)
    numbered = [step for step in steps if re.match(r"\d+\. ", step)]
    assert [int(step.split(".")[0]) for step in numbered[:11]] == list(range(1, 12))
    for step in numbered[:11]:
        targets = [target for _, target in LINK.findall(step.split("\n## ")[0])]
        assert targets, step.splitlines()[0]
        assert all((PROJECT / target.partition("#")[0]).exists() for target in targets), targets
