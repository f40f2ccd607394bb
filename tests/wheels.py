"""A tiny package, and an index that refuses: what the tests of installing and fetching share."""

import base64
import contextlib
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

WORDS = "words\n" * 100_000


def make_wheel(folder: Path, version: str = "1.0", words: str = WORDS) -> str:
    """Write tiny_data's wheel and return its pin."""
    dist = f"tiny_data-{version}.dist-info"
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {
        "tiny_data/words.txt": words,
        f"{dist}/METADATA": f"Metadata-Version: 2.1\nName: tiny-data\nVersion: {version}\n",
        f"{dist}/WHEEL": tag,
    }
    digests = {
        path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for path, text in contents.items()
    }
    rows = [f"{path},sha256={digest.decode().rstrip('=')},{len(contents[path])}" for path, digest in digests.items()]
    contents[f"{dist}/RECORD"] = "\n".join([*rows, f"{dist}/RECORD,,\n"])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"tiny_data-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:  # stored: the wheel is as large as its words
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # no clock in it: the hash is always the same
    return f"tiny-data=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


@contextlib.contextmanager
def refusing(code: int) -> Iterator[str]:
    """The address of a server on this machine that answers everything with this status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(code)
            if code == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
