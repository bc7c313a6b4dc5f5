"""`releases prove`: each entry is applied, looked at, and reverted in memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.patching.factory import ROUTER, digest, make_patch
from tests.patching.fake_index import PAGE
from tests.patching.maintainer import NEW, OLD_PATCHED, SHIFTED, Project
from upkeep.errors import ProofError
from upkeep.proof.python import changed_names

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOKUP = b"        name = name.strip()\n        group = self.find(name)\n        return group\n"
_CLASS = b"class Router:\n    def sync(self, name):\n%b\n    def stream(self, name):\n%b"


def test_a_warm_proof_asks_nobody(project: Project) -> None:
    project.expect(0, "update")
    project.index.hits.clear()
    result = project.run("prove")
    assert (result.exit_code, result.stderr, len(result.stdout.splitlines())) == (0, "", 1)
    assert result.stdout.startswith("proved: 4 release(s) by 2 patch(es)")
    assert project.index.hits == []


def test_what_the_cache_lacks_is_fetched_with_the_same_checks(project: Project) -> None:
    project.expect(0, "update")
    project.expect(0, "prove", "--cache", str(project.root / "cold"))
    answer = project.index.answer("1.83.10")
    answer.missing = 1
    project.expect(2, "prove", "--cache", str(project.root / "cut"))
    answer.missing, answer.body = 0, answer.body[:-1] + b"x"
    project.expect(2, "prove", "--cache", str(project.root / "other"))
    project.index.entry("1.83.10")["hashes"]["sha256"] = digest(answer.body)
    words = "the index says that litellm-1.83.10-py3-none-any.whl has sha256"
    assert words in project.expect(2, "prove", "--cache", str(project.root / "changed"))
    project.index.remove("1.83.10")
    project.index.hits.clear()
    assert "no wheel of litellm 1.83.10" in project.expect(2, "prove", "--cache", str(project.root / "gone"))
    assert project.index.hits == [PAGE]
    project.index.add_file("litellm-1.83.10.tar.gz", b"")
    assert "no wheel of litellm 1.83.10" in project.expect(2, "prove", "--cache", str(project.root / "sources"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("offsets = [3]", "offsets = [2]", "the hunks sit at offsets [3], releases.toml records [2]"),
        ("offsets = [3]", "offsets = [3, 3]", "disagree on files or hunks of 1.83.10"),
        (digest(SHIFTED[ROUTER]), "0" * 64, f"has sha256 {digest(SHIFTED[ROUTER])}, not 0000"),
        (digest(b"import find\n\n\n" + OLD_PATCHED[ROUTER]), "0" * 64, "becomes one of sha256"),
    ],
)
def test_an_entry_that_does_not_hold(project: Project, old: str, new: str, words: str) -> None:
    project.expect(0, "update")
    project.edit(old, new)
    if old == digest(SHIFTED[ROUTER]):
        project.edit(old[:12], new[:12])
    finding, error = project.expect(1, "prove").splitlines()
    assert finding.startswith("litellm 1.83.10: ")
    assert words in finding
    assert "1 of 4 release(s)" in error


def _with(project: Project, first: Mapping[str, bytes], patched: bytes, second: Mapping[str, bytes]) -> None:
    """Leave one patch of little context, and two releases."""
    project.index.files.clear()
    project.index.add("1.83.0", first)
    project.index.add("1.83.1", second)
    (project.patches / "1.84.0.patch").unlink()
    (project.patches / "1.83.0.patch").write_bytes(make_patch(first, {ROUTER: patched}, 1))
    project.expect(0, "update")


def test_a_hunk_that_lands_in_a_twin_is_found(project: Project) -> None:
    first = {ROUTER: _CLASS % (b"        return None\n", _LOOKUP)}
    second = {ROUTER: _CLASS % (_LOOKUP, b"        return None\n")}
    _with(project, first, first[ROUTER].replace(b"find(name)", b"find(lookup(name))"), second)
    assert project.versions() == ["1.83.0", "1.83.1"]
    finding, _ = project.expect(1, "prove").splitlines()
    assert finding == (
        "litellm 1.83.1: 1.83.0.patch does not change the same as in 1.83.0: "
        f"only here {ROUTER}:Router.sync, only there {ROUTER}:Router.stream"
    )


def test_a_result_must_be_python_3_10(project: Project) -> None:
    first = {ROUTER: b"a = 1\nb = 2\n"}
    for line in (b"try: pass\nexcept* ValueError: pass\n", b"type a = int\n", b"return 1\n", b"(\n", b"\x00\n"):
        project.ledger.write_text("schema = 2\n")
        (project.patches / "1.84.0.patch").write_bytes(make_patch(NEW, {ROUTER: b""}))
        _with(project, first, b"a = 1\n" + line, first)
        findings = project.expect(1, "prove").splitlines()
        assert "the patched file is not Python 3.10" in findings[0]
        assert len(findings) == 3


def test_stock_files_that_are_not_python_3_10(project: Project) -> None:
    first = {ROUTER: b"a = 1\nb = 2\n("}
    _with(project, first, b"a = 1\n", {ROUTER: first[ROUTER]})
    assert "the stock file is not Python 3.10" in project.expect(1, "prove")


_MODULE = b"""import a
from b import c, d

