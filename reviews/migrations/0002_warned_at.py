"""The sweep warns before the deadline, so the field says that it warned."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reviews", "0001_initial")]
    operations = [
        migrations.RemoveIndex(model_name="escalation", name="escalation_unbreached"),
        migrations.RenameField(model_name="escalation", old_name="breached_at", new_name="warned_at"),
        migrations.AddIndex(
            model_name="escalation",
            index=models.Index(
                condition=models.Q(("warned_at__isnull", True), ("status__in", ["open", "claimed"])),
                fields=["due_at"],
                name="escalation_unwarned",
            ),
        ),
    ]
