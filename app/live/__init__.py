"""Components whose script runs in the browser: sliders with a decoder, the drawing pad, quadrant buttons, a player."""
