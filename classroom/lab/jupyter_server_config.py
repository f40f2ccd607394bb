"""What the server reads where JUPYTER_CONFIG_PATH names this folder."""

c = get_config()
c.ServerApp.jpserver_extensions = {"classroom.lab": True}
c.LabApp.custom_css = True
