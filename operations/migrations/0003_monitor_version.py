from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("operations", "0002_roll_up_counted_at")]

    operations = [
        migrations.AddField(
            model_name="monitor",
            name="version",
            field=models.PositiveIntegerField(default=1),
        ),
    ]
