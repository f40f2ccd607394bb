"""What makes the library a course: exercises and their checks, panels, progress, running notebooks, the doctor."""
