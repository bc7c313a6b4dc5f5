"""A running proxy's configuration, asked over HTTP: read only, and by what this proxy has and this key may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from litellm_patch.doctor.settings import INTERNAL_PREFIX
from litellm_patch.errors import MissingLibraryError, ProxyError
from litellm_patch.model.names import CATCH_ALL, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from requests import PreparedRequest, Response, Session

_TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two pieces of an answer
_PAGE = 100
_MOST_PAGES = 1000
_MOST_NAMES = 500  # that are asked for one by one
_TYPES = {Kind.GENERAL: "general", Kind.CONTEXT_WINDOW: "context_window", Kind.CONTENT_POLICY: "content_policy"}
_MODELS = ("/v1/model/info", "/model/info")
_SETTINGS = ("/get/config/callbacks", "/router/settings")
_KEPT = ("id", "team_id", "team_public_model_name")
_OK, _NO_DATABASE, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 400, 401, 403, 404
_REDIRECTS = range(300, 400)
_CAUSES = {
    **dict.fromkeys(("ConnectTimeout", "ReadTimeout"), "no answer in time"),
    "SSLError": "TLS failed",
    "ConnectionError": "no connection",
}


@dataclass(frozen=True)
class ProxySettings:
    """What a proxy shows.

    Attributes:
        raw: its configuration in the shape of a configuration file, names only.
        version: its release, or nothing if it keeps that to itself.
        remarks: what could not be seen, a line each.
        complete: whether it shows every deployment by its own name.
    """

    raw: Mapping[str, Any]
    version: str | None
    remarks: tuple[str, ...]
    complete: bool


def read_proxy(url: str, key: str | None) -> ProxySettings:
    """Ask a proxy for its models, settings and chains.

    Args:
        url: its root.
        key: a key that may see them, best the master key; none if the proxy needs none.

    Raises:
        MissingLibraryError: `requests` is not installed.
        ProxyError: nobody answers there.
        ProxyError: it does not let this key see models or chains.
        ProxyError: it answers as no LiteLLM proxy does.
    """
    try:
        import requests  # noqa: PLC0415 - only this needs it
    except ImportError as error:
        raise MissingLibraryError(
            f"{error.name} is not installed", "install what it needs: pip install 'requests>=2.32'"
        ) from error
    place = _place(url)
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ProxyError("the key cannot be sent in a header", "see that it is one line of ASCII")
    with requests.Session() as session:
        session.auth = _Bearer(key)  # or a .netrc would take its place
        return _Visit(session, url.rstrip("/"), place).seen()


def _place(url: str) -> str:
    """The URL without what may be secret in it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in {"http", "https"}:
        raise ProxyError("not an http or https URL", "name the proxy's root, as http://127.0.0.1:4000")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}"


