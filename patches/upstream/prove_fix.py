"""
Show, through the real proxy and a real provider, that a dormant fallback chain answers; prints the proof as Markdown.

    OPENAI_API_KEY=... python prove_fix.py --label "$(git rev-parse HEAD)"

Run it once before and once after the change, with the Python of an environment that has ``litellm[proxy]``, and put what
it prints under "Before" and "After". It costs six short answers of ``--model``, and none where no chain fires. It starts a
proxy on loopback with a configuration of its own and stops it again; no database is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

MASTER_KEY = "sk-proof"
STARTUP_SECONDS = 180
ANSWER_SECONDS = 120

# The primary of each pair is a provider that is down: nothing listens at its address.
CONFIG = """\
model_list:
  - model_name: model_name_acme_1
    litellm_params: {model: openai/primary, api_base: "http://127.0.0.1:1/v1", api_key: unused, max_retries: 0}
    model_info: {team_id: acme, team_public_model_name: gpt-4.1}
  - model_name: model_name_acme_2
    litellm_params: {model: "openai/%(model)s", api_base: "%(api_base)s", api_key: os.environ/OPENAI_API_KEY}
    model_info: {team_id: acme, team_public_model_name: gpt-4.1-backup}
  - model_name: primary
    litellm_params: {model: openai/primary, api_base: "http://127.0.0.1:1/v1", api_key: unused, max_retries: 0}
  - model_name: backup
    litellm_params: {model: "openai/%(model)s", api_base: "%(api_base)s", api_key: os.environ/OPENAI_API_KEY}
router_settings:
  num_retries: 0
  model_group_alias: {prod: primary}
  fallbacks:
    - {model_name_acme_1: [model_name_acme_2]}
    - {primary: [backup]}
general_settings:
  master_key: sk-proof
  custom_auth: team_of_the_key.user_api_key_auth
"""
# Any key is one of team acme's; a proxy with a database knows the team from the key itself.
TEAM_OF_THE_KEY = """\
from litellm.proxy._types import UserAPIKeyAuth


async def user_api_key_auth(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, team_id="acme", models=["gpt-4.1", "gpt-4.1-backup", "prod", "backup"])
"""
CASES = (
    ("gpt-4.1", "issue 28019: a team's public name, the chain is keyed by the internal one"),
    ("prod", "issue 10317: an alias, the chain is keyed by its target"),
)


def bodies(model: str) -> dict[str, dict[str, object]]:
    """What is posted to each endpoint."""
    messages = [{"role": "user", "content": "Say hello in one word."}]
    return {
        "/v1/chat/completions": {"model": model, "messages": messages},
        "/v1/responses": {"model": model, "input": messages[0]["content"]},
        "/v1/messages": {"model": model, "max_tokens": 64, "messages": messages},
    }


def text_of(answer: dict) -> str:
    """The text of an answer, or the message of an error."""
    if answer.get("error"):
        error = answer["error"]
        message = str(error.get("message", error) if isinstance(error, dict) else error)
        return "error: " + re.sub(r"0x[0-9a-f]+", "0x...", message)  # the address of an object says nothing
    if "choices" in answer:
        return "answer: " + answer["choices"][0]["message"]["content"]
    parts = [part for item in answer.get("output", [answer]) for part in item.get("content", ())]
    return "answer: " + "".join(part.get("text") or "" for part in parts)


def send(port: int, path: str, body: dict[str, object]) -> tuple[int, str]:
    """Post one request to the proxy."""
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + MASTER_KEY + "-of-acme"}
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    return response.status, text_of(answer)


def wait_for(proxy: subprocess.Popen, port: int, log: Path) -> None:
    """Wait until the proxy answers."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and proxy.poll() is None:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health/liveliness")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.3)
    sys.exit(f"the proxy did not start:\n{log.read_text()[-3000:]}")


def report(port: int, heading: str) -> None:
    """Send every request and print what came back."""
    print(f"### {heading}")
    for path in bodies(""):
        print(f"\n#### {path}\n")
        for number, (model, why) in enumerate(CASES, 1):
            body = bodies(model)[path]
            status, said = send(port, path, body)
            print(f"{number}. {model} ({why})\n")
            print(
                f"   ```console\n   $ curl $PROXY{path} -H \"Authorization: Bearer $KEY\" \\\n       -d '{json.dumps(body)}'"
            )
            for line in f"{status} {said}".splitlines():
                print(f"   {line}".rstrip())
            print("   ```\n" if number < len(CASES) else "   ```")


def main() -> None:
    """Start the proxy, send the requests, print the proof, stop the proxy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label", required=True, help="what the heading says, such as 'Before (<commit>)'")
    parser.add_argument("--model", default="gpt-4o-mini", help="the model of the backups (default: %(default)s)")
    parser.add_argument("--api-base", default="https://api.openai.com/v1", help="their provider (default: %(default)s)")
    options = parser.parse_args()
    if not os.environ.get("OPENAI_API_KEY"):
        sys.exit("set OPENAI_API_KEY to a key of the provider")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "config.yaml").write_text(CONFIG % vars(options))
        (folder / "team_of_the_key.py").write_text(TEAM_OF_THE_KEY)
        log = folder / "proxy.log"
        start = "from litellm import run_server; run_server()"
        arguments = ("--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port))
        with log.open("w") as output:
            proxy = subprocess.Popen(
                [sys.executable, "-c", start, *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            wait_for(proxy, port, log)
            report(port, options.label)
        finally:
            proxy.terminate()
            proxy.wait()


if __name__ == "__main__":
    main()
