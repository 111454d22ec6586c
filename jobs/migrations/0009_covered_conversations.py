from django.db import migrations, models


class Migration(migrations.Migration):
    """Have a run say whom it left out, and which job covers which conversation; nullable, for older processes."""

    dependencies = [("jobs", "0008_workers_of_one_name")]

    operations = [
        migrations.AddField(model_name="run", name="left_out", field=models.JSONField(null=True)),
        migrations.AddField(model_name="run", name="conversations", field=models.JSONField(null=True)),
    ]
