import base64, os
import pytest
from apps.identities.services.resealing import kinds
from tests.apps.messaging.test_rotation import key_file
pytestmark = [pytest.mark.django_db, pytest.mark.database]
def test_x(as_, write, key_file):
    write()
    assert [k.name for k in kinds() if k.foreign()] == []
    key_file.write_text(base64.b64encode(os.urandom(32)).decode())
    print([k.name for k in kinds() if k.foreign()])
    assert {"messages' headers", "messages' keys"} <= {k.name for k in kinds() if k.foreign()}
