"""A real Chromium for the tests of what a reader sees: importing this skips a test module where there is none."""

import contextlib
import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

REQUIRED = os.environ.get("COURSE_BROWSER") == "required"
_PATH = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
if _PATH is None and not REQUIRED:
    pytest.skip("no Chromium here (COURSE_BROWSER=required makes that a failure)", allow_module_level=True)


@contextlib.contextmanager
def launched():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_PATH, args=_FLAGS)
        yield browser
        browser.close()
