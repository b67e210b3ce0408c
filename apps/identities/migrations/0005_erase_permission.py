from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("identities", "0004_root_secret")]
    operations = [
        migrations.AlterModelOptions(
            name="person",
            options={
                "ordering": ("user__username",),
                "permissions": [("erase_person", "Can erase a person with everything biometric")],
                "verbose_name_plural": "people",
            },
        )
    ]
