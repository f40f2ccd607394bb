"""A server of any model that decodes (see generation.Decoder), by OpenAI's protocol.

`python -m course_lib.serving` runs it on this machine alone; `create_app` is the application by itself.
"""

from course_lib.serving.app import ServingConfig, create_app

__all__ = ["ServingConfig", "create_app"]
