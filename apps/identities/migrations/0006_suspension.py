from django.db import migrations, models


def mark(apps, schema_editor):
    """Until now every suspension closed the account."""
    suspended = apps.get_model("identities", "Person").objects.filter(status="suspended", user__is_active=False)
    suspended.update(suspension_closed=True)


class Migration(migrations.Migration):
    dependencies = [("identities", "0005_erase_permission")]

    operations = [
        migrations.AddField(
            model_name="person",
            name="suspension_closed",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
