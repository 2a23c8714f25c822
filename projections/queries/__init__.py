"""Questions that read models answer."""
