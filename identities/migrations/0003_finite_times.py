from django.db import migrations

# Earlier versions copied the time of a message from before the year 1, and kept it when the message was deleted. Python
# can't read such a time. The next message sets the column anew.
FORGET_FAR_TIMES = """
    UPDATE identities_identitycounts SET newest_message_at = NULL
     WHERE NOT (newest_message_at >= '0001-01-01' AND newest_message_at < '10000-01-01')
"""


class Migration(migrations.Migration):
    dependencies = [("identities", "0002_syncs_and_counts")]

    operations = [migrations.RunSQL(FORGET_FAR_TIMES, reverse_sql=migrations.RunSQL.noop)]
