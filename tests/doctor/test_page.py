"""`doctor --html`: the page itself, and what a browser makes of it."""

from __future__ import annotations

import json
import os
import re
import threading
from html import escape, unescape
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from litellm_patch.doctor.judging import Verdict
from litellm_patch.doctor.page import chain_page
from tests.doctor.clinic import ACME_1, Clinic, configuration, model
from upkeep.pictures.browser import browse, find_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

NASTY = '<script>alert(1)</script>&"\x1b[31m'
TEXTS = ("dead", "alive", "partly", "gpt-4.1 (acme)", "✗ prod", "apply the patch", "did you mean gpt-4o?", ACME_1)


def make_page(clinic: Clinic, *arguments: object, code: int = 9) -> str:
    """Let the doctor write the page, and read it."""
    result = clinic.run(clinic.path, "--html", clinic.folder / "page.html", *arguments)
    assert (result.exit_code, result.stderr) == (code, f"wrote {clinic.folder / 'page.html'}\n"), result.output
    return (clinic.folder / "page.html").read_text(encoding="utf-8")


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"html", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "html":
            assert self.open.pop() == tag


def test_each_chain_is_a_row_from_names_to_targets(clinic: Clinic) -> None:
    page = make_page(clinic)

    dormant, *_ = re.findall(r'<article class="dormant">.*?</article>', page, re.DOTALL)
    stock, patched = re.findall(r'<div class="lane .*?</div></div>', dormant, re.DOTALL)
    assert '<li class="lost">✗ gpt-4.1 (acme)</li>' in stock
    assert "<li>gpt-4.1 (acme)</li>" in patched
    for lane in (stock, patched):
        assert re.search(f"→ <code>{ACME_1}</code> → <ul><li>backup</li></ul>", lane)
    assert '<li class="lost">✗ gtp-4o</li>' in page
    assert page.index('class="dead"') < page.index('class="dormant"') < page.index('class="questionable"')


def test_it_says_what_json_says(clinic: Clinic) -> None:
    page = unescape(make_page(clinic))
    for chain in clinic.json(9)["chains"]:
        words = (chain["key"], chain["list"], chain["next"], *chain["notes"], *(t["name"] for t in chain["targets"]))
        assert [word for word in words if word not in page] == []


def test_the_same_configuration_is_the_same_page_beside_any_other_output(clinic: Clinic) -> None:
    first = make_page(clinic)
    assert make_page(clinic, "--json") == first
    assert json.loads(clinic.run(clinic.path, "--json", "--html", clinic.folder / "page.html").stdout)["chains"]


def test_what_a_configuration_holds_is_no_markup(clinic: Clinic) -> None:
    raw = configuration()
    raw["model_list"].append(model(NASTY))
    raw["router_settings"]["fallbacks"] = [{NASTY: ["gpt-4o", NASTY]}, {"claude": [NASTY]}]
    clinic.write(raw)
    elements = _Elements(page := make_page(clinic, code=0))
    assert elements.open == []
    assert "script" not in {tag for tag, _ in elements.found}
    assert escape(NASTY.replace("\x1b", r"\x1b")) in page


def test_nothing_is_loaded_or_run(clinic: Clinic) -> None:
    page = make_page(clinic)
    elements = _Elements(page).found
    assert "default-src 'none'" in page
    assert {name for _, attributes in elements for name in attributes} <= {
        "class",
        "content",
        "http-equiv",
        "name",
        "charset",
        "lang",
    }
    assert not re.search(r"url\(|@import|https?:", page)


