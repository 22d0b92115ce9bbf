"""What decisions cost: prices of models with the day from which they hold, and a ledger of what each decision cost."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from governance.identifiers import new_id
from governance.models import AISystem, Organization
from reviews.models import Decision


class ModelPrice(models.Model):
    """A price that somebody of the organization stated: US dollars per million tokens, from a day on. Never changed: a newer
    row of the same pattern takes its place. Where none fits, the prices of genai-prices hold.

    `pattern` fits a decision's `model` (`provider/model`), `*` standing for any characters. A price left empty follows
    another: cached input and cache writes cost as input, reasoning as output.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="model_prices", db_index=False)
    pattern = models.CharField(max_length=255)
    effective_from = models.DateField()
    input = models.DecimalField(max_digits=12, decimal_places=6)
    output = models.DecimalField(max_digits=12, decimal_places=6)
    cached_input = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    cache_write = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    reasoning = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    stated_by_label = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    # Withdrawn prices stay, since entries of the ledger name them.
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pattern", "-effective_from", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(input__gte=0)
                & Q(output__gte=0)
                & (Q(cached_input__isnull=True) | Q(cached_input__gte=0))
                & (Q(cache_write__isnull=True) | Q(cache_write__gte=0))
                & (Q(reasoning__isnull=True) | Q(reasoning__gte=0)),
                name="model_price_not_negative",
            )
        ]
        indexes = [models.Index(fields=["organization", "pattern", "-effective_from"], name="model_price_by_pattern")]

    def __str__(self) -> str:
        return f"{self.pattern} from {self.effective_from}"


class CostEntry(models.Model):
    """What one decision cost, in millionths of a US dollar. Of several entries (a price was corrected) the one with the
    greatest `sequence` holds; none is ever changed."""

    class Source(models.TextChoices):
        REPORTED = "reported", "Reported by the application"
        STATED = "stated", "Priced by the organization's table"
        DEFAULT = "default", "Priced by genai-prices"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="cost_entries", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="cost_entries", db_index=False)
    decision = models.ForeignKey(Decision, models.CASCADE, related_name="cost_entries", db_index=False)
    sequence = models.PositiveSmallIntegerField(default=1)
    amount_micros = models.BigIntegerField()
    source = models.CharField(max_length=8, choices=Source)
    price = models.ForeignKey(ModelPrice, models.PROTECT, related_name="entries", null=True, blank=True)
    # What was applied, in words: the table's row, or the package's version and its name for the model.
    price_label = models.CharField(max_length=200, blank=True)
    # Disjoint: input without what was cached, output without reasoning.
    input_tokens = models.BigIntegerField(default=0)
    cached_input_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["decision", "sequence"], name="cost_entry_sequence_unique"),
            models.CheckConstraint(
                condition=Q(amount_micros__gte=0)
                & Q(input_tokens__gte=0)
                & Q(cached_input_tokens__gte=0)
                & Q(cache_write_tokens__gte=0)
                & Q(output_tokens__gte=0)
                & Q(reasoning_tokens__gte=0),
                name="cost_entry_not_negative",
            ),
        ]
        indexes = [models.Index(F("system"), F("created_at").desc(), name="cost_entry_newest")]

    def __str__(self) -> str:
        return f"{self.amount_micros} µ$ for {self.decision_id}"
