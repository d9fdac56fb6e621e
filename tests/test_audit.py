"""The tree, its proofs and signatures against their own definitions, written out here once more."""

import hashlib

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from fairdunning.audit import Frontier, Signer, Tree
from fairdunning.errors import StoreError
from fairdunning.proof import Broken, check_signature, consistent, leaf, root_of
from fairdunning.store import records
from fairdunning.store.database import Store


def plain_root(leaves):
    """RFC 9162 2.1.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def leaves_of(size):
    return [leaf(str(i).encode()) for i in range(size)]


@given(st.integers(1, 70), st.data())
def test_proofs_lead_to_the_root_and_no_other_leaf_does(size, data):
    """Each leaf is proved in each tree; another leaf, index or path is not."""
    leaves = leaves_of(size)
    tree, index = Tree(leaves), data.draw(st.integers(0, size - 1))
    path = tree.inclusion(index, size)

    assert plain_root(leaves) == root_of(leaves[index], index, size, path)
    assert plain_root(leaves) != root_of(leaf(b"other"), index, size, path)
    if path:
        with pytest.raises(Broken):
            root_of(leaves[index], index, size, path[:-1])


@given(st.integers(1, 70), st.integers(1, 70))
def test_a_tree_continues_its_beginning_and_nothing_else(a, b):
    """Consistency holds between any two sizes, and not for a changed beginning."""
    first, second = sorted((a, b))
    leaves = leaves_of(second)
    path = Tree(leaves).consistency(first, second)
    old, new = plain_root(leaves[:first]), plain_root(leaves)

    assert consistent(first, second, old, new, path)
    if first < second:
        changed = plain_root([leaf(b"changed"), *leaves[1:first]])
        assert not consistent(first, second, changed, new, path)


@given(st.integers(0, 70))
def test_the_frontier_grows_to_the_same_root(size):
    """Leaf by leaf, through its written form."""
    frontier = Frontier()
    for found in leaves_of(size):
        frontier.append(found)
        frontier = Frontier.read(frontier.written())

    assert (plain_root(leaves_of(size)).hex() if size else hashlib.sha256(b"").hexdigest()) == frontier.root()


def test_a_checkpoint_is_bound_to_its_key_and_text(tmp_path):
    """Another size, root or key is found; a lost key is an error, never a new one in silence."""
    signer = Signer.of(tmp_path / "key", None)
    found = signer.checkpoint(3, "ab" * 32, "2026-11-25T00:00:00Z")
    check_signature(found, signer.public)
    for changed in ({**found, "size": 4}, {**found, "root": "cd" * 32}, {**found, "at": "x"}):
        with pytest.raises(Broken, match="signature"):
            check_signature(changed, signer.public)
    with pytest.raises(StoreError, match="missing"):
        Signer.of(tmp_path / "gone", signer.public)
    with pytest.raises(StoreError, match="not the one"):
        Signer.of(tmp_path / "key", "00" * 32)
    assert 0o600 == (tmp_path / "key").stat().st_mode & 0o777


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)))
def test_canonical_json_is_that_of_the_standard(value):
    """Byte for byte RFC 8785, on the short way and on the long one."""
    assert rfc8785.dumps(value).decode() == records.canonical(value)


@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"\ud800": 1}, [2**60], {"a": object()}])
def test_what_the_standard_cannot_say_is_refused(value):
    """Lone surrogates, integers that are not exact, things that are no JSON."""
    with pytest.raises(StoreError, match="not plain JSON"):
        records.canonical(value)


@pytest.mark.slow
def test_twenty_thousand_records_are_verified_and_any_change_is_placed(tmp_path):
    """The whole store: each hash, the tree, each checkpoint; a change in the middle is named."""
    store, steps = Store(f"sqlite:///{tmp_path / 'l.db'}"), []
    signer = Signer.of(tmp_path / "key", None)
    with store.writing() as connection:
        for i in range(20_000):
            records.record(connection, f"V-{i:05}", "verdict", {"number": i})
    while records.seal(store, signer):
        continue
    with store.engine.connect() as connection:
        assert "" == records.verify(connection, lambda: steps.append(1))
    with store.writing() as connection:
        connection.execute(text("update bodies set body = replace(body, '12345', '54321') where record = 'V-12345'"))
    with store.engine.connect() as connection:
        assert "record V-12345: its body was changed" == records.verify(connection)
    store.close()

    assert 20_000 == len(steps)
