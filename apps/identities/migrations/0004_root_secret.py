from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("identities", "0003_gates"),
    ]

    operations = [
        migrations.CreateModel(
            name="RootSecret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sealed", models.BinaryField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    ]