@dataclass(frozen=True)
class _Bearer:
    key: str | None = field(repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self.key is not None:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request


@dataclass
class _Visit:
    session: Session
    root: str
    place: str
    remarks: list[str] = field(default_factory=list)
    complete: bool = True
    shows_settings: bool = False

    def seen(self) -> ProxySettings:
        settings = self.settings()
        models = list(self.models(settings.get("model_group_alias")))
        missing = [kind for kind in Kind if kind.value not in settings]
        if missing:
            settings |= self.chains_one_by_one(missing, models, settings.get("model_group_alias"))
        self.unmask(models, settings)
        raw = {"model_list": models, "router_settings": settings}
        return ProxySettings(raw, self.version(), tuple(self.remarks), self.complete)

    def version(self) -> str | None:
        answer = self.get("/health/readiness")
        found = self.json(answer).get("litellm_version") if answer.status_code == _OK else None
        return found if isinstance(found, str) else None

    def settings(self) -> dict[str, Any]:
        """What the endpoints show of the router's settings; the live Router's word before the file's."""
        found: dict[str, Any] = {}
        wanted = {*(kind.value for kind in Kind), "model_group_alias", "max_fallbacks"}
        for path in _SETTINGS:
            answer = self.get(path)
            if answer.status_code != _OK:
                self.remarks.append(f"GET {path} {_refusal(answer)}")
                continue
            self.shows_settings = True
            content = self.json(answer)
            values = content.get("router_settings") or content.get("current_values") or {}
            if not isinstance(values, dict):
                raise self.strange(f"GET {path} has no settings in its answer")
            for name in wanted & set(values):
                if name in found and found[name] is not None:
                    continue
                found[name] = values[name]
        return found

    def models(self, aliases: object) -> Iterator[dict[str, Any]]:
        """The deployments, without what is none of ours."""
        found = self.all_models()
        named = {self.id_of(entry) for entry in found if not _is_alias(entry, aliases)}
        seen = set()
        for entry in found:
            info = entry.get("model_info")
            name = entry.get("model_name")
            if not isinstance(name, str):
                raise self.strange("a model has no name, or one that is no text")
            identity = (name, self.id_of(entry))
            # the older endpoint shows a deployment once more for each alias of it
            if identity in seen or (_is_alias(entry, aliases) and self.id_of(entry) in named):
                continue
            seen.add(identity)
            kept = {key: info[key] for key in _KEPT if isinstance(info, dict) and isinstance(info.get(key), str)}
            yield {"model_name": name, "model_info": kept}

    def unmask(self, models: Iterable[dict[str, Any]], settings: Mapping[str, Any]) -> None:
        """Give a team's model its internal name back, which newer releases replace by the public one.

        A chain keyed by it tells the name, and where the team has one such model only, it tells whose it is.
        """
        masked: dict[str, list[dict[str, Any]]] = {}
        for entry in models:
            team, public = (entry["model_info"].get(key) for key in _KEPT[1:])
            if isinstance(team, str) and public and entry["model_name"] == public:
                masked.setdefault(team, []).append(entry)
        self.complete = self.complete and not masked
        for team, entries in masked.items():
            names = {name for name in _keys_and_targets(settings) if name.startswith(f"{INTERNAL_PREFIX}{team}_")}
            if len(names) == len(entries) == 1:
                entries[0]["model_name"] = names.pop()

    @staticmethod
    def id_of(entry: Mapping[str, Any]) -> str:
        info = entry.get("model_info")
        return str(info.get("id")) if isinstance(info, dict) else ""

    def all_models(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = self.get("/v2/model/info", page=page, size=_PAGE)
            if answer.status_code != _OK:
                why = _refusal(answer)
                break
            content = self.json(answer)
            found += self.entries(content, "/v2/model/info")
            pages = content.get("total_pages")
            if not isinstance(pages, int) or page >= pages:
                return found
        else:
            return found
        refused = answer
        self.complete = False
        self.remarks.append(f"GET /v2/model/info {why}: without it, teams' models or their internal names are not seen")
        for path in _MODELS:
            answer = self.get(path)
            if answer.status_code == _OK:
                return self.entries(self.json(answer), path)
        # a proxy without a database answers so to any key but its own
        if {answer.status_code, refused.status_code} & {_NO_DATABASE, _FORBIDDEN}:
            raise ProxyError(
                f"{self.place} does not let this key see its models", "give the master key, or an admin's, with --key"
            )
        if isinstance(self.session.auth, _Bearer) and self.session.auth.key is None:
            raise ProxyError(
                f"{self.place} answers {answer.status_code} to a request without a key", "give a key of it with --key"
            )
        raise self.strange(f"GET {_MODELS[0]} {_refusal(answer)}")

    def entries(self, content: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
        data = content.get("data")
        if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
            raise self.strange(f"GET {path} has no list of models in its answer")
        return data

    def chains_one_by_one(
        self, kinds: Iterable[Kind], models: Iterable[Mapping[str, Any]], aliases: object
    ) -> dict[str, Any]:
        """The lists that the settings do not show, by a question for each name; a key that is no name stays unseen."""
        names = {name for entry in models for name in (entry["model_name"], entry["model_info"].get(_KEPT[-1])) if name}
        names |= set(aliases) if isinstance(aliases, dict) else set()
        asked = [CATCH_ALL, *sorted(filter(_askable, names))[:_MOST_NAMES]]
        found: dict[str, Any] = {}
        for kind in kinds:
            chains: dict[str, Any] = {}
            for name in asked:
                answer = self.get(f"/fallback/{quote(name, safe='')}", fallback_type=_TYPES[kind])
                if answer.status_code == _OK:
                    targets = self.json(answer).get("fallback_models")
                    if targets != chains.get(CATCH_ALL):
                        chains[name] = targets
                elif answer.status_code != _NOT_FOUND or not isinstance(_detail(answer), dict):
                    self.remarks.append(f"GET /fallback/NAME {_refusal(answer)}: {kind.value} cannot be seen")
                    if answer.status_code == _NOT_FOUND and not self.shows_settings:
                        raise self.strange(f"neither GET {_SETTINGS[0]} nor GET /fallback shows its chains")
                    if kind is Kind.GENERAL and answer.status_code != _NOT_FOUND:
                        raise ProxyError(
                            f"{self.place} does not let this key see its chains",
                            "give the master key, or an admin's, with --key",
                        )
                    break
            else:
                self.remarks.append(f"{kind.value} was read by GET /fallback/NAME: a key that is no name is not seen")
            found[kind.value] = [{name: targets} for name, targets in chains.items()]
        return found

    def get(self, path: str, **parameters: str | int) -> Response:
        import requests  # noqa: PLC0415 - as above

        try:
            answer = self.session.get(f"{self.root}{path}", params=parameters, timeout=_TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            raise ProxyError(
                f"{self.place} cannot be asked: {_cause(error)}",
                "see that the proxy runs and that the URL is its root",
            ) from None
        if answer.status_code == _UNAUTHORIZED:
            raise ProxyError(f"{self.place} refused the key", "give one that the proxy knows with --key")
        if answer.status_code in _REDIRECTS:
            raise self.strange(f"GET {path} is redirected")
        return answer

    def json(self, answer: Response) -> dict[str, Any]:
        try:
            content = answer.json()
        except ValueError:
            raise self.strange("the answer is not JSON") from None
        if not isinstance(content, dict):
            raise self.strange("the answer is JSON, and not an object")
        return content

    def strange(self, what: str) -> ProxyError:
        return ProxyError(f"{self.place}: {what}", "see that the URL is the root of a LiteLLM proxy")


def _keys_and_targets(settings: Mapping[str, Any]) -> Iterator[str]:
    """All names in the lists, whatever else is in there."""
    for kind in Kind:
        entries = settings.get(kind.value)
        for entry in entries if isinstance(entries, list) else ():
            for key, targets in entry.items() if isinstance(entry, dict) else ():
                for name in (key, *(targets if isinstance(targets, list) else ())):
                    if isinstance(name, str):
                        yield name


def _is_alias(entry: Mapping[str, Any], aliases: object) -> bool:
    name = entry.get("model_name")
    return isinstance(aliases, dict) and isinstance(name, str) and name in aliases


def _askable(name: object) -> bool:
    return isinstance(name, str) and "/" not in name  # the endpoint takes one piece of a path


def _refusal(answer: Response) -> str:
    return "is not there" if answer.status_code == _NOT_FOUND else f"ended with {answer.status_code}"


def _detail(answer: Response) -> object:
    """What LiteLLM says of a failure: an object; of a path that it does not have, the framework says a text."""
    try:
        content = answer.json()
    except ValueError:
        return None
    return content.get("detail") if isinstance(content, dict) else None


def _cause(error: Exception) -> str:
    """What kind of failure it is: the library's own words repeat the whole URL."""
    if "RemoteDisconnected" in repr(error) or "ConnectionReset" in repr(error):
        return "the connection was closed before an answer"
    return _CAUSES.get(type(error).__name__, "the answer cannot be read")
