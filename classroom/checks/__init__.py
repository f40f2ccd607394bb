"""The exercises: one module a notebook, each exercise as data (`classroom.exercise`)."""
