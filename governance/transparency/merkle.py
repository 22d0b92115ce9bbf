"""The Merkle tree of RFC 6962, section 2.1, kept as its peaks: all it takes to append and to know the root.

The peaks of a tree of n leaves are the roots of its complete subtrees, largest first: one for every bit set in n.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Self

NODE_PREFIX = b"\x01"
# The root of a tree without leaves (RFC 6962, section 2.1).
EMPTY_ROOT = hashlib.sha256(b"").digest()


def hash_leaf_input(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


class MerkleTree:
    """A tree that only grows. Leaf hashes and peaks are 32 raw bytes."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Refuses (ValueError) peaks that can't belong to a tree of `size` leaves."""
        if size < 0 or len(peaks) != size.bit_count() or any(len(peak) != 32 for peak in peaks):
            raise ValueError(f"a tree of {size} leaves does not have these {len(peaks)} peaks")
        self.size = size
        self.peaks = list(peaks)

    def extend(self, leaf_hashes: Iterable[bytes]) -> Self:
        """Append leaves, by their hashes, in order."""
        sha256, peaks, size = hashlib.sha256, self.peaks, self.size
        for node in leaf_hashes:
            # Every complete subtree to the left that has reached the node's size is merged with it: one for every
            # trailing bit that is set in the size.
            rest = size
            while rest & 1:
                node = sha256(NODE_PREFIX + peaks.pop() + node).digest()
                rest >>= 1
            peaks.append(node)
            size += 1
        self.size = size
        return self

    def root(self) -> bytes:
        """The Merkle tree hash: the peaks, folded from the smallest to the largest."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = hash_node(peak, root)
        return root
