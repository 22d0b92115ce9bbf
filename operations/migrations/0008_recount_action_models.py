"""Has every hour that was counted before recounted in the background, so that it gets its cut by action and model.

They are due a quarter of a second after each other, the newest first: what happens meanwhile is counted in between.
"""

from datetime import timedelta

from django.db import migrations
from django.utils import timezone

APART = timedelta(milliseconds=250)


def note_hours(apps, schema_editor):
    roll_ups, dues = apps.get_model("operations", "RollUp"), apps.get_model("operations", "RollUpDue")
    hours = roll_ups.objects.filter(grain="hour", dimension="").order_by("-starts_at", "system_id")
    now = timezone.now()
    batch = []
    for number, (system_id, starts_at) in enumerate(hours.values_list("system_id", "starts_at").iterator()):
        batch.append(dues(system_id=system_id, starts_at=starts_at, due_at=now + number * APART))
        if len(batch) == 1000:
            dues.objects.bulk_create(batch, ignore_conflicts=True)
            batch = []
    dues.objects.bulk_create(batch, ignore_conflicts=True)


def forget_pairs(apps, schema_editor):
    apps.get_model("operations", "RollUp").objects.filter(dimension="action_model").delete()


class Migration(migrations.Migration):
    dependencies = [("operations", "0007_action_model_roll_ups")]

    operations = [migrations.RunPython(note_hours, forget_pairs)]
