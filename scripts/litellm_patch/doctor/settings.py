"""What a proxy's settings say about names and chains: from what YAML or JSON gives to the model's plain data.

Only the places where names stand are looked at. No message quotes what stands there: it may be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from litellm_patch.errors import ConfigurationError
from litellm_patch.model.names import Config, Deployment, Kind

ROUTER, LITELLM = "router_settings", "litellm_settings"
INTERNAL_PREFIX = "model_name_"
"""What the proxy begins an internal name with; the team's id follows."""

_REFERENCE = "os.environ/"
_DEFAULT_MAX_FALLBACKS = 5
_MEND = "correct it, and see LiteLLM's documentation of config.yaml"
_ENTRY = "write each as NAME: [TARGET, ...], and a list for all models as default_fallbacks"
_TYPES = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "empty",
}


@dataclass(frozen=True)
class Settings:
    """A proxy's configuration, as far as names matter.

    Attributes:
        config: the model's plain data.
        ids: the deployments that have an id of their own, by it.
        remarks: what an operator should know about how the settings were read, a line each.
        complete: whether all deployments are known; if not, a name that none bears may well be one's.
        checks_access: whether the caller's access to each fallback target is checked because the settings say so.
    """

    config: Config
    ids: Mapping[str, Deployment]
    remarks: tuple[str, ...] = ()
    complete: bool = True
    checks_access: bool = False

    def also(self, remarks: Sequence[str], *, complete: bool = True) -> Settings:
        """The same, with what was seen before these settings were read."""
        return replace(self, remarks=(*remarks, *self.remarks), complete=self.complete and complete)


def read_settings(raw: object, environ: Mapping[str, str]) -> Settings:
    """Take names and chains out of a proxy's configuration, by LiteLLM's own precedence.

    Args:
        raw: the whole configuration, as YAML gives it.
        environ: where ``os.environ/NAME`` is looked up.

    Raises:
        ConfigurationError: it is not what LiteLLM takes; says where, and never what stands there.
    """
    reader = _Reader(environ, [])
    whole = reader.mapping(raw, "the configuration")
    if not isinstance(raw, Mapping) or not {"model_list", ROUTER, LITELLM} & set(whole):
        raise ConfigurationError(
            f"the configuration has none of model_list, {ROUTER} and {LITELLM}", "name a LiteLLM proxy's config.yaml"
        )
    deployments, ids = reader.deployments(whole.get("model_list"))
    router = reader.mapping(whole.get(ROUTER), ROUTER)
    common = reader.mapping(whole.get(LITELLM), LITELLM)
    if not deployments:
        reader.remarks.append("model_list is empty: models that only the database knows are seen with --url")
    reader.misplaced(whole)
    config = Config(
        deployments,
        reader.aliases(router.get("model_group_alias")),
        {kind: chains for kind in Kind if (chains := reader.chains(kind, *reader.first(router, common, kind.value)))},
        reader.names(*reader.first(router, common, "default_fallbacks")),
        reader.count(*reader.first(router, common, "max_fallbacks")),
    )
    general = whole.get("general_settings")
    checks_access = isinstance(general, Mapping) and general.get("enforce_fallback_model_access") is True
    remarks = tuple(dict.fromkeys(reader.remarks))
    return Settings(config, ids, remarks, complete=bool(deployments), checks_access=checks_access)


