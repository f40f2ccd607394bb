"""JupyterLab as the course wants it: this folder is for JUPYTER_CONFIG_PATH, where `course.py lab` names it.

`labconfig` holds settings (a reader's own choice goes before them), `custom` some style, and
`jupyter_server_config.json` switches this module on as an extension of the server. `pip install -e .` also puts the
settings, and `course.json` for the extension, where every JupyterLab of that environment reads them.
"""

from pathlib import Path
from typing import Any

__all__ = ["WIDGET", "photograph"]

WIDGET = "application/vnd.jupyter.widget-view+json"


def photograph(model: dict[str, Any], **others: Any) -> None:
    """Before a notebook is saved: a view onto a widget, which dies with its kernel, gives way to the picture beside it.

    Without this, JupyterLab shows "Error displaying widget: model not found" when the notebook is opened again, and
    nbconvert shows nothing. An output that has nothing but a line of text beside the view keeps it.
    """
    if model["type"] != "notebook" or model["content"].get("nbformat") != 4:
        return
    for cell in model["content"]["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if data.keys() & {"text/html", "image/png"}:
                data.pop(WIDGET, None)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "classroom.lab"}]


def _load_jupyter_server_extension(server: Any) -> None:
    server.contents_manager.register_pre_save_hook(photograph)
    server.web_app.settings["static_custom_path"].insert(0, str(Path(__file__).with_name("custom")))
