import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("operations", "0001_roll_ups_monitors_incidents")]

    operations = [
        migrations.AddField(
            model_name="rollup",
            name="counted_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        ),
    ]
