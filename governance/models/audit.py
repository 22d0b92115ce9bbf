"""The append-only log: one entry a fact, with what may be erased kept apart from what is proved.

Nothing here refers to another table: the log outlives people, systems and organizations. Triggers on both databases
(governance/triggers.py) refuse every change but the sequencer's single null → value.
"""

from django.db import models
from django.db.models import Q

from governance.querysets import AuditEntryQuerySet


class AuditEntry(models.Model):
    """One fact. `leaf_hash` is the RFC 6962 leaf hash of its fields (governance/transparency/leaves.py); `leaf_index`
    its place in the tree, given by the sequencer."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField(null=True)
    type = models.CharField(max_length=64)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=254)
    occurred_at = models.DateTimeField()
    commitment = models.CharField(max_length=64)
    leaf_hash = models.CharField(max_length=64)
    leaf_index = models.BigIntegerField(null=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["leaf_index"], name="audit_entry_leaf_index_unique")]
        indexes = [
            # Serves the sequencer.
            models.Index(fields=["id"], name="audit_entry_unsequenced", condition=Q(leaf_index__isnull=True)),
            # Serves the audit page, newest first, with and without a type.
            models.Index(fields=["organization_id", "-id"], name="audit_entry_newest"),
            models.Index(fields=["organization_id", "type", "-id"], name="audit_entry_by_type"),
            models.Index(fields=["organization_id", "actor_id", "-id"], name="audit_entry_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.type} #{self.id}"


class AuditPayload(models.Model):
    """What an entry says in full; may be erased, the entry's commitment stays. `subject` is `kind:id` of the thing."""

    entry = models.OneToOneField(
        AuditEntry, models.DO_NOTHING, primary_key=True, related_name="payload", db_constraint=False
    )
    organization_id = models.UUIDField(null=True)
    key = models.CharField(max_length=64)
    subject = models.CharField(max_length=128)
    payload = models.TextField()

    class Meta:
        # Serves the timeline of a decision, a policy or a system.
        indexes = [models.Index(fields=["organization_id", "subject", "entry"], name="audit_payload_by_subject")]

    def __str__(self) -> str:
        return self.subject


class AuditBatch(models.Model):
    """What one run of the sequencer appended: the tree's size and root after it, and the peaks that carry on from there."""

    id = models.BigAutoField(primary_key=True)
    first_index = models.BigIntegerField()
    tree_size = models.BigIntegerField()
    root_hash = models.CharField(max_length=64)
    # Hashes of the complete subtrees, largest first: all that is needed to append (RFC 6962, 2.1).
    peaks = models.JSONField()
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first_index"], name="audit_batch_first_index_unique"),
            models.UniqueConstraint(fields=["tree_size"], name="audit_batch_tree_size_unique"),
            models.CheckConstraint(condition=Q(tree_size__gt=models.F("first_index")), name="audit_batch_grows"),
        ]

    def __str__(self) -> str:
        return f"tree of {self.tree_size}"
