from django.db import migrations, models
import django.utils.timezone

from apps.audit.chain import GENESIS, link


def chain_what_is_there(apps, schema_editor):
    """Events of before the chain are chained in their order; nothing can be said of what happened to them until then."""
    Event, ChainHead = apps.get_model("audit", "Event"), apps.get_model("audit", "ChainHead")
    before, sequence = GENESIS, 0
    for event in Event.objects.order_by("pk").iterator(chunk_size=2000):
        sequence += 1
        event.sequence, event.previous = sequence, before
        event.hash = before = link(before, event)
        event.save(update_fields=["sequence", "previous", "hash"])
    ChainHead.objects.create(pk=1, sequence=sequence, hash=before)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.PositiveBigIntegerField(default=0)),
                ("hash", models.CharField(default=GENESIS, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.PositiveBigIntegerField(unique=True)),
                ("hash", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("key", models.CharField(help_text="public key, hexadecimal", max_length=64)),
                ("signature", models.CharField(help_text="hexadecimal", max_length=128)),
            ],
            options={"ordering": ("-sequence",)},
        ),
        migrations.AddField("event", "sequence", models.PositiveBigIntegerField(null=True)),
        migrations.AddField("event", "previous", models.CharField(default="", max_length=64), preserve_default=False),
        migrations.AddField("event", "hash", models.CharField(default="", max_length=64), preserve_default=False),
        migrations.AlterField("event", "at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
        migrations.RunPython(chain_what_is_there, migrations.RunPython.noop),
    ]
