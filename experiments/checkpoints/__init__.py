"""The commands that made data/checkpoints: `python -m experiments.checkpoints.NAME`, each whole or not at all."""
