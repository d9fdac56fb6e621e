"""The OpenAPI document against the running application: no 5xx, and no answer that the document does not describe.

That every case which fits the schema is accepted is not asked: what a case must hold depends on the policy, not on the document.
"""

import tempfile

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from fairdunning.service import Service
from fairdunning.store.database import Store
from fairdunning.web.api import create_app

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


PLACE = tempfile.TemporaryDirectory()
SERVICE = Service(Store(f"sqlite:///{PLACE.name}/ledger.db"))
ADMIN = {"authorization": f"Bearer {SERVICE.keys.new(['admin'], 'cn-consumer-finance-company')}"}
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(SERVICE, per_second=1e9))


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_its_document_says(case):
    """Random requests, valid and not, to every operation."""
    case.call_and_validate(checks=CHECKS, headers=ADMIN)
