"""The commands that made data/checkpoints: `python -m experiments.checkpoints.NAME`, each stops and goes on."""