def test_no_chains_and_many_names() -> None:
    data: dict[str, Any] = {"release": "1.102.4", "patched": True, "remarks": ["a <b>"], "chains": []}
    assert "No fallback chains are configured." in chain_page(data, "x")
    assert "<li>Note: a &lt;b&gt;</li>" in chain_page(data, "x")
    reach = {"team": None, "admin": False, "internal": False, "after": None}
    asked = [{"model": f"m{number}", **reach} for number in range(40)]
    for verdict in Verdict:
        chain: dict[str, Any] = {
            "list": "fallbacks",
            "key": "*",
            "key_kind": "catch-all",
            "owners": [],
            "targets": [],
            "notes": [],
        }
        chain |= {
            "notes": [],
            "verdict": verdict.name.lower(),
            "next": "",
            "reached_on_stock": [],
            "reached_with_the_patch": asked,
        }
        page = chain_page(data | {"chains": [chain]}, "x")
        assert page.count("<li>and 28 more</li>") == 2
        assert f"1 {escape(verdict.value)}" in page


@pytest.mark.skipif(os.name == "nt", reason="POSIX's files")
def test_a_file_that_cannot_be_written_is_one_line(clinic: Clinic) -> None:
    for place, words in (
        (clinic.folder / "missing" / "page.html", "No such file or directory; name a file"),
        ("/dev/null", "it is not a regular file; name a file"),
    ):
        assert f"error: cannot write {place}: {words}" in clinic.refused(1, clinic.path, "--html", place)
    assert clinic.run(clinic.path, "--html", clinic.path).exit_code == 2
    assert clinic.run(clinic.path, "--html", clinic.folder).exit_code == 2
    assert clinic.run(clinic.path, "--html", "x.html", "--explain", "gpt-4o").exit_code == 2
    assert [path.name for path in clinic.folder.iterdir()] == [clinic.path.name]


def test_a_link_stays_one(clinic: Clinic) -> None:
    link = clinic.folder / "page.html"
    link.symlink_to("real.html")
    page = make_page(clinic)
    assert link.is_symlink()
    assert (clinic.folder / "real.html").read_text(encoding="utf-8") == page


MEASURE = (Path(__file__).parent / "measure.html").read_text(encoding="utf-8")
OF_THE_BROWSER = re.compile(r"/favicon.ico|(http://)?(update.googleapis|accounts.google|clients2.google).com[:/].*")
"""What a browser asks for by itself."""


@pytest.fixture(scope="module")
def browser() -> str:
    """A Chromium of this machine."""
    found = find_browser()
    if found is None:
        pytest.skip("no Chromium: install chromium, chromium-browser or google-chrome")
    return found


class Site:
    """Serves the page and what measures it, and is the browser's proxy: it sees every request that there is."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.contents: dict[str, str] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.removeprefix(site.url)
                site.asked.append(path)
                found = site.contents.get(path, "").encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)

            def do_CONNECT(self) -> None:
                site.asked.append(self.path)
                self.send_error(502)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    """A site on loopback."""
    found = Site()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (1280, "dark")])
def test_in_a_browser(clinic: Clinic, site: Site, browser: str, width: int, scheme: str) -> None:
    raw = configuration()
    raw["model_list"].append(model("model_name_" + "f" * 300, "acme", "long"))
    raw["router_settings"]["fallbacks"].append({"model_name_" + "f" * 300: ["g" * 300]})
    clinic.write(raw)
    site.contents = {"/page": make_page(clinic), "/": MEASURE.replace("WIDTH", str(width))}

    dark = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
    through = (f"--proxy-server={site.url}", "--proxy-bypass-list=<-loopback>", "--enable-logging=stderr", dark)
    shown, log = browse(browser, f"{site.url}/", "--virtual-time-budget=4000", "--dump-dom", *through)

    measured = json.loads(unescape(re.search(r"<pre>(.*?)</pre>", shown, re.DOTALL)[1]))  # type: ignore[index]
    assert measured["width"] <= width
    assert [text for text in TEXTS if text not in measured["text"]] == []
    assert measured["contrast"] >= 4.5  # as WCAG asks for
    assert (measured["paper"] < 0.2) == (scheme == "dark")
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
    assert measured["loaded"] == []
    assert {path for path in site.asked if not OF_THE_BROWSER.fullmatch(path)} == {"/", "/page"}
