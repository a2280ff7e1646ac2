"""Nothing in the project names a machine, a person's folder, or where packages come from."""

import json
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

MACHINE_PATH = re.compile(r"(?<![\w.$~}/-])/(?:work|root|tmp|home|Users)/")
URL_HOST = re.compile(r"https?://([\w.-]+)")
PACKAGE_HOST = re.compile(r"regist|pypi|pythonhosted|npm|conda|artifact|mirror")


def texts(project_files):
    for path in project_files:
        if path == Path(__file__).resolve() or path.suffix in {".zip", ".png"}:
            continue
        yield str(path.relative_to(PROJECT)), path.read_text(encoding="utf-8")


def test_no_machine_paths(project_files):
    found = {name: MACHINE_PATH.findall(text) for name, text in texts(project_files)}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_no_package_index_is_named(project_files):
    found = {
        name: hosts
        for name, text in texts(project_files)
        if (hosts := [host for host in URL_HOST.findall(text) if PACKAGE_HOST.search(host)])
    }
    assert found == {}


def test_pinned_dependencies_carry_no_address():
    for name in ("runtime.txt", "dev.txt"):
        pinned = (PROJECT / "requirements" / name).read_text(encoding="utf-8")
        assert "--hash=sha256:" in pinned
        assert "://" not in pinned
        assert "index-url" not in pinned
    lock = json.loads((PROJECT / "contracts" / "package-lock.json").read_text(encoding="utf-8"))
    assert lock["packages"]
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []


def test_the_search_finds_paths_and_hosts():
    assert MACHINE_PATH.search("open('/tmp/x')")
    assert MACHINE_PATH.search("see /home/somebody")
    assert not MACHINE_PATH.search("a/tmp/b and .venv/root/x")
    assert PACKAGE_HOST.search("registry.example")
    assert not PACKAGE_HOST.search("datatracker.ietf.org")
