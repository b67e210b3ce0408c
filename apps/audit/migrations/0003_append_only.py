from django.db import migrations, models

from apps.audit import triggers


def install(apps, schema_editor):
    for statement in triggers.installing(schema_editor.connection.vendor):
        schema_editor.execute(statement)


def remove(apps, schema_editor):
    for statement in triggers.removing(schema_editor.connection.vendor):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Apart from the rows' own migration: PostgreSQL does not alter a table with changes of the same transaction."""

    dependencies = [("audit", "0002_chain")]

    operations = [
        migrations.AlterField("event", "sequence", models.PositiveBigIntegerField(unique=True)),
        migrations.AlterModelOptions("event", {"ordering": ("-sequence",)}),
        migrations.RunPython(install, remove),
    ]
