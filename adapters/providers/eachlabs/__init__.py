"""Eachlabs: Alibaba's Wan 2.5 image-to-video, paid per second."""
