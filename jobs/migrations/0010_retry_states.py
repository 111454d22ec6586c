from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep since when an attempt's own worker waits to try it again."""

    dependencies = [("jobs", "0009_covered_conversations")]

    operations = [
        migrations.AddField(
            model_name="dispatch", name="retrying_since", field=models.DateTimeField(null=True)
        ),
    ]
