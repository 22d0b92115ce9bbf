"""The instants of a repricing are named as all instants are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("operations", "0008_recount_action_models")]

    operations = [
        migrations.RemoveConstraint(model_name="repricing", name="repricing_is_stated"),
        migrations.RenameField(model_name="repricing", old_name="since", new_name="since_at"),
        migrations.RenameField(model_name="repricing", old_name="until", new_name="until_at"),
        migrations.AddConstraint(
            model_name="repricing",
            constraint=models.CheckConstraint(
                condition=models.Q(("until_at__gt", models.F("since_at")), models.Q(("reason", ""), _negated=True)),
                name="repricing_is_stated",
            ),
        ),
    ]
