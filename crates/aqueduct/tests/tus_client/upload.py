"""Uploads a file with tuspy: SERVER FILE CHUNK_SIZE URLS [DIGEST [STOP_AT]].

URLS is where the places of uploads are kept, so that another run goes on where this one ended. What is printed is the place
of the upload, and where the offset was before and after.
"""

import sys

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

server, path, chunk_size, urls, *rest = sys.argv[1:]
digest = rest[0] if rest else ""
stop_at = int(rest[1]) if len(rest) > 1 else None

uploader = TusClient(f"{server}/uploads").uploader(
    path,
    chunk_size=int(chunk_size),
    metadata={"digest": digest, "filename": path} if digest else {"filename": path},
    store_url=True,
    url_storage=FileStorage(urls),
)
before = uploader.offset
uploader.upload(stop_at)
print(uploader.url.removeprefix(server), before, uploader.offset)
