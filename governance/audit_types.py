"""The vocabulary of the audit log: every type of entry, with the sentence that people read.

Upper floors record their own types; the names stand here because the log's page and filter are on this floor. A test
holds the table to the code. An entry of a type that is not listed is shown by its code.
"""

ERASURE_TYPE = "audit.payload_erased"
# The subject of an erasure's entry, followed by the id of the entry that it erased; nothing else is recorded under it.
ERASURE_SUBJECT = "audit_entry:"
