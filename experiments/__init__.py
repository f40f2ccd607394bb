"""Long runs: tables of results (`experiments.tables`) and the commands that made the checkpoints (`checkpoints`)."""
