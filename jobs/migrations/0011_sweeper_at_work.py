import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep when each sweeper process was last alive, and when a tick of it was last completed."""

    dependencies = [("jobs", "0010_retry_states")]

    operations = [
        migrations.CreateModel(
            name="SweeperAtWork",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("hostname", models.CharField(max_length=255)),
                ("pid", models.IntegerField()),
                ("started_at", models.DateTimeField()),
                ("alive_at", models.DateTimeField()),
                ("ticked_at", models.DateTimeField(null=True)),
            ],
            options={"default_permissions": ()},
        ),
    ]
