from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0011_sweeper_at_work")]

    operations = [
        migrations.AlterField("statuscount", "status", models.TextField(primary_key=True, serialize=False)),
        migrations.AlterField("statuschange", "status", models.TextField()),
        # Whoever asks next counts anew, with a colon before each status.
        migrations.RunSQL("DELETE FROM jobs_statuscount", migrations.RunSQL.noop),
    ]
