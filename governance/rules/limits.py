"""Every guard of the rule language in one place, because a limit that a policy author or an application can run into
has to be found, documented and tested as a limit, not as a number in the middle of some code.
"""

from typing import Final

# A policy document, when it is loaded.
MAX_DOCUMENT_BYTES: Final = 256 * 1024
MAX_DOCUMENT_DEPTH: Final = 48
MAX_RULES: Final = 200
MAX_SAMPLING_ENTRIES: Final = 20
MAX_TESTS: Final = 200
MAX_ERRORS_REPORTED: Final = 50

# One expression, when it is loaded.
MAX_SOURCE_BYTES: Final = 4 * 1024
MAX_NODES: Final = 300
MAX_NESTING: Final = 24
MAX_PATTERN_MEMORY: Final = 1 << 20  # bytes that google-re2 may spend on one compiled pattern

# One decision, before and while it is evaluated. A context's size is the characters of its strings and
# keys, and SIZE_OF_A_VALUE for each value of any kind.
MAX_CONTEXT_SIZE: Final = 256 * 1024
MAX_CONTEXT_DEPTH: Final = 32
MAX_LIST_LENGTH: Final = 1_000
MAX_STRING_LENGTH: Final = 64 * 1024
SIZE_OF_A_VALUE: Final = 8
FUEL: Final = 50_000
CHARACTERS_PER_STEP: Final = 64  # searching, joining and comparing text
REGEX_CHARACTERS_PER_STEP: Final = 16

# What the trace keeps of a value that a rule has read.
TRACED_CHARACTERS: Final = 256
TRACED_ITEMS: Final = 16
TRACED_DEPTH: Final = 3

INT_MIN: Final = -(1 << 63)
INT_MAX: Final = (1 << 63) - 1
EXACT_DOUBLE: Final = 1 << 53  # beyond it, a JSON integer is not a double of the same value
