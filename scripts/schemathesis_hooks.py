"""What Schemathesis can't read out of the description.

A body of text/plain holds JSON (its contentMediaType), but in OpenAPI 3.1 Schemathesis makes any text of that. Here the
text is sent as a JSON string, which is an event that breaks a rule. What is no JSON at all, by whatever content type, is
tried in ingest/tests/it/hostile.
"""

import json

import schemathesis


@schemathesis.serializer("text/plain")
def json_as_text(context, value):
    """The bytes of the body."""
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()
