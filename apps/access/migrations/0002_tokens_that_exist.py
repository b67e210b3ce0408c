"""A row for every token that was made before tokens had scopes: it may go on with what it could do until now."""

from django.db import migrations

EVERYBODY = ["enrol", "verify"]
OPERATORS = ["audit", "enrol", "gallery", "identify", "stats", "verify"]


def give_rows(apps, schema_editor):
    token_model, row_model = apps.get_model("knox", "AuthToken"), apps.get_model("access", "ApiToken")
    for token in token_model.objects.filter(api=None).select_related("user").iterator():
        scopes = OPERATORS if token.user.is_staff else EVERYBODY
        row_model.objects.create(token=token, label="made before scopes", scopes=scopes)


class Migration(migrations.Migration):
    dependencies = [("access", "0001_tokens"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(give_rows, migrations.RunPython.noop)]
