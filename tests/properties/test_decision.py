"""What must hold of every decision, whatever the chain: grants only ever add, and inheriting is as good as holding."""

from hypothesis import given
from hypothesis import strategies as st

from modelkeep.core.table import OPERATIONS
from modelkeep.domain.authorization import (
    Binding,
    Requirement,
    SecurableWithGrants,
    as_if_bound,
    blocked_at,
    decide,
    decide_inside,
    effective,
    unbound,
)
from modelkeep.domain.kinds import BY_DEPTH, RULES, Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.privileges import NOT_IN_ALL, Privilege

NAMES = ("", "c", "c.s", "c.s.m")


def _securable(depth: int) -> Securable:
    return Securable(
        str(depth), BY_DEPTH[depth], "", "", "", NAMES[depth], "", "", "", "{}", "{}", 0, 0, "", 0, "", NAMES[depth]
    )


@st.composite
def chains(draw: st.DrawFn, depth: int | None = None) -> list[SecurableWithGrants]:
    results: list[SecurableWithGrants] = []
    for level in range((draw(st.integers(0, 3)) if depth is None else depth) + 1):
        grantable = sorted(RULES[BY_DEPTH[level]].grantable)
        granted = draw(st.frozensets(st.sampled_from(grantable), max_size=4))
        bound = draw(st.sampled_from([*Binding, Binding.READ_WRITE, None])) if level == 1 else Binding.READ_WRITE
        results.append(SecurableWithGrants(_securable(level), draw(st.integers(0, 4)) == 0, granted, bound))
    return results


NEEDS = st.sampled_from([on.need for op in OPERATIONS for on in op.targets])


@given(chain=chains(), need=NEEDS, data=st.data())
def test_adding_a_grant_or_an_ownership_never_takes_access_away(
    chain: list[SecurableWithGrants], need: Requirement, data: st.DataObject
) -> None:
    level = data.draw(st.integers(0, len(chain) - 1))
    link = chain[level]
    extra = data.draw(st.frozensets(st.sampled_from(sorted(RULES[link.securable.kind].grantable))))
    richer = list(chain)
    richer[level] = SecurableWithGrants(
        link.securable, link.owned or data.draw(st.booleans()), link.granted | extra, link.binding
    )
    for rule in (decide, decide_inside):
        assert rule(need, richer).allowed >= rule(need, chain).allowed


@given(chain=chains(depth=3), need=NEEDS, level=st.integers(1, 2), data=st.data())
def test_a_privilege_on_a_container_is_as_good_as_one_on_everything_in_it(
    chain: list[SecurableWithGrants], need: Requirement, level: int, data: st.DataObject
) -> None:
    privilege = data.draw(st.sampled_from(sorted(RULES[chain[level].securable.kind].grantable)))
    above = [
        SecurableWithGrants(link.securable, link.owned, link.granted | {privilege}, link.binding)
        if i == level
        else link
        for i, link in enumerate(chain)
    ]
    explicit = [
        SecurableWithGrants(link.securable, link.owned, link.granted | {privilege}, link.binding)
        if i >= level and _applies(privilege, link)
        else link
        for i, link in enumerate(chain)
    ]
    assert decide(need, above) == decide(need, explicit)
    assert effective(above) == effective(explicit)


def _applies(privilege: str, link: SecurableWithGrants) -> bool:
    return privilege in RULES[link.securable.kind].grantable


@given(chain=chains(), need=NEEDS)
def test_a_refusal_names_the_first_closed_container_from_the_top(
    chain: list[SecurableWithGrants], need: Requirement
) -> None:
    decision = decide(need, chain)
    blocked = blocked_at(chain[:-1])
    if blocked is not None and not need.browse and unbound(chain) is None:
        assert decision == blocked and not decision.allowed
        closed = blocked.reason.split("'")[1].count(".") + 1
        assert blocked_at(chain[:closed]) is None and blocked_at(chain[: closed + 1]) == blocked
    assert decision.reason


@given(chain=chains(depth=3), need=NEEDS)
def test_metastore_grants_reach_nothing_below(chain: list[SecurableWithGrants], need: Requirement) -> None:
    top = SecurableWithGrants(chain[0].securable, chain[0].owned, frozenset(Privilege))
    assert decide(need, [top, *chain[1:]]) == decide(need, chain)


@given(chain=chains())
def test_all_privileges_never_means_manage(chain: list[SecurableWithGrants]) -> None:
    plain = [
        SecurableWithGrants(link.securable, False, link.granted - NOT_IN_ALL | {Privilege.ALL_PRIVILEGES})
        for link in chain
    ]
    content = effective(plain)
    assert not content & NOT_IN_ALL
    if chain[-1].securable.kind is not Kind.METASTORE:
        assert content == RULES[chain[-1].securable.kind].grantable - NOT_IN_ALL


@given(chain=chains(), need=NEEDS)
def test_a_binding_only_takes_and_reading_knows_no_read_only(
    chain: list[SecurableWithGrants], need: Requirement
) -> None:
    free = decide(need, as_if_bound(chain))
    read, written = decide(need, chain), decide(need, chain, writes=True)
    if len(chain) == 1 or chain[1].binding is Binding.READ_WRITE:
        assert read == written == free
    elif chain[1].binding is None:
        assert not read.allowed and read == written and "not accessible in current workspace" in read.reason
    else:
        assert read == free
        assert not written.allowed and ("read-only in current workspace" in written.reason) == free.allowed
