"""The contract's table of examples, as data.

Two teams with the same public names: A1 and B1 are ``gpt-4.1`` and fail, A2 and B2 are ``backup`` and answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from litellm_patch.model.names import Chains, Config, Deployment, Kind, Request

A1, A2, A3, A4 = (f"model_name_team-a_{number}" for number in (1, 2, 3, 4))
B1, B2 = "model_name_team-b_1", "model_name_team-b_2"
TEAM_A, TEAM_B = "team-a", "team-b"

DEPLOYMENTS = (
    Deployment(A1, TEAM_A, "gpt-4.1"),
    Deployment(A2, TEAM_A, "backup"),
    Deployment(B1, TEAM_B, "gpt-4.1"),
    Deployment(B2, TEAM_B, "backup"),
    Deployment("global"),
    Deployment("global-backup"),
    Deployment("other"),
    Deployment("y"),
    Deployment("z"),
)
FAILING = frozenset({A1, A3, B1, "global", "y", "z", "acme/*", "acme/zeta"})
ALIASES = {
    "al": "gpt-4.1",
    "al-global": "global",
    "al-a1": A1,
    "al-id": f"id-of-{A1}",
    "x": "y",
    "y": "z",
    A4: "global",
}
WILDCARD = (Deployment(A3, TEAM_A, "acme/*"),)
GLOBAL_WILDCARD = (Deployment("acme/*"),)
SIBLING = (Deployment(A3, TEAM_A, "gpt-4.1"),)
NAMED_LIKE_AN_ALIAS = (Deployment(A4, TEAM_A, "fourth"),)
NAMED_LIKE_A_PUBLIC_NAME = (Deployment("gpt-4.1", TEAM_A, "second"),)


@dataclass(frozen=True, eq=False)
class Example:
    """A request, the chains it meets, and who must answer it; ``None`` is the original error.

    Attributes:
        shows: what the example is about, for the test's id.
        model: the name that the caller sends.
        team_id: the caller's team.
        chains: the entries of one list.
        answer: the internal name of the deployment that answers.
        fix: whether the stock Router does something else.
        more: deployments beside the common ones.
        down: the deployments that fail.
        pick: which of the ways to choose among siblings is taken.
        general: whether it is about the general list only, as not all releases know ``*`` in the others.
    """

    shows: str
    model: str
    team_id: str | None
    chains: Chains
    answer: str | None
    fix: bool = True
    more: tuple[Deployment, ...] = field(default=())
    down: frozenset[str] = FAILING
    pick: int = 0
    general: bool = False

    def config(self, kind: Kind = Kind.GENERAL) -> Config:
        """The Router's configuration, with the chains in one of the three lists."""
        return Config(DEPLOYMENTS + self.more, ALIASES, {kind: self.chains})

    @property
    def request(self) -> Request:
        """The request, for the model."""
        return Request(self.model, self.team_id)


EXAMPLES = (
    Example("public name, internal key", "gpt-4.1", TEAM_A, [{A1: [A2]}], A2),
    Example("public target", "gpt-4.1", TEAM_A, [{A1: ["backup"]}], A2),
    Example("requested name first", "gpt-4.1", TEAM_A, [{A1: ["other"]}, {"gpt-4.1": ["backup"]}], A2, fix=False),
    Example("own chain before catch-all", "gpt-4.1", TEAM_A, [{"*": ["other"]}, {A1: [A2]}], A2),
    Example("each team its own chain", "gpt-4.1", TEAM_B, [{A1: [A2]}, {B1: [B2]}], B2),
    Example("never another team's chain", "gpt-4.1", TEAM_B, [{A1: [A2]}], None, fix=False),
    Example("never another team's chain to a global group", "gpt-4.1", TEAM_B, [{A1: ["other"]}], None, fix=False),
    Example("internal name, public key", A1, TEAM_A, [{"gpt-4.1": ["backup"]}], A2),
    Example("alias of a public name, internal key", "al", TEAM_A, [{A1: [A2]}], A2),
    Example("alias, key of its target", "al-global", None, [{"global": ["global-backup"]}], "global-backup"),
    Example("target, key of its alias", "global", None, [{"al-global": ["global-backup"]}], None, fix=False),
    Example("an alias of an alias is not followed", "x", None, [{"z": ["global-backup"]}], None, fix=False),
    Example("wildcard, internal key", "acme/zeta", TEAM_A, [{A3: [A2]}], A2, more=WILDCARD),
    Example("wildcard, public key", "acme/zeta", TEAM_A, [{"acme/*": [A2]}], A2, more=WILDCARD),
    Example(
        "a global wildcard's key", "acme/zeta", None, [{"acme/*": ["other"]}], None, fix=False, more=GLOBAL_WILDCARD
    ),
    Example("a sibling's internal key", "gpt-4.1", TEAM_A, [{A3: [A2]}], A2, more=SIBLING),
    Example("no team, no team's chain", "gpt-4.1", None, [{A1: ["other"]}], None, fix=False),
    Example("an alias reaches no other team's chain", "al-a1", TEAM_B, [{A1: ["other"]}], None, fix=False),
    Example("an alias reaches no team's chain without a team", "al-a1", None, [{A1: ["other"]}], None, fix=False),
    Example("no public name of another team's", B1, TEAM_A, [{"gpt-4.1": ["other"]}], None, fix=False),
    Example("an alias of a deployment id", "al-id", TEAM_A, [{A1: ["other"]}, {"gpt-4.1": ["other"]}], None, fix=False),
    Example("an alias of one's own internal name", "al-a1", TEAM_A, [{A1: [A2]}], A2),
    Example("an alias of one's own internal name, public key", "al-a1", TEAM_A, [{"gpt-4.1": [A2]}], A2),
    Example("an alias named like an internal name", A4, TEAM_A, [{"fourth": [A2]}], A2, more=NAMED_LIKE_AN_ALIAS),
    Example(
        "no public name of a public name",
        A1,
        TEAM_A,
        [{"second": ["other"]}],
        None,
        fix=False,
        more=NAMED_LIKE_A_PUBLIC_NAME,
    ),
    Example(
        "siblings in the order of the model list", "gpt-4.1", TEAM_A, [{A3: ["other"]}, {A1: [A2]}], A2, more=SIBLING
    ),
    Example(
        "stock's targets stand behind",
        "gpt-4.1",
        TEAM_A,
        [{"*": ["other"]}, {A1: [A2]}],
        "other",
        fix=False,
        down=FAILING | {A2},
        general=True,
    ),
    Example(
        "the failed one's chain first",
        "gpt-4.1",
        TEAM_A,
        [{A1: [A3]}, {A3: [A1]}],
        A1,
        more=SIBLING,
        down=frozenset({A3}),
        pick=1,
    ),
    Example(
        "the failed one is not still to try",
        "gpt-4.1",
        TEAM_A,
        [{A3: [A1]}, {"*": ["other"]}],
        "other",
        fix=False,
        more=SIBLING,
        down=frozenset({A1}),
        general=True,
    ),
    Example(
        "the hop's own names",
        "p",
        None,
        [{"p": ["al-global"]}, {"global": ["global-backup"]}],
        "global-backup",
        more=(Deployment("p"),),
        down=FAILING | {"p"},
    ),
    Example("alias target before internal names", "al", TEAM_A, [{A1: ["other"]}, {"gpt-4.1": [A2]}], A2),
    Example("internal names before public ones", "al-a1", TEAM_A, [{"gpt-4.1": ["other"]}, {A1: [A2]}], A2),
)
