"""Disputes can be settled: what lost is retired, with the reason."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="example",
            name="example_status_known",
        ),
        migrations.AddField(
            model_name="example",
            name="retired_reason",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="example",
            name="status",
            field=models.CharField(
                choices=[("active", "Active"), ("disputed", "Disputed"), ("retired", "Retired")],
                default="active",
                max_length=8,
            ),
        ),
        migrations.AddIndex(
            model_name="example",
            index=models.Index(
                condition=models.Q(("status", "disputed")), fields=["dataset", "input_sha256"], name="example_disputed"
            ),
        ),
        migrations.AddConstraint(
            model_name="example",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["active", "disputed", "retired"])), name="example_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="example",
            constraint=models.CheckConstraint(
                condition=models.Q(("status", "retired"), ("retired_reason", ""), _connector="OR"),
                name="example_reason_only_if_retired",
            ),
        ),
    ]
