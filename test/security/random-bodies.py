# Bodies that schemathesis cannot make by itself: what is not JSON is random bytes, or random lines.

import schemathesis
from hypothesis import strategies as st

for media_type in ("application/x-protobuf", "application/vnd.mds.avro"):
    schemathesis.openapi.media_type(media_type, st.binary(max_size=2000))

lines = st.lists(st.text(max_size=100), max_size=20)
schemathesis.openapi.media_type("application/x-ndjson", lines.map(lambda some: "\n".join(some).encode()))