X: int = 1
y = z = 2
if X:
    from e import f

    def g():
        pass


@wrap
class K(Base):
    '''Text.'''

    n = 1

    @property
    def p(self):
        return 1

    @p.setter
    def p(self, value):
        def inner():
            return value
        return inner

    class Inner:
        async def q(self): return 1


try:
    run()
except ValueError:
    w = 1
"""


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        (b"import a\n", b"import a\n# a remark\n", set()),
        (b"pass", b"  pass  # a remark", set()),
        (b"import a\nfrom b import c, d\n", b"from b import (d,)\nfrom b import c\nimport a\n", set()),
        (b"import c, d", b"import c, e", {"from b import d", "from b import e"}),
        (b"import a", b"import a as b", {"import a", "import a as b"}),
        (b"X: int = 1", b"X: int = 2", {"X"}),
        (b"X: int = 1", b"X: str = 1", {"X"}),
        (b"y = z = 2", b"y = z = 3", {"y, z"}),
        (b"if X", b"if not X", {"<if>"}),
        (b"import f", b"import g", {"<if>.from e import f", "<if>.from e import g"}),
        (b"pass", b"return", {"<if>.g"}),
        (b"@wrap", b"@other", {"K"}),
        (b"(Base)", b"(Other)", {"K"}),
        (b"Text", b"Words", {"K.<expr>"}),
        (b"n = 1", b"n = 2", {"K.n"}),
        (b"return value", b"return self", {"K.p"}),
        (b"@property", b"@cached", {"K.p"}),
        (b"    class Inner", b"    def p(self): ...\n\n    class Inner", {"K.p"}),
        (b"async def q(self): return 1", b"async def q(self): return 2", {"K.Inner.q"}),
        (b"async def q", b"def q", {"K.Inner.q"}),
        (b"run()", b"go()", {"<try>.<expr>"}),
        (b"ValueError", b"KeyError", {"<try>.<excepthandler>"}),
        (b"w = 1", b"w = 2", {"<try>.<excepthandler>.w"}),
        (b"@wrap", b"def new(): ...\n\n\n@wrap", {"new"}),
        (b"X: int = 1\ny = z = 2\n", b"y = z = 2\nX: int = 1\n", {"<order>"}),
        (b"n = 1", b"n = 1\r    m = 2", {"K.m"}),
    ],
)
def test_changes_are_named(old: bytes, new: bytes, names: set[str]) -> None:
    assert _MODULE.count(old) >= 1
    after = _MODULE.replace(old, new, 1)
    assert changed_names(_MODULE, after) == changed_names(after, _MODULE) == names


def test_lines_are_counted_as_python_does() -> None:
    before = b"a = 1\rb = 2\rc = 3\ndef f():\n    return 4\n"
    assert changed_names(before, before.replace(b"4", b"5")) == {"f"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="older ones cannot parse it at all")
def test_newer_syntax_is_refused_on_newer_pythons() -> None:
    with pytest.raises(ProofError, match=r"the patched file is not Python 3\.10"):
        changed_names(b"", b"def f[T](): ...\n")
