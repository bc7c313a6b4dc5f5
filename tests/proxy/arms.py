"""The two arms: a stock and a patched proxy with the same configuration, each before a provider of its own."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from tests.proxy.process import HERE, running
from upkeep.provider import Behaviour, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.proxy.cases import Case
    from tests.proxy.clients import Reply
    from tests.proxy.process import Proxy
    from upkeep.cells.environment import Environment

T = TypeVar("T")
CONFIGURATION = HERE / "teams.yaml"
# what the headers of a stream say depends on whether it has begun when it breaks
PAUSE_IN_SECONDS = 0.25
ABOUT = {f"x-litellm-{name}" for name in ("attempted-fallbacks", "model-group", "model-id")}


@dataclass(frozen=True)
class ArmReplies:
    """What came of a case on an arm.

    Attributes:
        reply: what the caller got.
        models: the models that the provider was asked for, in order.
    """

    reply: Reply
    models: tuple[str, ...]

    @property
    def called(self) -> tuple[str, ...]:
        """The places that the provider saw, in order."""
        return tuple(model.partition(".")[2] for model in self.models)

    @property
    def about(self) -> dict[str, str]:
        """The headers that tell what happened."""
        return {name: value for name, value in self.reply.headers.items() if name in ABOUT}

    @property
    def comparable(self) -> tuple[object, ...]:
        """All that two arms must have in common."""
        return self.reply.status, self.reply.text, self.reply.broken, self.called, self.about

    def __str__(self) -> str:
        """In the words of the table."""
        return f"{self.reply.status}{', broken' if self.reply.broken else ''}: {' > '.join(self.called) or 'nobody'}"


@dataclass(frozen=True)
class Arm:
    """One of the two: its name, its proxy, the provider behind it, and one behind a single model that may vanish."""

    name: str
    proxy: Proxy
    provider: Provider
    fragile: Provider

    def send(self, case: Case) -> ArmReplies:
        """Send a case's request.

        Args:
            case: what to send.

        Returns:
            What came of it.
        """
        self.provider.reset(self.provider.behaviours)
        reply = case.call(self.proxy.url, case.key, case.model, **case.body)
        return ArmReplies(reply, self.provider.models_called)


@dataclass(frozen=True)
class Arms:
    """Both arms."""

    stock: Arm
    patched: Arm

    def both(self, do: Callable[[Arm], T]) -> tuple[T, T]:
        """Do something to both at the same time.

        Args:
            do: what.

        Returns:
            What it returns for stock and for patched.
        """
        with ThreadPoolExecutor(2) as pool:
            stock, patched = pool.map(do, (self.stock, self.patched))
        return stock, patched


@contextmanager
def standing(
    environments: Mapping[str, Environment],
    folder: Path,
    keys: Mapping[str, Mapping[str, Any]],
    general_settings: Mapping[str, object] | None = None,
) -> Iterator[Arms]:
    """Start both proxies, side by side, and stop them at the end.

    Args:
        environments: those of the arms, ``stock`` and ``patched``.
        folder: for what the proxies read, and their logs.
        keys: the keys that they know.
        general_settings: more of these for the configuration.

    Yields:
        The arms.
    """

    def start(name: str) -> Arm:
        here = folder / name
        configuration = write(here, keys, general_settings or {})
        provider = stack.enter_context(Provider(behaviours_of(configuration), pause=PAUSE_IN_SECONDS))
        fragile = stack.enter_context(Provider())
        proxy = running(environments[name], configuration, here / "proxy.log", settings_for(provider, fragile))
        return Arm(name, stack.enter_context(proxy), provider, fragile)

    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        stock, patched = pool.map(start, ("stock", "patched"))
        yield Arms(stock, patched)


def write(folder: Path, keys: Mapping[str, Mapping[str, Any]], general_settings: Mapping[str, object]) -> Path:
    """Write what a proxy reads.

    Args:
        folder: where; made if it is missing.
        keys: the keys that it knows.
        general_settings: more of these.

    Returns:
        The configuration file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "custom_auth.py", folder)
    (folder / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
    configuration = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    configuration["general_settings"].update(general_settings)
    path = folder / CONFIGURATION.name
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return path


def settings_for(provider: Provider, fragile: Provider) -> dict[str, str]:
    """The environment variables that the configuration refers to."""
    return {
        "UPSTREAM": f"{provider.url}/v1",
        "UPSTREAM_ANTHROPIC": provider.url,
        "UPSTREAM_FRAGILE": f"{fragile.url}/v1",
    }


def behaviours_of(configuration: Path) -> dict[str, Behaviour]:
    """How the provider treats each model of a configuration: the models say it themselves.

    Args:
        configuration: the file.

    Returns:
        The behaviours by what the provider is asked for.
    """
    entries = yaml.safe_load(configuration.read_text(encoding="utf-8"))["model_list"]
    models = [entry["litellm_params"]["model"].partition("/")[2] for entry in entries]
    return {model: Behaviour[model.partition(".")[0]] for model in models}
