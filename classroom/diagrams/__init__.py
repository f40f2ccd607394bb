"""The course's drawings: each a function of the numbers that it shows, drawn as SVG, with an alternative text.

One module per part of the course; `diagram` has what they are drawn with.
"""
