"""The library behind the course: plain functions and small classes, meant to be read."""
