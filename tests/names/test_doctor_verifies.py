"""The doctor's comparison with a real Router: of one mind in every release, and able to find that it is not."""

from __future__ import annotations

from dataclasses import replace

from packaging.version import Version

from litellm_patch.doctor.real_router import answers_of
from litellm_patch.doctor.settings import Settings
from litellm_patch.doctor.verifying import verify
from litellm_patch.model.abilities import release_at
from litellm_patch.model.names import Config, Kind, Rules
from tests.names.examples import A1, A2, ALIASES, B1, B2, DEPLOYMENTS, TEAM_A, WILDCARD
from tests.names.release import litellm_version

OWN = [{A1: [A2]}, {B1: ["nobody", B2]}, {"global": ["global-backup"]}, {"acme/*": ["backup"]}, {"y": ["z"]}]
SETTINGS = Settings(
    Config(
        (*DEPLOYMENTS, *WILDCARD),
        ALIASES,
        {
            Kind.GENERAL: OWN,
            Kind.CONTEXT_WINDOW: [{A1: ["backup"]}, {"global": ["other"]}],
            Kind.CONTENT_POLICY: [{"gpt-4.1": ["backup"]}],
        },
        default_fallbacks=("other",),
    ),
    {},
)


def test_the_router_does_what_the_doctor_says(rules: Rules) -> None:
    known = release_at(Version(litellm_version()), ["gpt-4.1"])
    found = verify(SETTINGS, known, rules, answers_of)
    assert found.disagreements == ()
    assert found.requests > 3 * len(DEPLOYMENTS)


def test_it_notices_a_router_that_does_something_else(rules: Rules) -> None:
    other = Rules.CONTRACT if rules is Rules.UPSTREAM else Rules.UPSTREAM
    known = release_at(Version(litellm_version()), ["gpt-4.1"])
    general = replace(SETTINGS.config, chains={Kind.GENERAL: OWN})
    found = verify(replace(SETTINGS, config=general), known, other, answers_of).disagreements
    assert (Kind.GENERAL, "gpt-4.1", TEAM_A) in {(d.kind, d.reach.model, d.reach.team_id) for d in found}