@dataclass(frozen=True)
class _Reader:
    environ: Mapping[str, str]
    remarks: list[str]

    def mapping(self, value: object, place: str) -> Mapping[object, Any]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"{place} is {_type(value)}, expected a mapping", _MEND)
        return value

    def sequence(self, value: object, place: str) -> Sequence[Any]:
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ConfigurationError(f"{place} is {_type(value)}, expected a list", _MEND)
        return value

    def name(self, value: object, place: str) -> str:
        if not isinstance(value, str) or not value:
            what = "empty" if value == "" else _type(value)
            raise ConfigurationError(f"{place} is {what}, expected a name", "write a name, in quotes if it is a number")
        return value

    def resolved(self, value: object, place: str) -> object:
        """LiteLLM replaces references where they are the value of a key, and nowhere else."""
        if not isinstance(value, str) or not value.startswith(_REFERENCE):
            return value
        found = self.environ.get(value[len(_REFERENCE) :])
        if found is None:
            self.remarks.append(f"{place} refers to an environment variable that is not set here: left as it is")
            return value
        return found

    def deployments(self, raw: object) -> tuple[tuple[Deployment, ...], Mapping[str, Deployment]]:
        found, ids = [], {}
        for number, item in enumerate(self.sequence(raw, "model_list")):
            place = f"model_list[{number}]"
            entry = self.mapping(item, place)
            info = self.mapping(entry.get("model_info"), f"{place}.model_info")
            model_name = self.name(self.resolved(entry.get("model_name"), place), f"{place}.model_name")
            team, public = (
                None
                if info.get(key) is None
                else self.name(self.resolved(info[key], f"{place}.model_info.{key}"), f"{place}.model_info.{key}")
                for key in ("team_id", "team_public_model_name")
            )
            deployment = Deployment(model_name, team, public if team else None)
            if isinstance(info.get("id"), str):
                ids[info["id"]] = deployment
            found.append(deployment)
        return tuple(found), ids

    def misplaced(self, whole: Mapping[object, Any]) -> None:
        """Remark on what stands where LiteLLM does not look for it."""
        ours = ("default_fallbacks", *(kind.value for kind in Kind))
        places = {"": ours, "general_settings.": ours, f"{LITELLM}.": ()}
        for place, keys in places.items():
            section = whole.get(place[:-1]) if place else whole
            for key in (*keys, "model_group_alias"):
                if isinstance(section, Mapping) and section.get(key):
                    self.remarks.append(f"{place}{key} is not read by LiteLLM: it belongs in {ROUTER}")

    def aliases(self, raw: object) -> Mapping[str, str]:
        place, found, unserved = f"{ROUTER}.model_group_alias", {}, []
        for number, (key, value) in enumerate(self.mapping(raw, place).items()):
            alias = self.name(key, f"the name of alias {number + 1} in {place}")
            target = f"the target of alias {number + 1} in {place}"
            model = value.get("model") if isinstance(value, Mapping) else value
            name = self.resolved(model, target)
            if isinstance(name, str) and name:
                found[alias] = name
            else:  # LiteLLM starts, and then cannot route a request for it
                unserved.append(alias)
        if unserved:
            self.remarks.append(f"{place}: not one name each, so LiteLLM routes no request for {', '.join(unserved)}")
        return found

    def first(self, router: Mapping[object, Any], common: Mapping[object, Any], key: str) -> tuple[object, str]:
        """The value that counts, and where it stands: like LiteLLM, take the other where the first is empty."""
        if not router.get(key):
            return common.get(key), f"{LITELLM}.{key}"
        if common.get(key) and common[key] != router[key]:
            self.remarks.append(f"{LITELLM}.{key} is not read by LiteLLM, as {ROUTER}.{key} is there")
        return router[key], f"{ROUTER}.{key}"

    def chains(self, kind: Kind, raw: object, place: str) -> tuple[Mapping[str, Sequence[str]], ...]:
        found, many = [], []
        for number, item in enumerate(self.sequence(self.resolved(raw, place), place)):
            where = f"{place}[{number}]"
            if not isinstance(item, Mapping):
                raise ConfigurationError(f"{where} is {_type(item)}, expected a mapping of one name to a list", _ENTRY)
            unchecked = kind is Kind.CONTEXT_WINDOW  # LiteLLM looks at the other two before it starts
            if not item or (len(item) > 1 and not unchecked):
                how_many = f"{len(item)} keys" if item else "no key"
                raise ConfigurationError(f"{where} has {how_many}, expected one", _ENTRY)
            key, targets = next(iter(item.items()))
            if len(item) > 1:
                many.append(f"[{number}]")
                targets = () if isinstance(targets, str) else targets  # of which it would take each letter for a name
            found.append({self.name(key, f"the key of {where}"): self.targets(targets, where, key)})
        if many:
            self.remarks.append(f"{place}: several keys in {', '.join(many)}, and LiteLLM reads the first: {_ENTRY}")
        return tuple(found)

    def targets(self, raw: object, place: str, key: str) -> tuple[str, ...]:
        found = []
        for number, target in enumerate(self.sequence(raw, f"the targets of {place}")):
            # an object without a model is the same group again, with other parameters
            name = target.get("model", key) if isinstance(target, Mapping) else target
            found.append(self.name(name, f"target {number + 1} of {place}"))
        return tuple(found)

    def names(self, raw: object, place: str) -> tuple[str, ...]:
        return tuple(
            self.name(item, f"{place}[{number}]")
            for number, item in enumerate(self.sequence(self.resolved(raw, place), place))
        )

    def count(self, raw: object, place: str) -> int:
        value = self.resolved(raw, place)
        if value is None:
            return _DEFAULT_MAX_FALLBACKS
        if isinstance(value, bool) or not isinstance(value, int):
            raise ConfigurationError(f"{place} is {_type(value)}, expected a whole number", _MEND)
        return value


def _type(value: object) -> str:
    return next((word for kind, word in _TYPES.items() if isinstance(value, kind)), "of another type")
