"""A real Chromium in front of a real `reelbot run`: what only a browser can say."""
