"""The pure tree against RFC 6962: published vectors, and the definition of section 2.1 written down naively."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.transparency.merkle import EMPTY_ROOT, MerkleTree, hash_leaf_input, hash_node

# Leaves and roots of the reference implementation's tests: github.com/google/certificate-transparency,
# cpp/merkletree/merkle_tree_test.cc (kLeafInputs, kRootHashes).
LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH(D[n]) word for word: split at the largest power of two that is smaller than n."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_the_reference_implementation(size: int) -> None:
    tree = MerkleTree().extend(hash_leaf_input(leaf) for leaf in LEAVES[:size])
    assert tree.root().hex() == ROOTS[size - 1]


def test_a_tree_without_leaves_has_the_hash_of_nothing() -> None:
    assert MerkleTree().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_leaves_and_nodes_can_not_be_taken_for_each_other() -> None:
    left, right = hash_leaf_input(b"a"), hash_leaf_input(b"b")
    assert hash_node(left, right) != hash_leaf_input(left + right)


leaf_hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


@given(leaf_hashes)
def test_the_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    assert MerkleTree().extend(leaves).root() == naive_root(leaves)


@given(leaf_hashes, leaf_hashes)
def test_a_tree_grows_on_from_its_peaks_alone(earlier: list[bytes], later: list[bytes]) -> None:
    first = MerkleTree().extend(earlier)
    second = MerkleTree(first.size, first.peaks).extend(later)
    assert second.root() == naive_root(earlier + later)
    assert len(second.peaks) == second.size.bit_count()


def test_peaks_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(ValueError, match="3 leaves"):
        MerkleTree(3, [bytes(32)])
    with pytest.raises(ValueError, match="1 leaves"):
        MerkleTree(1, [b"short"])
