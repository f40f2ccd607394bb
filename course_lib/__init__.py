"""The library behind the course: plain functions and small classes, meant to be read."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
