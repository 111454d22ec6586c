from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep a row for each worker of a name; the rows are not carried over, for workers tell of themselves anew."""

    dependencies = [("jobs", "0007_attempts_looked_up")]

    operations = [
        migrations.DeleteModel(name="WorkerReport"),
        migrations.CreateModel(
            name="WorkerReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hostname", models.CharField(max_length=255)),
                ("number", models.PositiveIntegerField(default=1)),
                ("queues", models.JSONField(default=list)),
                ("tasks", models.JSONField(default=list)),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("hostname", "number"), name="jobs_workerreport_once")
                ],
            },
        ),
    ]
